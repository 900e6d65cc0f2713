/** Who is in a room. */
import { dialog, done, face, field, fill, h, icon, list, write } from "./dom.js";

const MOST_FREE = 12;

export class People extends HTMLElement {
  #taken = h("h2", { class: "soft" });
  #list = h("ul");
  #volumes = /** @type {Record<string, number>} */ ({});

  constructor(/** @type {(user: string, volume: number) => void} */ setVolume) {
    super();
    this.setVolume = setVolume;
    fill(this, this.#taken, this.#list);
  }

  /** `heard` are those who speak, which we know before the room says so. */
  update(/** @type {RoomState} */ { room, participants }, /** @type {Set<string>} */ heard) {
    const most = room?.max_participants ?? 0;
    write(this.#taken, `${participants.length} of ${most} seats taken`);
    const people = participants.map((one) => ({ ...one, is_speaking: one.is_speaking || heard.has(one.id) }));
    const free = Array.from({ length: Math.min(MOST_FREE, Math.max(0, most - people.length)) }, (_, place) => place);
    const you = people.filter((one) => one.is_you);
    list(this.#list, [...you, ...people.filter((one) => !one.is_you), ...free], (seat) => (typeof seat === "number" ? `${seat}` : `@${seat.id}`),
      (seat) => typeof seat === "number" ? h("li", { class: "free", "aria-hidden": "true" }, h("span", { class: "face" })) : this.#person(seat));
  }

  #person(/** @type {Person} */ { id, is_you: isYou }) {
    const [ring, name, note, unseen] = ["ring", "name", "soft note", "unseen"].map((look) => h("span", { class: look, dir: "auto" }));
    const volume = h("button", { class: "over", onclick: () => this.#askVolume(id, name.textContent ?? "") });
    const node = h("li", {}, ring, name, note, unseen, !isYou && volume);
    const update = (/** @type {Person} */ person) => {
      const { is_muted: isMuted, is_online: isOnline } = person;
      const speaks = person.is_speaking && !isMuted && isOnline;
      const looks = `${person.name} ${person.avatar} ${isMuted}`;
      if (ring.dataset.looks !== looks) fill(ring, face(person), isMuted && h("span", { class: "badge" }, icon("muted")));
      ring.dataset.looks = looks;
      node.className = `${speaks ? "speaking" : ""} ${isOnline ? "" : "away"}`;
      node.title = person.name;
      volume.ariaLabel = `Volume of ${person.name}`;
      write(name, person.name);
      write(note, isYou ? "you" : !isOnline ? "away" : person.is_typing ? "typing…" : "");
      write(unseen, isMuted ? ", muted" : speaks ? ", speaking" : ", microphone on");
    };
    return Object.assign(node, { update });
  }

  #askVolume(/** @type {string} */ id, /** @type {string} */ name) {
    const oninput = (/** @type {any} */ { target }) => this.setVolume(id, (this.#volumes[id] = target.valueAsNumber));
    dialog(name, field("Volume, for you only", "input", { type: "range", min: 0, max: 1, step: 0.05, value: this.#volumes[id] ?? 1, oninput }), done());
  }
}
customElements.define("cr-people", People);
