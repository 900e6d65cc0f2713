/** What an application uses: a room to watch, and what one does in it. */
import { Timers } from "./deps.js";
import { CoworkingError, NetworkError } from "./errors.js";
import { RoomSocket } from "./socket.js";
import { EMPTY, Store, call, isState, refine, replace } from "./state.js";
/** @import { Api, Deps, Entry, Frame, Pending, Room, RoomEvents, RoomState, SnapshotData } from "./wire.js" */

const TYPING_MS = 6_000;
const TYPED_MS = 3_000;
const ENTER_MS = 30_000;
const EARLIER = 50;
const SIGNALS = new Set(["offer", "answer", "ice-candidate", "user-joined", "user-left"]);

/** Take a seat, and wait until the room is here. */
export async function enter(/** @type {Api} */ api, /** @type {string} */ id, /** @type {Deps} */ deps, /** @type {AbortSignal | undefined} */ signal) {
  const { websocket } = await api.join(id, { signal });
  const { room, socket } = createRoom(api, id, deps);
  const { promise, resolve, reject } = Promise.withResolvers();
  const stop = () => reject(signal?.reason);
  signal?.addEventListener("abort", stop);
  const overdue = new NetworkError({ code: "timeout", detail: "The room did not answer" });
  const timer = deps.setTimeout(() => reject(overdue), ENTER_MS);
  const off = room.subscribe(({ connection, ended }) => {
    if (ended) reject(new CoworkingError({ code: ended.code, detail: ended.reason }));
    else if (connection === "live") resolve(room);
  });
  try {
    signal?.throwIfAborted();
    socket.start(websocket.url);
    await promise;
    return room;
  } catch (error) {
    room.close();
    throw error;
  } finally {
    off();
    deps.clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
}

function createRoom(/** @type {Api} */ api, /** @type {string} */ id, /** @type {Deps} */ deps) {
  const store = new Store(EMPTY);
  const timers = new Timers(deps);
  const listeners = /** @type {Map<string, Set<(detail: any) => void>>} */ (new Map());
  /** What was said and isn't in the log; with a number once it is known to be stored. */
  const drafts = /** @type {Map<string, Pending & {seq?: number}>} */ (new Map());
  /** When each state of each user was last told of. */
  const told = /** @type {Map<string, string>} */ (new Map());
  let earlier = /** @type {Promise<boolean> | undefined} */ (undefined);
  let muted = /** @type {boolean | undefined} */ (undefined);
  let hasNewSeat = false;

  const socket = new RoomSocket(
    {
      roomId: id,
      ticket: () => api.ticket(id),
      join: async () => {
        const joined = await api.join(id);
        hasNewSeat = true;
        return joined;
      },
      status: (connection, retryAt) => set({ connection, retryAt }),
      snapshot,
      shown: (entries) => {
        recognize(entries);
        set(entries.reduce((state, { frame }) => (frame ? refine(state, frame) : state), store.value));
        tell(entries);
      },
      late: compare,
      frame: take,
      ended: (ended) => {
        timers.clear();
        set({ connection: "ended", retryAt: null, ended });
        emit("ended", ended);
      },
    },
    deps,
  );
  const { log } = socket;

  function emit(/** @type {keyof RoomEvents} */ name, /** @type {RoomEvents[keyof RoomEvents]} */ detail) {
    call(listeners.get(name) ?? [], detail);
  }

  function set(/** @type {Partial<RoomState>} */ change) {
    for (const [key, { seq }] of drafts) if (seq && log.shows(seq)) drafts.delete(key);
    const waiting = [...drafts.values()].map(({ key, text, kind, status }) => ({ key, text, kind, status }));
    const isSame = JSON.stringify(waiting) === JSON.stringify(store.value.pending);
    const pending = isSame ? store.value.pending : Object.freeze(waiting);
    const next = { ...store.value, ...change, messages: log.messages, pending };
    const names = /** @type {(keyof RoomState)[]} */ (Object.keys(next));
    if (names.some((name) => next[name] !== store.value[name])) store.set(next);
  }

  function snapshot(/** @type {SnapshotData} */ data, /** @type {Entry[]} */ shown, /** @type {boolean} */ complete) {
    const { you, hasEarlier } = store.value;
    recognize(shown);
    const newest = Math.max(data.last_seq, ...data.messages.map(({ seq }) => seq));
    const frames = shown.flatMap(({ frame, message }) => (frame ? [{ frame, isNew: message.seq > newest }] : []));
    const replaced = { ...replace(store.value, data), hasEarlier: complete ? hasEarlier : log.messages[0]?.seq > 1 };
    set(frames.reduce((state, { frame, isNew }) => (isNew ? refine(state, frame) : state), replaced));
    for (const { frame, isNew } of frames) if (!isNew) compare(frame);
    if (!you) return;
    tell(shown);
    if (you.connection_id !== data.you.connection_id) emit("reconnected", data.you);
    if (shown.length || !complete) emit("recovered", { complete, messages: shown.map(({ message }) => message) });
    if (hasNewSeat && muted === false) room.setMuted(false).catch((error) => emit("error", error)); // it began muted
    hasNewSeat = false;
  }

  /** A coming or going out of turn that isn't as we have it is a reason to ask. */
  function compare(/** @type {Frame} */ { type, data }) {
    const user = data.participant?.id ?? (type === "user_left" && data.user_id);
    if (user && store.value.participants.some(({ id }) => id === user) !== (type === "user_joined")) socket.sync();
  }

  /** What was said comes back before it is acknowledged. */
  function recognize(/** @type {Entry[]} */ entries) {
    for (const { message } of entries) {
      if (message.user_id !== store.value.you?.user_id) continue;
      const draft = [...drafts.values()].find(({ status, seq }) => status === "sending" && !seq);
      if (draft && draft.text.normalize() === message.text) draft.seq = message.seq;
    }
  }

  function tell(/** @type {Entry[]} */ entries) {
    for (const { message, frame } of entries) {
      emit("message", message);
      if (frame && message.type === "emoji") emit("reaction", message);
      if (frame?.type === "user_joined") emit("joined", frame.data.participant);
      if (frame?.type === "user_left") emit("left", frame.data);
    }
  }

  function take(/** @type {Frame} */ frame) {
    const { type, ts = "", from = "", data } = frame;
    if (type === "error") return emit("error", new CoworkingError(data));
    if (!isState(type)) return emit(SIGNALS.has(type) ? "signal" : "frame", frame);
    // Frames overtake each other.
    const about = `${type} ${from || data?.user_id}`;
    if (ts < (told.get(about) ?? "")) return;
    told.set(about, ts);
    if (type === "typing") timers.set(about, TYPING_MS, () => set(refine(store.value, { ...frame, data: { is_typing: false } })));
    if (type === "mic_toggled" && data.user_id === store.value.you?.user_id) muted = data.is_muted;
    set(refine(store.value, frame));
  }

  async function say(/** @type {"text" | "emoji"} */ kind, /** @type {string} */ text, key = deps.uuid()) {
    const draft = { key, kind, text, status: /** @type {Pending["status"]} */ ("sending"), seq: 0 };
    drafts.set(key, draft);
    set({});
    const frame = kind === "text" ? { type: "message", data: { text } } : { type: "emoji", data: { emoji: text } };
    try {
      const message = await socket.request(frame, { again: true, lane: "chat", id: key });
      draft.seq = message.seq;
      return message;
    } catch (error) {
      drafts.set(key, { ...draft, status: "failed", seq: 0 });
      throw error;
    } finally {
      set({});
    }
  }

  async function loadEarlier() {
    const first = log.messages[0];
    if (!first || !store.value.hasEarlier) return false;
    const { messages, has_more } = await api.history(id, { beforeSeq: first.seq, limit: EARLIER });
    if (log.messages[0] !== first) return store.value.hasEarlier; // it began anew meanwhile
    log.prepend(messages);
    set({ hasEarlier: has_more });
    return has_more;
  }

  const again = { again: true, lane: "voice", latest: true };

  /** @type {Room} */
  const room = {
    id,
    api,
    get state() {
      return store.value;
    },
    subscribe: (watch) => store.subscribe(watch),
    on: (name, listener) => {
      const own = (/** @type {any} */ detail) => listener(detail);
      const others = listeners.get(name) ?? new Set();
      listeners.set(name, others.add(own));
      return () => void others.delete(own);
    },
    say: (text) => say("text", text),
    react: (emoji) => say("emoji", emoji),
    retry: async (key) => {
      const draft = drafts.get(key);
      if (draft?.status !== "failed") throw new CoworkingError({ code: "unknown_key", detail: "Nothing has failed under this key" });
      return say(draft.kind, draft.text, key);
    },
    discard: (key) => {
      if (drafts.get(key)?.status === "failed") drafts.delete(key);
      set({});
    },
    setMuted: (is_muted) => {
      muted = is_muted;
      return socket.request({ type: "mic", data: { is_muted } }, again);
    },
    setSpeaking: (is_speaking) => {
      socket.request({ type: "speaking", data: { is_speaking } }, again).catch((error) => emit("error", error));
    },
    setTyping: (is_typing) => {
      if (is_typing && timers.has("typed")) return;
      if (is_typing) timers.set("typed", TYPED_MS, () => {});
      else timers.clear("typed");
      socket.send({ type: "typing", data: { is_typing } });
    },
    send: (type, data, { to } = {}) => socket.send({ type, to, data }),
    request: (type, data, { to } = {}) => socket.request({ type, to, data }),
    loadEarlier: () => (earlier ??= loadEarlier().finally(() => (earlier = undefined))),
    leave: async () => {
      await socket.end({ code: "left", reason: "You left the room", action: "stop" });
      await api.leave(id).catch((error) => {
        if (error.status !== 404) throw error; // no seat, no room: it is done
      });
    },
    close: () => void socket.end({ code: "closed", reason: "You closed the connection", action: "stop" }),
  };
  return { room, socket };
}
