/** The state of a room and its events, kept up to date by what comes from the socket. */
import { createTimers } from "./deps.js";
import { createDrafts } from "./drafts.js";
import { CoworkingError } from "./errors.js";
import { isState, typing } from "./participant.js";
import { changesRights, isMute } from "./people.js";
import { EMPTY, applyFrame, applySnapshot } from "./state.js";
import { createEmitter, createStore } from "./store.js";
/** @import { Entry } from "./internal.js" */
/** @import { Log } from "./log.js" */
/** @import { Deps, Ended, Frame, RoomEvents, RoomState } from "./public.js" */
/** @import { SnapshotData } from "./wire.js" */

/** @type {(keyof RoomEvents)[]} */
const EVENTS = ["message", "reaction", "joined", "left", "signal", "frame", "recovered", "reconnected", "error", "ended"];

/** `onChange` is called if only a snapshot tells the state now: a late frame contradicts it, or the user has other rights. */
export function createModel(/** @type {Log} */ log, /** @type {Deps} */ deps, /** @type {() => void} */ onChange) {
  const TYPING_MS = 6_000;
  const SIGNALS = ["offer", "answer", "ice-candidate", "user-joined", "user-left"];
  const store = createStore(EMPTY);
  const { on, emit } = /** @type {ReturnType<typeof createEmitter<RoomEvents>>} */ (createEmitter(EVENTS));
  const drafts = createDrafts();
  const timers = createTimers(deps);
  /** For each user and type of state frame, the time stamp of the newest frame. */
  const newest = /** @type {Map<string, string>} */ (new Map());

  /** Make the next state. Subscribers are not called if nothing changed. */
  function set(/** @type {Partial<RoomState>} */ change = {}) {
    const state = store.value;
    const next = { ...state, ...change, pending: drafts.update(log), messages: log.messages };
    const names = /** @type {(keyof RoomState)[]} */ (Object.keys(next));
    if (names.some((name) => next[name] !== state[name])) store.set(next);
  }

  /** A late `user_joined` or `user_left` that contradicts the participants is a reason to ask for a snapshot. */
  function compare(/** @type {Frame} */ { type, data }) {
    const user = type === "user_joined" ? data.participant.id : type === "user_left" && data.user_id;
    if (user && store.value.participants.some(({ id }) => id === user) !== (type === "user_joined")) onChange();
  }

  const applyEntries = (/** @type {RoomState} */ state, /** @type {Entry[]} */ entries) =>
    entries.reduce((next, { frame }) => (frame ? applyFrame(next, frame) : next), state);

  function recognize(/** @type {Entry[]} */ entries) {
    const { you } = store.value;
    for (const { message } of entries) if (message && message.user_id === you?.user_id) drafts.recognize(message);
  }

  function emitEntries(/** @type {Entry[]} */ entries) {
    for (const { message, frame } of entries) {
      if (message) emit("message", message);
      else if (frame && frame.type !== "seq_unused") emit("frame", frame);
      if (frame?.type === "user_joined") emit("joined", frame.data.participant);
      if (frame?.type === "user_left") emit("left", frame.data);
    }
  }

  return {
    store,
    drafts,
    on,
    emit,
    set,
    late: compare,

    snapshot(/** @type {SnapshotData} */ data, /** @type {Entry[]} */ entries, /** @type {boolean} */ isComplete) {
      const { you, hasEarlier } = store.value;
      recognize(entries);
      const last = Math.max(data.last_seq, ...data.messages.map(({ seq }) => seq));
      const newer = entries.filter(({ seq }) => seq > last);
      const state = { ...applySnapshot(store.value, data), hasEarlier: isComplete ? hasEarlier : log.messages[0]?.seq > 1 };
      set(applyEntries(state, newer));
      for (const { frame, seq } of entries) if (frame && seq <= last) compare(frame);
      if (!you) return;
      emitEntries(entries);
      if (you.connection_id !== data.you.connection_id) emit("reconnected", data.you);
      const messages = entries.flatMap(({ message }) => message ?? []);
      if (messages.length || !isComplete) emit("recovered", { complete: isComplete, messages });
    },

    /** Some things do not wait for their turn in the log: the animation of an emoji, and a moderator who mutes somebody. */
    arrived(/** @type {Entry} */ { message, frame }) {
      if (frame && isMute(frame)) set(applyFrame(store.value, frame));
      if (store.value.you && message?.type === "emoji") emit("reaction", message);
    },

    entries(/** @type {Entry[]} */ entries) {
      recognize(entries);
      set(applyEntries(store.value, entries));
      if (entries.some(({ frame }) => changesRights(frame, store.value.you))) onChange();
      emitEntries(entries);
    },

    /** Returns true if it is a state frame and no newer one came before. */
    frame(/** @type {Frame} */ frame) {
      const { type, ts = "", from, data } = frame;
      if (type === "error") return emit("error", new CoworkingError(data));
      if (!isState(type)) return emit(SIGNALS.includes(type) ? "signal" : "frame", frame);
      // Frames can overtake each other.
      const subject = `${type} ${from ?? data?.user_id}`;
      if (ts < (newest.get(subject) ?? "")) return;
      newest.set(subject, ts);
      const end = { ...frame, data: typing(false) };
      if (type === "typing") timers.set(subject, TYPING_MS, () => set(applyFrame(store.value, end)));
      set(applyFrame(store.value, frame));
      return true;
    },

    ended(/** @type {Ended} */ ended) {
      timers.clear();
      set({ ended });
      emit("ended", ended);
    },
  };
}
