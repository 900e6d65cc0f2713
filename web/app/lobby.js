/** The lobby: all rooms, and the seats taken in them as they change. */
import { dialog, face, field, fill, form, h, list, paint, write } from "./dom.js";

/** @import { RoomSummary } from "../sdk/wire.js" */
/** @import { App } from "./main.js" */

const LOOK_MS = 10_000;
const COLORS = { "bg-grayBlue": "Slate", "bg-purple": "Purple", "bg-green": "Green", "bg-orange": "Orange", "bg-red": "Red" };

export class Lobby extends HTMLElement {
  #stop = new AbortController();
  #me = h("button", { class: "chip", onclick: () => this.#editMe() });
  #hello = h("h1", { tabindex: -1 }, "Rooms");
  #people = h("p", { class: "soft", role: "status" }, "Looking who is there…");
  #cards = h("ul", { class: "cards" });

  /** @param {App} app */
  constructor(app) {
    super();
    this.app = app;
  }

  connectedCallback() {
    fill(this,
      h("header", { class: "top" }, h("span", { class: "pane lit" }), h("b", {}, "Coworking Rooms"), this.#me),
      h("main", {},
        h("div", { class: "hello" }, h("div", {}, this.#hello, this.#people),
          h("button", { class: "main", onclick: () => this.#makeRoom() }, "New room")),
        this.#cards));
    const { signal } = this.#stop;
    const look = () => document.hidden || this.#look();
    document.addEventListener("visibilitychange", look, { signal });
    addEventListener("focus", look, { signal });
    const timer = setInterval(look, LOOK_MS);
    signal.onabort = () => clearInterval(timer);
    this.#look();
  }

  disconnectedCallback() {
    this.#stop.abort();
  }

  /** Show the rooms as they are; where they can't be had, as they were. */
  async #look() {
    const { signal } = this.#stop;
    const { api } = this.app.coworking;
    try {
      const [rooms, me] = await Promise.all([api.allRooms({ signal }), this.app.me ?? api.me({ signal })]);
      if (me !== this.app.me || !this.#me.firstChild) this.#greet((this.app.me = me));
      const people = rooms.reduce((sum, room) => sum + room.participant_count, 0);
      write(this.#people, people ? `${people === 1 ? "1 person is" : `${people} people are`} at work. Microphones start muted.`
        : rooms.length ? "Nobody is here yet. Somebody has to be first." : "There are no rooms yet. Make the first one.");
      list(this.#cards, rooms, ({ id }) => id, card);
    } catch (/** @type {any} */ error) {
      if (signal.aborted) return;
      if (error.code === "unauthorized") this.app.fail(error);
      else write(this.#people, "The rooms can't be reached just now. Still trying.");
    }
  }

  /** @param {NonNullable<App["me"]>} me */
  #greet(me) {
    fill(this.#hello, "Hello, ", h("bdi", {}, me.name));
    fill(this.#me, face(me), h("bdi", {}, me.name), h("span", { class: "unseen" }, ": name and looks"));
  }

  #makeRoom() {
    const colors = Object.entries(COLORS).map(([value, label], place) =>
      paint(h("label", { class: "swatch" }, h("input", { type: "radio", name: "color", value, checked: !place }), label), value));
    ask("New room", "Make room", async ({ seats, ...room }) => {
      const { id } = await this.app.coworking.api.createRoom({ .../** @type {any} */ (room), max_participants: Number(seats) });
      location.hash = `#/rooms/${id}`;
    },
    field("Name", "input", { name: "name", required: true, maxlength: 255 }),
    field("What it is for (optional)", "textarea", { name: "description", maxlength: 2000 }),
    field("Seats", "input", { name: "seats", type: "number", min: 1, max: 50, value: 8, required: true }),
    h("fieldset", {}, h("legend", {}, "Colour"), ...colors));
  }

  #editMe() {
    const { app } = this;
    const theme = localStorage.getItem("theme") ?? "";
    ask("Name and looks", "Save", async (values) => {
      app.dress(values.theme);
      this.#greet((app.me = await app.coworking.api.updateMe({ name: values.name, avatar: values.avatar || null })));
    },
    field("Name", "input", { name: "name", required: true, maxlength: 80, value: app.me?.name }),
    field("Picture (an https address, optional)", "input", { name: "avatar", type: "url", pattern: "https://.*", value: app.me?.avatar }),
    field("Theme", "select", { name: "theme" }, ...["", "light", "dark"].map((value) =>
      h("option", { value, selected: value === theme }, value || "as the system"))));
  }
}
customElements.define("cr-lobby", Lobby);

/** @param {RoomSummary} room */
function card({ id }) {
  const seats = h("div", { class: "pane", "aria-hidden": "true" });
  const link = h("a", { href: `#/rooms/${id}`, dir: "auto" });
  const about = h("p", { class: "soft", dir: "auto" });
  const taken = h("p", { class: "taken" });
  const update = (/** @type {RoomSummary} */ { name, description, color, participant_count: people, max_participants: most }) => {
    paint(node, color);
    write(link, name);
    write(about, description);
    write(taken, `${people >= most ? "Full: " : ""}${people} of ${most} seats taken`);
    seats.classList.toggle("lit", people > 0);
    fill(seats, ...Array.from({ length: most }, (_, place) => h("i", { class: place < people ? "on" : null })));
  };
  const node = Object.assign(h("li", { class: "card" }, seats, h("div", {}, h("h2", {}, link), about, taken)), { update });
  return node;
}

/** @param {string} title @param {string} label @param {(values: Record<string, string>) => Promise<any>} act @param {...Node} fields */
function ask(title, label, act, ...fields) {
  const box = dialog(title, form(label, (values) => act(values).then(() => box.close()), ...fields),
    h("button", { class: "shut", "aria-label": "Close", onclick: () => box.close() }, "×"));
}
