/** One WebSocket to a room. Pings find out whether it still works. */
import { createTimers } from "./deps.js";
/** @import { Connection, ConnectionEvents } from "./internal.js" */
/** @import { Deps } from "./public.js" */

/** @returns {Connection} */
export function createConnection(/** @type {string} */ url, /** @type {ConnectionEvents} */ events, /** @type {Deps} */ deps) {
  const PING_MS = 30_000;
  const ANSWER_MS = 10_000;
  const PROBE_MS = 4_000;
  const PINGS_PER_SYNC = 10;
  const timers = createTimers(deps);
  const socket = deps.connect(url);
  let pingId = "";
  let pingedAt = 0;
  let pings = 0;
  /** A pong was not heard in time, but the timer itself was late: the computer slept. */
  let hasSlept = false;
  let running = /** @type {{id: string, asked: number | null} | null} */ (null);

  const schedulePing = () => {
    pingedAt = deps.now();
    timers.set("ping", PING_MS, () => ping());
  };

  const ping = (patience = ANSWER_MS) => {
    schedulePing();
    pingId = deps.uuid();
    const due = pingedAt + patience;
    if (!timers.has("pong")) timers.set("pong", patience, () => missPong(due));
    send({ type: "ping", id: pingId });
    // State frames have no numbers. A sync now and then replaces those that were lost.
    if (++pings % PINGS_PER_SYNC === 0) events.sync(connection);
  };

  const missPong = (/** @type {number} */ due) => {
    if (hasSlept || deps.now() - due <= PROBE_MS) return events.lost(connection, "no_pong");
    hasSlept = true;
    ping(PROBE_MS);
  };

  const endPing = () => {
    timers.clear("pong");
    hasSlept = false;
  };

  const send = (/** @type {object} */ frame) => socket.send(JSON.stringify(frame));

  /** @type {Connection} */
  const connection = {
    isClosed: false,
    wasOpen: false,
    send,
    ping,
    endPing,
    probe: () => ping(PROBE_MS),

    activate() {
      timers.clear("open");
      timers.set("stable", 60_000, events.stable);
      schedulePing();
    },

    close() {
      connection.isClosed = true;
      timers.clear();
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    },

    refuse(ref, code) {
      if (ref === pingId) endPing();
      // The `bye` that says why may come later, or get lost.
      if (code === "not_in_room" && !timers.has("bye")) timers.set("bye", 3_000, () => events.lost(connection, code));
    },

    pingIfDue() {
      if (deps.now() - pingedAt >= PING_MS) ping();
    },

    isSyncing: () => running !== null,

    sync(roomId, asked) {
      if (running) return;
      const id = deps.uuid();
      running = { id, asked };
      timers.set("sync", ANSWER_MS, () => {
        running = null;
        if (pingedAt) ping();
        events.syncTimeout();
      });
      // With `roomId`, a service that does not know the connection yet finds its room without a search.
      send({ type: "sync", id, roomId, data: { last_seq: asked } });
    },

    endSync(ref) {
      const sync = running;
      if (sync?.id !== ref) return null;
      running = null;
      timers.clear("sync");
      return sync;
    },
  };

  socket.onopen = () => {
    connection.wasOpen = true;
    events.sync(connection);
  };
  socket.onmessage = ({ data }) => events.receive(connection, data);
  socket.onclose = () => events.lost(connection, "transport_closed");
  timers.set("open", 20_000, () => events.lost(connection, "no_snapshot"));
  return connection;
}
