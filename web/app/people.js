/** Who is in a room. */
import { dialog, done, face, field, fill, h, icon, list, write } from "./dom.js";

/** The people in a room: their element, and how to show a state. */
export function createPeople(/** @type {(user: string, volume: number) => void} */ setVolume) {
  const MAX_FREE = 12;
  const taken = h("h2.soft");
  const seats = h("ul");
  const volumes = /** @type {Record<string, number>} */ ({});
  const node = h("cr-people", taken, seats);

  /** `heard` has the users whom we hear speaking: the room tells it later. */
  function update(/** @type {RoomState} */ { room, participants }, /** @type {Set<string>} */ heard) {
    const most = room?.max_participants ?? 0;
    write(taken, `${participants.length} of ${most} seats taken`);
    const people = participants.map((one) => ({ ...one, is_speaking: one.is_speaking || heard.has(one.id) }));
    const free = Array.from({ length: Math.min(MAX_FREE, Math.max(0, most - people.length)) }, (_, place) => place);
    const you = people.filter((one) => one.is_you);
    list(seats, [...you, ...people.filter((one) => !one.is_you), ...free], (seat) => (typeof seat === "number" ? `${seat}` : `@${seat.id}`),
      (seat) => typeof seat === "number" ? h("li.free", { "aria-hidden": "true" }, h("span.face")) : makePerson(seat));
  }

  function makePerson(/** @type {Person} */ { id, is_you: isYou }) {
    const [ring, name, note, unseen] = ["ring", "name", "soft note", "unseen"].map((look) => h("span", { class: look, dir: "auto" }));
    const volume = h("button.over", { onclick: () => askVolume(id, name.textContent ?? "") });
    const node = h("li", ring, name, note, unseen, !isYou && volume);
    const update = (/** @type {Person} */ person) => {
      const { is_muted: isMuted, is_online: isOnline } = person;
      const speaks = person.is_speaking && !isMuted && isOnline;
      const looks = `${person.name} ${person.avatar} ${isMuted}`;
      if (ring.dataset.looks !== looks) fill(ring, face(person), isMuted && h("span.badge", icon("muted")));
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

  function askVolume(/** @type {string} */ id, /** @type {string} */ name) {
    const oninput = (/** @type {any} */ { target }) => setVolume(id, (volumes[id] = target.valueAsNumber));
    dialog(`Volume of ${name}`, field("For you only", "input", { type: "range", min: 0, max: 1, step: 0.05, value: volumes[id] ?? 1, oninput }), done());
  }

  return { node, update };
}
