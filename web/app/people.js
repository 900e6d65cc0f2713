/** Who is in a room. */
import { dialog, face, field, fill, h, icon, list, write } from "./dom.js";

/** @import { Participant, RoomState } from "../sdk/wire.js" */

const FREE_SEATS_SHOWN = 12;

export class People extends HTMLElement {
  #taken = h("h2", { class: "soft" });
  #list = h("ul", {});
  /** @type {Map<string, number>} */
  #volumes = new Map();

  /** @param {(user: string, volume: number) => void} setVolume */
  constructor(setVolume) {
    super();
    this.setVolume = setVolume;
  }

  connectedCallback() {
    fill(this, this.#taken, this.#list);
  }

  /** @param {RoomState} state @param {Set<string>} heard who is heard speaking, before the room says so */
  update({ room, participants }, heard) {
    const most = room?.max_participants ?? 0;
    write(this.#taken, `${participants.length} of ${most} seats taken`);
    const free = Array.from({ length: Math.min(FREE_SEATS_SHOWN, Math.max(0, most - participants.length)) }, (_, place) => `${place}`);
    list(this.#list, [...participants.map((one) => ({ ...one, is_speaking: one.is_speaking || heard.has(one.id) })).sort((one, other) => +other.is_you - +one.is_you), ...free],
      (seat) => (typeof seat === "string" ? seat : `@${seat.id}`),
      (seat) => (typeof seat === "string" ? h("li", { class: "free", "aria-hidden": "true" }, h("span", { class: "face" })) : this.#person(seat)));
  }

  /** @param {Participant} person */
  #person({ id, is_you: isYou }) {
    const [ring, name, note, unseen] = ["ring", "name", "soft note", "unseen"].map((look) => h("span", { class: look, dir: "auto" }));
    const volume = h("button", { class: "over", onclick: () => this.#askVolume(id, name.textContent ?? "") });
    const update = (/** @type {Participant} */ person) => {
      const speaks = person.is_speaking && !person.is_muted && person.is_online;
      const key = `${person.name} ${person.avatar} ${person.is_muted}`;
      if (ring.dataset.key !== key) fill(ring, face(person), person.is_muted && h("span", { class: "badge" }, icon("muted")));
      ring.dataset.key = key;
      node.className = `person${speaks ? " speaking" : ""}${person.is_online ? "" : " away"}`;
      node.title = person.name;
      volume.ariaLabel = `Volume of ${person.name}`;
      write(name, person.name);
      write(note, isYou ? "you" : !person.is_online ? "away" : person.is_typing ? "typing…" : "");
      write(unseen, person.is_muted ? ", muted" : speaks ? ", speaking" : ", microphone on");
    };
    const node = Object.assign(h("li", {}, ring, name, note, unseen, !isYou && volume), { update });
    return node;
  }

  /** @param {string} id @param {string} name */
  #askVolume(id, name) {
    const set = (/** @type {number} */ volume) => this.setVolume(id, volume);
    dialog(name, field("Volume, for you only", "input", {
      type: "range", min: 0, max: 1, step: 0.05, value: this.#volumes.get(id) ?? 1,
      oninput: ({ target }) => set(this.#volumes.set(id, target.valueAsNumber).get(id) ?? 1),
    }), h("form", { method: "dialog" }, h("button", { class: "main" }, "Done")));
  }
}
customElements.define("cr-people", People);
