/** The lobby: all rooms, and the seats taken in them. @module */
import { dialog, face, field, fill, h, icon, list, paint, say, set, write } from "./dom.js";

/** @typedef {import("./main.js").App} App */
/** @typedef {{id: string, name: string, description: string, participant_count: number, max_participants: number, color: string}} Summary */

const LOOK_EVERY = 10_000;
const COLORS = { "bg-grayBlue": "Slate", "bg-purple": "Purple", "bg-green": "Green", "bg-orange": "Orange", "bg-red": "Red" };

export class Lobby extends HTMLElement {
  #stop = new AbortController();
  #cards = h("ul", { class: "cards" });
  #count = h("p", { class: "soft" });
  #trouble = h("p", { class: "banner", role: "status" });
  #looking = false;

  /** @param {App} app */
  constructor(app) {
    super();
    this.app = app;
  }

  connectedCallback() {
    const { me } = this.app;
    const hour = new Date().getHours();
    const part = hour > 4 && hour < 12 ? "morning" : hour > 11 && hour < 18 ? "afternoon" : "evening";
    const greeting = h("h1", { tabindex: -1 }, me ? `Good ${part}, ` : `Good ${part}`, me && h("bdi", {}, me.name));
    const profile = h("button", { class: "chip", "aria-label": "Your name and looks", onclick: () => editProfile(this.app) },
      face(me ?? { name: "?" }), h("bdi", {}, me?.name ?? "You"));
    fill(this,
      h("header", { class: "top" }, h("span", { class: "brand" }, h("span", { class: "pane lit" }), "Coworking Rooms"), profile),
      h("main", { class: "lobby" },
        h("div", { class: "hello" }, h("div", {}, greeting, this.#count),
          h("button", { class: "button main", onclick: () => createRoom(this.app) }, "New room")),
        this.#trouble, this.#cards));
    const look = () => void (document.hidden || this.look());
    const options = { signal: this.#stop.signal };
    document.addEventListener("visibilitychange", look, options);
    addEventListener("focus", look, options);
    const timer = setInterval(look, LOOK_EVERY);
    options.signal.addEventListener("abort", () => clearInterval(timer));
    this.look();
  }

  disconnectedCallback() {
    this.#stop.abort();
  }

  /** Fetch the rooms and show them; what was shown stays where that fails. */
  async look() {
    if (this.#looking) return;
    this.#looking = true;
    try {
      const rooms = await this.app.coworking.api.allRooms();
      if (!this.#stop.signal.aborted) this.#show(rooms);
    } catch (/** @type {any} */ error) {
      if (this.#stop.signal.aborted) return;
      if (error.code === "unauthorized") this.app.fail(error);
      else write(this.#trouble, "The rooms can't be reached just now. Still trying.");
    } finally {
      this.#looking = false;
    }
  }

  /** @param {Summary[]} rooms */
  #show(rooms) {
    write(this.#trouble, "");
    const people = rooms.reduce((sum, room) => sum + room.participant_count, 0);
    const quiet = rooms.length ? "All rooms are empty. Somebody has to be first." : "There are no rooms yet. Make the first one.";
    write(this.#count, people ? `${people} ${people === 1 ? "person is" : "people are"} at work. Microphones start muted.` : quiet);
    list(this.#cards, rooms, (room) => room.id, card);
  }
}
customElements.define("cr-lobby", Lobby);

/** @param {Summary} room */
function card({ id }) {
  const seats = h("span", { class: "seats" });
  const pane = h("div", { class: "pane", "aria-hidden": "true" }, seats);
  const link = h("a", { href: `#/rooms/${id}`, dir: "auto" });
  const description = h("p", { class: "soft", dir: "auto" });
  const taken = h("p", { class: "taken" });
  const node = h("li", { class: "card" }, pane, h("div", {}, h("h2", {}, link), description, taken));
  return Object.assign(node, {
    update(/** @type {Summary} */ room) {
      const { participant_count: people, max_participants: most } = room;
      paint(node, room.color);
      write(link, room.name);
      write(description, room.description);
      write(taken, people >= most ? `Full, all ${most} seats taken` : `${people} of ${most} seats taken`);
      pane.classList.toggle("lit", people > 0);
      if (seats.childElementCount !== most) fill(seats, ...Array.from({ length: most }, () => h("i")));
      [...seats.children].forEach((seat, place) => seat.classList.toggle("on", place < people));
    },
  });
}

/** A dialog with a form that does something, and says where it can't.
 * @param {string} title @param {string} label @param {(form: FormData) => Promise<void>} act @param {...Node} fields */
function ask(title, label, act, ...fields) {
  const problem = h("p", { class: "problem", role: "alert" });
  const button = h("button", { class: "button main" }, label);
  const form = h("form", {
    async onsubmit(/** @type {Event} */ event) {
      event.preventDefault();
      button.disabled = true;
      try {
        await act(new FormData(form));
        box.close();
      } catch (/** @type {any} */ error) {
        fill(problem, error.detail ?? "That did not work. Try again in a moment.");
      }
      button.disabled = false;
    },
  }, ...fields, problem, h("div", { class: "row" }, button, h("button", { class: "button", type: "button", onclick: () => box.close() }, "Cancel")));
  const box = dialog(title, form);
}

/** @param {App} app */
function createRoom(app) {
  const colors = Object.entries(COLORS).map(([value, label], place) =>
    paint(h("label", { class: "swatch" }, h("input", { type: "radio", name: "color", value, checked: !place }), h("span", {}, label)), value));
  ask("New room", "Make room", async (form) => {
    const room = await app.coworking.api.createRoom({
      name: String(form.get("name")).trim(),
      description: String(form.get("description")).trim(),
      max_participants: Number(form.get("seats")),
      color: String(form.get("color")),
    });
    location.hash = `#/rooms/${room.id}`;
  },
  field("Name", h("input", { name: "name", required: true, maxlength: 255, pattern: ".*\\S.*" })),
  field("What is it for?", h("textarea", { name: "description", maxlength: 2000, rows: 2 }), "(optional)"),
  field("Seats", h("input", { name: "seats", type: "number", min: 1, max: 50, value: 8, required: true })),
  h("fieldset", {}, h("legend", {}, "Colour"), ...colors));
}

/** @param {App} app */
function editProfile(app) {
  const themes = ["system", "light", "dark"].map((theme) =>
    h("option", { value: theme, selected: (localStorage.getItem("theme") ?? "system") === theme }, `${theme[0].toUpperCase()}${theme.slice(1)}`));
  ask("Your name and looks", "Save", async (form) => {
    app.setTheme(String(form.get("theme")));
    await app.rename(String(form.get("name")).trim(), String(form.get("avatar")).trim() || null);
    say("Saved");
  },
  field("Name", h("input", { name: "name", required: true, maxlength: 80, value: app.me?.name, autocomplete: "nickname", pattern: ".*\\S.*" })),
  field("Picture", h("input", { name: "avatar", type: "url", pattern: "https://.*", maxlength: 2048, value: app.me?.avatar, placeholder: "https://" }), "(an address, optional)"),
  field("Theme", h("select", { name: "theme" }, ...themes)));
}
