/** The lobby: all rooms and their taken seats. */
import { COLORS, dialog, done, face, field, fill, form, h, list, paint, write } from "./dom.js";

export class Lobby extends HTMLElement {
  #stop = new AbortController();
  #me = h("button.chip", { onclick: () => this.#editMe() });
  #hello = h("h1", { tabindex: -1 }, "Rooms");
  #people = h("p.soft", { role: "status" }, "Loading the rooms…");
  #cards = h("ul.cards");

  constructor(/** @type {App} */ app) {
    super();
    this.app = app;
  }

  connectedCallback() {
    fill(this,
      h("header.top", {}, h("img", { src: "app/icon.svg", alt: "", width: 24 }), h("b", {}, "Coworking Rooms"), this.#me),
      h("main", {},
        h("div.hello", {}, h("div", {}, this.#hello, this.#people),
          h("button.main", { onclick: () => this.#makeRoom() }, "New room")),
        this.#cards));
    const { signal } = this.#stop;
    const load = () => document.hidden || this.#load();
    document.addEventListener("visibilitychange", load, { signal });
    addEventListener("focus", load, { signal });
    const timer = setInterval(load, 10_000);
    signal.onabort = () => clearInterval(timer);
    load();
  }

  disconnectedCallback() {
    this.#stop.abort();
  }

  /** Load and show the rooms. If that fails, they stay as they are. */
  async #load() {
    const { app, app: { coworking: { api } } } = this;
    const { signal } = this.#stop;
    try {
      const [rooms, me] = await Promise.all([api.allRooms({ signal }), app.me ?? api.me({ signal })]);
      if (me !== app.me || !this.#me.firstChild) this.#showMe(me);
      const people = rooms.reduce((sum, room) => sum + room.participant_count, 0);
      const quiet = rooms.length ? "Nobody is here yet. Be the first." : "There are no rooms yet. Make the first one.";
      write(this.#people, people ? `${people === 1 ? "1 person is" : `${people} people are`} at work. Microphones start muted.` : quiet);
      list(this.#cards, rooms, ({ id }) => id, card);
    } catch (/** @type {any} */ error) {
      if (error.code === "unauthorized") app.fail(error);
      else if (!signal.aborted) write(this.#people, "The rooms can't be reached. Trying again…");
    }
  }

  #showMe(/** @type {Profile} */ me) {
    this.app.me = me;
    fill(this.#hello, "Hello, ", h("bdi", {}, me.name));
    fill(this.#me, face(me), h("bdi", {}, me.name), h("span.unseen", {}, ": name and looks"));
  }

  #makeRoom() {
    const colors = Object.entries(COLORS).map(([value, [label]], place) =>
      paint(h("label.swatch", {}, h("input", { type: "radio", name: "color", value, checked: !place }), label), value));
    ask("New room", "Make room", async ({ name, seats, ...room }) => {
      const { id } = await this.app.coworking.api.createRoom({ name, max_participants: Number(seats), ...room });
      location.hash = `#/rooms/${id}`;
    },
    field("Name", "input", { name: "name", required: true, maxlength: 255 }),
    field("Description (optional)", "textarea", { name: "description", maxlength: 2000 }),
    field("Seats", "input", { name: "seats", type: "number", min: 1, max: 50, value: 8, required: true }),
    h("fieldset", {}, h("legend", {}, "Colour"), ...colors));
  }

  #editMe() {
    const { app } = this;
    const theme = localStorage.getItem("theme");
    const themes = ["", "light", "dark"].map((value) => h("option", { value, selected: value === theme }, value || "like the system"));
    ask("Name and looks", "Save", async ({ name, avatar, theme }) => {
      app.setTheme(theme);
      this.#showMe(await app.coworking.api.updateMe({ name, avatar: avatar || null }));
    },
    field("Name", "input", { name: "name", required: true, maxlength: 80, value: app.me?.name }),
    field("Picture (an https address, optional)", "input", { name: "avatar", type: "url", pattern: "https://.*", value: app.me?.avatar }),
    field("Theme", "select", { name: "theme" }, ...themes));
  }
}
customElements.define("cr-lobby", Lobby);

function card(/** @type {RoomSummary} */ { id }) {
  const pane = h("div.pane", { "aria-hidden": "true" });
  const link = h("a", { href: `#/rooms/${id}`, dir: "auto" });
  const about = h("p.soft", { dir: "auto" });
  const taken = h("p.taken");
  const node = h("li.card", {}, pane, h("div", {}, h("h2", {}, link), about, taken));
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
