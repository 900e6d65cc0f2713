/** The lobby: all rooms and their taken seats. */
import { COLORS, button, dialog, done, face, field, fill, form, h, list, paint, write } from "./dom.js";

/** The lobby, as an element. It loads the rooms while it is shown. */
export function createLobby(/** @type {App} */ app) {
  const { api } = app.coworking;
  const chip = button("", editMe, "chip");
  const hello = h("h1", { tabindex: -1 }, "Rooms");
  const people = h("p.soft", { role: "status" }, "Loading the rooms…");
  const cards = h("ul.cards");
  const node = h("cr-lobby",
    h("header.top", h("img", { src: "app/icon.svg", alt: "", width: 24 }), h("b", "Coworking Rooms"), chip),
    h("main", h("div.hello", h("div", hello, people), button("New room", makeRoom, "main")), cards));
  const look = () => (node.isConnected ? document.hidden || load() : stop());
  const timer = setInterval(look, 10_000);
  const stop = () => {
    clearInterval(timer);
    removeEventListener("focus", look);
  };

  addEventListener("focus", look);
  queueMicrotask(look);

  /** Load and show the rooms. If that fails, they stay as they are. */
  async function load() {
    try {
      const [rooms, me] = await Promise.all([api.allRooms(), app.me ?? api.me()]);
      if (me !== app.me || !chip.firstChild) showMe(me);
      const count = rooms.reduce((sum, room) => sum + room.participant_count, 0);
      const quiet = rooms.length ? "Nobody is here yet. Be the first." : "There are no rooms yet. Make the first one.";
      write(people, count ? `${count === 1 ? "1 person is" : `${count} people are`} at work. Microphones start muted.` : quiet);
      list(cards, rooms, ({ id }) => id, card);
    } catch (/** @type {any} */ error) {
      if (error.code !== "unauthorized") write(people, "The rooms can't be reached. Trying again…");
      else if (node.isConnected) app.fail(error);
    }
  }

  function showMe(/** @type {Profile} */ me) {
    app.me = me;
    fill(hello, "Hello, ", h("bdi", me.name));
    fill(chip, face(me), h("bdi", me.name), h("span.unseen", ": name and looks"));
  }

  function makeRoom() {
    const colors = Object.entries(COLORS).map(([value, [label]], place) =>
      paint(h("label.swatch", h("input", { type: "radio", name: "color", value, checked: !place }), label), value));
    ask("New room", "Make room", async ({ name, seats, ...room }) => {
      const { id } = await api.createRoom({ name, max_participants: +seats, ...room });
      location.hash = `#/rooms/${id}`;
    },
    field("Name", "input", { name: "name", required: true, maxlength: 255 }),
    field("Description (optional)", "textarea", { name: "description", maxlength: 2000 }),
    field("Seats", "input", { name: "seats", type: "number", min: 1, max: 50, value: 8, required: true }),
    h("fieldset", h("legend", "Colour"), ...colors));
  }

  function editMe() {
    const theme = localStorage.getItem("theme");
    const themes = ["", "light", "dark"].map((value) => h("option", { value, selected: value === theme }, value || "like the system"));
    ask("Name and looks", "Save", async ({ name, avatar, theme }) => {
      app.setTheme(theme);
      showMe(await api.updateMe({ name, avatar: avatar || null }));
    },
    field("Name", "input", { name: "name", required: true, maxlength: 80, value: app.me?.name }),
    field("Picture (an https address, optional)", "input", { name: "avatar", type: "url", pattern: "https://.*", value: app.me?.avatar }),
    field("Theme", "select", { name: "theme" }, ...themes));
  }

  return node;
}

function card(/** @type {RoomSummary} */ { id }) {
  const pane = h("div.pane", { "aria-hidden": "true" });
  const link = h("a", { href: `#/rooms/${id}`, dir: "auto" });
  const about = h("p.soft", { dir: "auto" });
  const taken = h("p.taken");
  const node = h("li.card", pane, h("div", h("h2", link), about, taken));
  const update = (/** @type {RoomSummary} */ { name, description, color, participant_count: people, max_participants: most }) => {
    paint(node, color);
    write(link, name);
    write(about, description);
    write(taken, `${people < most ? "" : "Full: "}${people} of ${most} seats taken`);
    pane.classList.toggle("lit", people > 0);
    fill(pane, ...Array.from({ length: most }, (_, place) => h("i", { class: place < people && "on" })));
  };
  return Object.assign(node, { update });
}

/** Show a dialog with a form. It closes when the form has succeeded. @type {(title: string, ...form: Parameters<MakeForm>) => void} */
const ask = (title, label, act, ...fields) => {
  const box = dialog(title, form(label, (values) => act(values).then(() => box.close()), ...fields), done("Cancel"));
};
