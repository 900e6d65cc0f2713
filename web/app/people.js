/** Who is in a room. @module */
import { dialog, face, field, fill, h, icon, list, set, write } from "./dom.js";

/** @import { Participant as Person, RoomState } from "../sdk/wire.js" */

const FREE_SEATS_SHOWN = 12;

export class People extends HTMLElement {
  #list = h("ul", { class: "people" });
  #title = h("h2", { class: "soft" });
  /** What each person's voice comes in at. @type {Map<string, number>} */
  #volumes = new Map();

  /** @param {(user: string, volume: number) => void} setVolume */
  constructor(setVolume) {
    super();
    this.setVolume = setVolume;
  }

  connectedCallback() {
    fill(this, this.#title, this.#list);
  }

  /** @param {RoomState} state @param {Set<string>} heard who is heard speaking, ahead of what the room says */
  update(state, heard) {
    const most = state.room?.max_participants ?? 0;
    const free = Math.max(0, most - state.participants.length);
    write(this.#title, `${state.participants.length} of ${most} seats taken`);
    /** @type {(Person | number)[]} */
    const seats = [...state.participants, ...Array(Math.min(free, FREE_SEATS_SHOWN)).keys()];
    list(this.#list, seats, (seat) => (typeof seat === "number" ? `${seat}` : `@${seat.id}`),
      (seat) => (typeof seat === "number" ? h("li", { class: "person free", "aria-hidden": "true" }, h("span", { class: "face" })) : this.#person(seat, heard)));
  }

  /** Let an emoji rise from whoever sent it. @param {string} user @param {string} emoji */
  float(user, emoji) {
    const from = this.querySelector(`[data-user="${CSS.escape(user)}"] .ring`);
    const node = h("span", { class: "float", "aria-hidden": "true", onanimationend: () => node.remove() }, emoji);
    node.style.setProperty("--drift", `${Math.round(Math.random() * 40 - 20)}px`);
    from?.append(node);
  }

  /** @param {Person} first @param {Set<string>} heard */
  #person(first, heard) {
    const ring = h("span", { class: "ring" });
    const badge = h("span", { class: "badge" }, icon("muted"));
    const name = h("span", { class: "name", dir: "auto" });
    const states = h("span", { class: "unseen" });
    const note = h("span", { class: "soft note" });
    const volume = h("button", { class: "over", onclick: () => this.#ask(first.id, name.textContent ?? "") });
    const node = h("li", { class: "person", "data-user": first.id }, ring, name, states, note, !first.is_you && volume);
    let shown = "";
    return Object.assign(node, {
      update: (/** @type {Person} */ person) => {
        const { is_muted: muted, is_online: online } = person;
        const looks = `${person.name} ${person.avatar}`;
        if (looks !== shown) fill(ring, face(person), badge);
        shown = looks;
        const speaking = online && !muted && (person.is_speaking || heard.has(person.id));
        node.classList.toggle("speaking", speaking);
        node.classList.toggle("away", !online);
        badge.hidden = !muted;
        write(name, person.name);
        set(name, "title", person.name);
        set(volume, "aria-label", `Volume of ${person.name}`);
        write(note, person.is_you ? "you" : online ? (person.is_typing ? "typing…" : "") : "away");
        write(states, [", ", muted ? "muted" : speaking ? "speaking" : "microphone on"].join(""));
      },
    });
  }

  /** @param {string} id @param {string} name */
  #ask(id, name) {
    const range = h("input", {
      type: "range", min: 0, max: 1, step: 0.05, value: this.#volumes.get(id) ?? 1,
      oninput: () => {
        this.#volumes.set(id, range.valueAsNumber);
        this.setVolume(id, range.valueAsNumber);
      },
    });
    const box = dialog(name, field("Volume", range, "(only for you)"), h("div", { class: "row" }, h("button", { class: "button main", onclick: () => box.close() }, "Done")));
  }
}
customElements.define("cr-people", People);
