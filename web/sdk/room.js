/** A room that the user entered, and what the user can do in it. */
import { createTimers, requireType, withResolvers } from "./deps.js";
import { CoworkingError, NetworkError, REASONS } from "./errors.js";
import { createLog } from "./log.js";
import { createMessages } from "./messages.js";
import { createModel } from "./model.js";
import { muted, speaking, speaksMuted, typing } from "./participant.js";
import { createSocket } from "./socket.js";
/** @import { Api, Deps, Room } from "./public.js" */

/** Without an answer, unmuting fails after this time. A user does not expect to be heard much later. */
const UNMUTE_MS = 5_000;

/**
 * Take a seat, and wait for the first snapshot. If that fails, give the seat up.
 * @param {Api} api @param {string} id @param {Deps} deps
 * @param {Map<string, Promise<void>>} leaving by room id: seats that are being given up
 * @param {{signal?: AbortSignal, invite?: string}} options
 */
export async function enter(api, id, deps, leaving, { signal, invite }) {
  requireType("string", "id", id);
  signal?.throwIfAborted();
  const { room, start, join, giveUp } = createRoom(api, id, deps, leaving, invite);
  const { promise, resolve, reject } = withResolvers();
  let isOver = false;

  async function connect() {
    await leaving.get(id);
    if (!isOver) start((await join()).websocket.url);
  }

  /** The seat is given up at once: the next call of `enter` waits for that. @param {unknown} error */
  function fail(error) {
    if (isOver) return;
    isOver = true;
    room.close();
    giveUp(connecting);
    reject(error);
  }

  const connecting = connect().catch(fail);
  const abort = () => fail(signal?.reason);
  signal?.addEventListener("abort", abort);
  const timer = deps.setTimeout(() => fail(new NetworkError({ code: "timeout" })), 30_000);
  const stop = room.subscribe(({ connection, reason, ended }) => {
    if (ended) fail(new CoworkingError({ code: ended.code, detail: ended.reason, until: ended.until }));
    else if (connection === "live") resolve(room);
    else if (reason === "websocket_blocked") fail(new CoworkingError({ code: reason }));
  });
  try {
    return /** @type {Room} */ (await promise);
  } finally {
    isOver = true;
    stop();
    deps.clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}

/** @param {Api} api @param {string} id @param {Deps} deps @param {Map<string, Promise<void>>} leaving @param {string=} invite */
function createRoom(api, id, deps, leaving, invite) {
  const log = createLog();
  const timers = createTimers(deps);
  const model = createModel(log, deps, () => socket.resync());
  const { store, set } = model;
  const socket = createSocket(
    log,
    {
      ...model,
      roomId: id,
      status: set,
      ticket: () => api.ticket(id),
      join,
      snapshot(...snapshot) {
        isUnused = false;
        model.snapshot(...snapshot);
      },
      ended(ended) {
        deps.window?.removeEventListener("pagehide", onPageHide);
        messages.end();
        model.ended(ended);
      },
      frame(frame) {
        if (speaksMuted(frame, store.value.participants)) socket.resync(); // a `mic_toggled` is late or lost
        model.frame(frame);
      },
    },
    deps,
  );
  /** The seat is new and has not had a connection. */
  let isUnused = false;

  const onError = (/** @type {CoworkingError} */ error) => model.emit("error", error);

  function end(/** @type {"closed" | "left"} */ code) {
    messages.end();
    return socket.end({ code, reason: REASONS[code], action: "stop" });
  }

  async function join() {
    const joined = await api.join(id, { expectsSocket: true, invite });
    invite = undefined; // it has been used
    isUnused = joined.message !== "Already in this room";
    return joined;
  }

  const leave = (keepalive = false) =>
    api.leave(id, { keepalive }).catch((error) => {
      if (error.status !== 404) throw error; // without seat or room there is nothing to leave
    });

  /** The seat is being given up. The next `enter` of this room waits for that. @param {Promise<unknown>} left */
  function announce(left) {
    const settled = left.catch(() => {}).then(() => void (leaving.get(id) === settled && leaving.delete(id)));
    leaving.set(id, settled);
    return left;
  }

  /** Give up a seat that has had no connection. @param {Promise<unknown>} [before] */
  async function giveUp(before) {
    await before;
    if (!isUnused) return;
    isUnused = false;
    await leave(true).catch(() => {}); // then the service gives it up, a minute later
  }

  /** The page is closed, or left. */
  function onPageHide() {
    messages.end();
    if (!isUnused) return;
    end("closed");
    announce(giveUp());
  }

  /** Tell the state of the microphone. A newer request replaces the one that waits. */
  const tell = (/** @type {string} */ type, /** @type {object} */ data, within = 0) =>
    socket.request({ type, data }, { repeat: true, queue: "voice", latest: true, within });

  const messages = createMessages({ api, id, deps, log, model, socket });

  /** @type {Room} */
  const room = {
    id,
    api,
    get state() {
      return store.value;
    },
    subscribe: store.subscribe,
    on: model.on,
    ...messages.methods,
    async setMuted(value) {
      requireType("boolean", "isMuted", value);
      try {
        await tell("mic", muted(value), value ? 0 : UNMUTE_MS);
      } catch (/** @type {any} */ error) {
        if (!value && error.code === "timeout") tell("mic", muted(true)).catch(onError); // the service may have unmuted
        throw error;
      }
    },
    setSpeaking(value) {
      requireType("boolean", "isSpeaking", value);
      tell("speaking", speaking(value)).catch(onError);
    },
    setTyping(value) {
      requireType("boolean", "isTyping", value);
      if (value && timers.has("typing")) return;
      if (value) timers.set("typing", 3_000, () => {});
      else timers.clear("typing");
      socket.send({ type: "typing", data: typing(value) });
    },
    moderate: (action, options) => api.moderate(id, action, options),
    send: (type, data, { to } = {}) => socket.send({ type, to, data }),
    request: (type, data, { to } = {}) => socket.request({ type, to, data }),
    leave: async () => void (await announce(end("left").then(() => leave()))),
    close: () => void end("closed"),
  };
  deps.window?.addEventListener("pagehide", onPageHide);
  return { room, start: socket.start, join, giveUp: (/** @type {Promise<unknown>} */ before) => announce(giveUp(before)) };
}
