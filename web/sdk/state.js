/** A room as one value, what changes it, and a store to watch it. */
/** @import { Frame, Participant, ParticipantView, RoomState, SnapshotData } from "./wire.js" */

/** @type {RoomState} */
export const EMPTY = {
  connection: "connecting",
  retryAt: null,
  ended: null,
  room: null,
  you: null,
  participants: [],
  messages: [],
  hasEarlier: false,
  pending: [],
};

/** What a frame says about whoever sent it. @type {Record<string, (data: any) => Partial<Participant>>} */
const NEWS = {
  message_sent: () => ({ is_typing: false }),
  typing: ({ is_typing }) => ({ is_typing: is_typing === true }),
  mic_toggled: ({ is_muted }) => (is_muted ? { is_muted, is_speaking: false } : { is_muted }),
  speaking_changed: ({ is_speaking }) => ({ is_speaking }),
  presence_changed: ({ is_online }) => (is_online ? { is_online } : { is_online, is_speaking: false, is_typing: false }),
};

/** Whether it tells how somebody or something is now. */
export const isState = (/** @type {string} */ type) => type === "room_updated" || Object.hasOwn(NEWS, type);

/** A snapshot replaces what was. */
export function replace(/** @type {RoomState} */ state, /** @type {SnapshotData} */ { room: { participants, ...room }, you }) {
  const typing = new Set(state.participants.filter((one) => one.is_typing).map((one) => one.id));
  return seat({ ...state, room, you }, participants.map((one) => see(one, you.user_id, typing.has(one.id))));
}

/** An event refines it; any other frame leaves it as it is. */
export function refine(/** @type {RoomState} */ state, /** @type {Frame} */ frame) {
  const { type, from, data } = frame;
  const { room, you, participants } = state;
  if (!room) return state;
  if (type === "user_joined") {
    const comer = see(data.participant, you?.user_id, false);
    return seat(state, [...participants.filter(({ id }) => id !== comer.id), comer]);
  }
  if (type === "user_left") return seat(state, participants.filter(({ id }) => id !== data.user_id));
  if (type === "room_updated") return seat({ ...state, room: { ...room, ...data } }, participants);
  if (!Object.hasOwn(NEWS, type)) return state;
  const id = from ?? data.user_id;
  const news = NEWS[type]({ ...frame, ...data });
  const isNews = (/** @type {Participant} */ one) =>
    one.id === id && Object.entries(news).some(([name, value]) => one[/** @type {keyof Participant} */ (name)] !== value);
  if (!participants.some(isNews)) return state;
  return seat(state, participants.map((one) => (isNews(one) ? Object.freeze({ ...one, ...news }) : one)));
}

function see(/** @type {ParticipantView} */ view, /** @type {string | undefined} */ you, /** @type {boolean} */ is_typing) {
  return Object.freeze({ ...view, is_you: view.id === you, is_typing });
}

/** @returns {RoomState} */
function seat(/** @type {RoomState} */ state, /** @type {readonly Participant[]} */ participants) {
  const room = state.room && Object.freeze({ ...state.room, participant_count: participants.length });
  return { ...state, room, participants: Object.freeze(participants) };
}

/**
 * A value to watch. Who subscribes is called at once, and then once for all changes of a turn.
 * @template T
 */
export class Store {
  #watchers = /** @type {Set<(value: T) => void>} */ (new Set());
  #isTelling = false;

  constructor(/** @type {T} */ value) {
    this.value = Object.freeze(value);
  }

  set(/** @type {T} */ value) {
    this.value = Object.freeze(value);
    if (!this.#isTelling) queueMicrotask(() => this.#tell());
    this.#isTelling = true;
  }

  subscribe(/** @type {(value: T) => void} */ watch) {
    const own = (/** @type {T} */ value) => watch(value);
    this.#watchers.add(own);
    watch(this.value);
    return () => void this.#watchers.delete(own);
  }

  #tell() {
    this.#isTelling = false;
    call(this.#watchers, this.value);
  }
}

/**
 * Call listeners whose errors are their own.
 * @template T
 */
export function call(/** @type {Iterable<(value: T) => void>} */ listeners, /** @type {T} */ value) {
  for (const listener of [...listeners]) {
    try {
      listener(value);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}
