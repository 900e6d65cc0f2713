/** A room that the user entered, and what the user can do in it. */
import { createTimers } from "./deps.js";
import { CoworkingError, NetworkError, REASONS } from "./errors.js";
import { createLog } from "./log.js";
import { createModel } from "./model.js";
import { muted, speaking, typing } from "./participant.js";
import { createSocket } from "./socket.js";
/** @import { Api, Deps, Pending, Room } from "./public.js" */
/** @import { RoomMessage } from "./wire.js" */

/** The wish to be heard lapses: nobody remembers it when the line comes back. */
const UNMUTE_MS = 5_000;

/** Take a seat, and wait for the first snapshot. */
export async function enter(/** @type {Api} */ api, /** @type {string} */ id, /** @type {Deps} */ deps, /** @type {AbortSignal | undefined} */ signal) {
  const { websocket } = await api.join(id, { signal });
  const { room, start } = createRoom(api, id, deps);
  const { promise, resolve, reject } = Promise.withResolvers();
  const abort = () => reject(signal?.reason);
  signal?.addEventListener("abort", abort);
  const timer = deps.setTimeout(() => reject(new NetworkError({ code: "timeout" })), 30_000);
  const stop = room.subscribe(({ connection, ended }) => {
    if (ended) reject(new CoworkingError({ code: ended.code, detail: ended.reason }));
    else if (connection === "live") resolve(room);
  });
  try {
    signal?.throwIfAborted();
    start(websocket.url);
    await promise;
    return room;
  } catch (error) {
    room.close();
    throw error;
  } finally {
    stop();
    deps.clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}

function createRoom(/** @type {Api} */ api, /** @type {string} */ id, /** @type {Deps} */ deps) {
  const log = createLog();
  const timers = createTimers(deps);
  const model = createModel(log, deps, () => socket.resync());
  const { store, drafts, set } = model;
  const socket = createSocket(
    log,
    {
      ...model,
      roomId: id,
      status: set,
      ticket: () => api.ticket(id),
      join: () => api.join(id),
      frame(frame) {
        const { type, data } = frame;
        // The service lets nobody speak who is muted, so a `mic_toggled` is late or lost.
        const isMissed = type === "speaking_changed" && data.is_speaking && store.value.participants.some((one) => one.id === data.user_id && one.is_muted);
        if (isMissed) socket.resync();
        model.frame(frame);
      },
    },
    deps,
  );
  let earlier = /** @type {Promise<boolean> | null} */ (null);

  const onError = (/** @type {CoworkingError} */ error) => model.emit("error", error);
  const end = (/** @type {"closed" | "left"} */ code) => socket.end({ code, reason: REASONS[code], action: "stop" });
  /** Tell the state of the microphone. A newer request replaces the one that waits. */
  const tell = (/** @type {string} */ type, /** @type {object} */ data, within = 0) =>
    socket.request({ type, data }, { repeat: true, queue: "voice", latest: true, within });

  /** @returns {Promise<RoomMessage>} */
  async function say(/** @type {Pending["kind"]} */ kind, /** @type {string} */ text, key = deps.uuid()) {
    const draft = drafts.set({ key, text, kind, status: "sending" });
    set();
    const frame = kind === "text" ? { type: "message", data: { text } } : { type: "emoji", data: { emoji: text } };
    try {
      const message = await socket.request(frame, { repeat: true, queue: "chat" }, key);
      draft.seq = message.seq;
      return message;
    } catch (error) {
      drafts.set({ ...draft, status: "failed" });
      throw error;
    } finally {
      set();
    }
  }

  async function loadEarlier() {
    const [first] = log.messages;
    if (!first || !store.value.hasEarlier) return false;
    const { messages, has_more } = await api.history(id, { beforeSeq: first.seq, limit: 50 });
    if (log.messages[0] !== first) return store.value.hasEarlier; // a snapshot has replaced the log meanwhile
    log.prepend(messages);
    set({ hasEarlier: has_more });
    return has_more;
  }

  /** @type {Room} */
  const room = {
    id,
    api,
    get state() {
      return store.value;
    },
    subscribe: store.subscribe,
    on: model.on,
    say: (text) => say("text", text),
    react: (emoji) => say("emoji", emoji),
    async retry(key) {
      const draft = drafts.getFailed(key);
      if (!draft) throw new CoworkingError({ code: "unknown_key" });
      return say(draft.kind, draft.text, key);
    },
    discard(key) {
      drafts.discard(key);
      set();
    },
    async setMuted(value) {
      try {
        await tell("mic", muted(value), value ? 0 : UNMUTE_MS);
      } catch (/** @type {any} */ error) {
        if (!value && error.code === "timeout") tell("mic", muted(true)).catch(onError); // the service may have unmuted
        throw error;
      }
    },
    setSpeaking: (value) => void tell("speaking", speaking(value)).catch(onError),
    setTyping(value) {
      if (value && timers.has("typing")) return;
      if (value) timers.set("typing", 3_000, () => {});
      else timers.clear("typing");
      socket.send({ type: "typing", data: typing(value) });
    },
    send: (type, data, { to } = {}) => socket.send({ type, to, data }),
    request: (type, data, { to } = {}) => socket.request({ type, to, data }),
    loadEarlier: () => (earlier ??= loadEarlier().finally(() => (earlier = null))),
    async leave() {
      await end("left");
      await api.leave(id).catch((error) => {
        if (error.status !== 404) throw error; // without seat or room there is nothing to leave
      });
    },
    close: () => void end("closed"),
  };
  return { room, start: socket.start };
}
