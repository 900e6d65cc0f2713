/** A room as one value, what changes it, and a store to watch it. */

/** @import { Frame, Participant, ParticipantView, RoomState, SnapshotData } from "./wire.js" */

/** @type {RoomState} */
export const EMPTY = Object.freeze({
  connection: "connecting",
  retryAt: null,
  ended: null,
  room: null,
  you: null,
  participants: [],
  messages: [],
  hasEarlier: false,
  pending: [],
});

/**
 * A snapshot replaces who is there.
 * @param {RoomState} state
 * @param {SnapshotData} snapshot
 * @returns {RoomState}
 */
export function replace(state, { room, you }) {
  const { participants: seated, ...summary } = room;
  const typing = new Set(state.participants.filter((one) => one.is_typing).map((one) => one.id));
  const participants = seated.map((one) => participant(one, you.user_id, typing.has(one.id)));
  return withPeople({ ...state, room: summary, you }, participants);
}

/**
 * An event refines it. What doesn't concern the state leaves it as it is.
 * @param {RoomState} state
 * @param {Frame} frame
 * @returns {RoomState}
 */
export function refine(state, frame) {
  const { type, data = {} } = frame;
  const change = (/** @type {string | undefined} */ id, /** @type {Partial<Participant>} */ fields) =>
    withPeople(state, change_one(state.participants, id, fields));
  switch (state.room && type) {
    case "user_joined": {
      const comer = participant(data.participant, state.you?.user_id, false);
      const others = state.participants.filter(({ id }) => id !== comer.id);
      return withPeople(state, [...others, comer]);
    }
    case "user_left":
      return withPeople(state, state.participants.filter(({ id }) => id !== data.user_id));
    case "message_sent":
      return change(frame.from, { is_typing: false });
    case "typing":
      return change(frame.from, { is_typing: (data.is_typing ?? frame.is_typing) === true });
    case "mic_toggled":
      return change(data.user_id, { is_muted: data.is_muted, ...(data.is_muted && { is_speaking: false }) });
    case "speaking_changed":
      return change(data.user_id, { is_speaking: data.is_speaking });
    case "presence_changed":
      return change(data.user_id, {
        is_online: data.is_online,
        ...(!data.is_online && { is_speaking: false, is_typing: false }),
      });
    case "room_updated":
      return { ...state, room: { ...state.room, ...data, participant_count: state.participants.length } };
    case "room_closed":
      return state.room ? { ...state, room: { ...state.room, status: "inactive" } } : state;
    default:
      return state;
  }
}

/**
 * @param {ParticipantView} view
 * @param {string | undefined} you
 * @param {boolean} is_typing
 * @returns {Participant}
 */
function participant(view, you, is_typing) {
  return Object.freeze({ ...view, is_you: view.id === you, is_typing });
}

/**
 * @param {readonly Participant[]} people
 * @param {string | undefined} id
 * @param {Partial<Participant>} fields
 */
function change_one(people, id, fields) {
  const isNews = (/** @type {Participant} */ one) =>
    one.id === id && Object.entries(fields).some(([name, value]) => one[/** @type {keyof Participant} */ (name)] !== value);
  return people.some(isNews) ? people.map((one) => (isNews(one) ? Object.freeze({ ...one, ...fields }) : one)) : people;
}

/**
 * @param {RoomState} state
 * @param {readonly Participant[]} participants
 * @returns {RoomState}
 */
function withPeople(state, participants) {
  if (participants === state.participants || !state.room) return state;
  const room = Object.freeze({ ...state.room, participant_count: participants.length });
  return { ...state, room, participants: Object.freeze(participants) };
}

/**
 * A value to watch. Whoever subscribes is called at once, and then once for all changes of a turn.
 * @template T
 */
export class Store {
  #watchers = /** @type {Set<(value: T) => void>} */ (new Set());
  #told;

  /** @param {T} value */
  constructor(value) {
    this.value = Object.freeze(value);
    this.#told = this.value;
  }

  /** @param {T} value */
  set(value) {
    if (value === this.value) return;
    if (this.#told === this.value) queueMicrotask(() => this.#tell());
    this.value = Object.freeze(value);
  }

  /**
   * @param {(value: T) => void} watch
   * @returns {() => void} ends it
   */
  subscribe(watch) {
    const own = (/** @type {T} */ value) => watch(value);
    this.#watchers.add(own);
    watch(this.value);
    return () => void this.#watchers.delete(own);
  }

  #tell() {
    this.#told = this.value;
    for (const watch of [...this.#watchers]) if (this.#watchers.has(watch)) call(watch, this.value);
  }
}

/**
 * Call a listener whose errors are its own.
 * @template T
 * @param {(value: T) => void} listener
 * @param {T} value
 */
export function call(listener, value) {
  try {
    listener(value);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
