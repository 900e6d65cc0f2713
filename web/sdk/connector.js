/** Keeps a room connected. It is a state machine with up to three connections. */
import { createConnection } from "./connection.js";
import { backoff, createTimers } from "./deps.js";
import { CoworkingError } from "./errors.js";
import { isTransient } from "./http.js";
/** @import { Connection, ConnectionEvents, ConnectorEvents, SocketState } from "./internal.js" */
/** @import { Code, ConnectionStatus, Deps, Ended, RoomState } from "./public.js" */
/** @import { ByeData } from "./wire.js" */

/** The states, and the states that may follow each. */
const STATES = /** @type {Record<SocketState, string>} */ ({
  /** The service is asked for a ticket or for a seat. */
  admitting: "opening waiting offline ended",
  /** A connection is opened; its first snapshot has not come yet. */
  opening: "live waiting offline ended",
  live: "rotating waiting offline ended",
  /** Live, while a ticket for the next connection is asked for, or the next connection is opened. */
  rotating: "live opening admitting ended",
  /** A timer runs until the next attempt. */
  waiting: "admitting offline ended",
  /** The browser says that it is offline. The next attempt comes when it is online again. */
  offline: "admitting ended",
  ended: "",
});

export function createConnector(/** @type {ConnectorEvents} */ events, /** @type {Deps} */ deps) {
  const MAX_UNOPENED = 3;
  const timers = createTimers(deps);
  const { window, document } = deps;
  let state = /** @type {SocketState} */ ("admitting");
  /** The connection in use, the one that will replace it, and the one that it replaced. */
  let current = /** @type {Connection | null} */ (null);
  let next = /** @type {Connection | null} */ (null);
  let old = /** @type {Connection | null} */ (null);
  /** The status for applications while there is no connection. */
  let absence = /** @type {ConnectionStatus} */ ("connecting");
  let attempts = 0;
  /** How many WebSockets in a row did not open, though the service gave a ticket for each. */
  let unopened = 0;
  let isOffline = false;
  let mustJoin = false;
  let opening = /** @type {Promise<unknown>} */ (Promise.resolve());

  const mayBecome = (/** @type {SocketState} */ other) => STATES[state].includes(other);

  function setState(/** @type {SocketState} */ other, /** @type {Partial<RoomState>} */ change = {}) {
    if (!mayBecome(other)) throw new Error(`The socket can't go from ${state} to ${other}`);
    state = other;
    events.status({ connection: current ? "live" : other === "offline" || other === "ended" ? other : absence, retryAt: null, ...change });
  }

  /** Ask for the URL of the next connection, and open it. Do nothing while that is under way. */
  function admit() {
    const admitting = current ? "rotating" : "admitting";
    if (!mayBecome(admitting)) return;
    timers.clear("retry");
    setState(admitting);
    opening = requestUrl().then(open).catch(onRefused);
  }

  /** Get a ticket. If the seat is gone, take a new one. */
  async function requestUrl() {
    try {
      if (!mustJoin) return (await events.ticket()).url;
    } catch (error) {
      if (state === "ended" || !(error instanceof CoworkingError && error.code === "not_in_room")) throw error;
    }
    mustJoin = true;
    const { websocket } = await events.join();
    mustJoin = false;
    return websocket.url;
  }

  function open(/** @type {string} */ url) {
    if (state === "ended") return;
    next = createConnection(url, connectionEvents, deps);
    if (!current) setState("opening");
  }

  function onRefused(/** @type {unknown} */ cause) {
    if (state === "ended") return;
    if (current) return setState("live");
    const error = cause instanceof CoworkingError ? cause : new CoworkingError({ code: "internal_error", detail: String(cause) });
    const { code, detail, status, retryAfter = 0, until } = error;
    if (isTransient(error) || status === 429) retry(code, retryAfter * 1000);
    else end({ code, reason: detail, action: "stop", ...(until !== undefined && { until }) });
  }

  /** Try again after a random delay. Otherwise all clients would come back at once. */
  function retry(/** @type {Code} */ reason, minimum = 0) {
    if (isOffline) return setState("offline", { reason });
    const delay = minimum + backoff(deps, ++attempts);
    timers.set("retry", delay, admit);
    setState("waiting", { reason, retryAt: deps.now() + delay });
  }

  /** Give a connection up. */
  function lose(/** @type {Connection} */ connection, reason = /** @type {any} */ ("")) {
    if (connection.isClosed) return;
    connection.close();
    const isRotating = state === "rotating";
    if (connection === old) {
      old = null;
    } else if (connection === next) {
      next = null;
      if (isRotating) setState("live");
      else retry(reason);
    } else {
      current = null;
      if (isRotating) setState(next ? "opening" : "admitting", { reason });
      else retry(reason);
    }
    events.closed(connection);
  }

  function onOffline() {
    isOffline = true;
    current?.probe();
    if (state !== "waiting") return;
    timers.clear("retry");
    setState("offline");
  }

  function onWake(/** @type {Event} */ { type }) {
    if (type === "online") isOffline = false;
    else if (document?.visibilityState === "hidden") return;
    if (current) current.probe();
    else admit();
  }

  function listen(/** @type {"addEventListener" | "removeEventListener"} */ how) {
    window?.[how]("online", onWake);
    window?.[how]("offline", onOffline);
    document?.[how]("visibilitychange", onWake);
  }

  /** End it for good. The promise resolves when no call for a new seat is under way. */
  async function end(/** @type {Ended} */ ended) {
    if (state === "ended") return opening;
    for (const connection of [current, next, old]) connection?.close();
    current = next = old = null;
    listen("removeEventListener");
    timers.clear();
    setState("ended", { reason: ended.code });
    events.ended(ended);
    return opening;
  }

  /** @type {ConnectionEvents} */
  const connectionEvents = {
    ...events,
    stable: () => void (attempts = 0),

    lost(connection, code) {
      unopened = connection.wasOpen ? 0 : unopened + (code === "no_snapshot" ? MAX_UNOPENED : 1); // or it hung for 20 seconds
      lose(connection, unopened < MAX_UNOPENED ? code : "websocket_blocked");
    },
  };

  return {
    end,

    /** The connection in use. */
    get current() {
      return current;
    },

    isEnded: () => state === "ended",

    /** Whether frames may come twice: on the connection in use, and on the one before or after it. */
    isDoubled: () => Boolean(current && (next || old)),

    /** Connect with the URL of a ticket. */
    start(/** @type {string} */ url) {
      if (state === "ended") return;
      listen("addEventListener");
      open(url);
    },

    /** A snapshot came on a connection. Use it, if it is the next one. */
    onSnapshot(/** @type {Connection} */ connection) {
      if (connection !== next) return;
      connection.activate();
      if (old) lose(old);
      old = current;
      current = connection;
      next = null;
      isOffline = false;
      absence = "reconnecting";
      setState("live", { reason: null });
    },

    /** The connection in use has answered a ping. With `rotate`, the service wants a new connection. */
    onPong(/** @type {boolean} */ rotate) {
      isOffline = false;
      if (rotate) admit();
    },

    onBye(/** @type {Connection} */ connection, /** @type {ByeData} */ data) {
      const { code, action } = data;
      const isInUse = connection === (current ?? next);
      const isReplacedByNext = code === "replaced" && (!isInUse || (current && next));
      if (action === "stop" && !isReplacedByNext) return end(data);
      if (isInUse && action === "rejoin") mustJoin = true;
      if (code === "rate_limited") attempts = Math.max(attempts, 3); // the next delay is as long as after three attempts
      lose(connection, code);
    },

    /** Close the old connection, unless an answer on it is still awaited. */
    closeWhenIdle(/** @type {(connection: Connection) => boolean} */ isAwaiting) {
      if (old && !isAwaiting(old)) lose(old);
    },
  };
}
