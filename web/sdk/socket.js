/** What goes over the connections of a room: requests, syncs, and frames, each once and in their order. */
import { createConnector } from "./connector.js";
import { createLimit, createTimers, requireType } from "./deps.js";
import { CoworkingError, NetworkError } from "./errors.js";
import { createRequests } from "./requests.js";
/** @import { Connection, Entry, Handlers, RequestOptions, SocketEvents } from "./internal.js" */
/** @import { Log } from "./log.js" */
/** @import { Deps, Frame } from "./public.js" */

/** API Gateway's own frame, sent when a function failed or took too long, as an error frame of the service. */
function describeFailure(/** @type {Frame} */ { message, requestId }) {
  return { type: "error", data: { code: "internal_error", detail: `API Gateway: ${message} (request ${requestId})` } };
}

/** The message of an entry, if it has one. */
function messageOf(/** @type {Frame} */ { type, data }) {
  if (type === "message_sent" || type === "emoji_reaction") return data;
  return type === "user_joined" || type === "user_left" ? data.message : undefined;
}

export function createSocket(/** @type {Log} */ log, /** @type {SocketEvents} */ events, /** @type {Deps} */ deps) {
  const LATE_MS = 200;
  const LONGEST_MS = 30_000;
  const MAX_SEEN = 1_000;
  const timers = createTimers(deps);
  /** Frames of others may cause at most five syncs in 10 seconds. */
  const maySync = createLimit(deps, 5, 10_000);
  /** The texts of the newest frames that came while there were two connections. */
  const seen = /** @type {Set<string>} */ (new Set());
  /** The gap in the log, and how often the service was asked about it. */
  let gap = { seq: /** @type {number | null} */ (null), syncs: 0 };

  const connector = createConnector(
    {
      ...events,
      sync,
      receive,
      syncTimeout: scheduleResync,
      closed(connection) {
        if (!connector.isDoubled()) seen.clear();
        requests.release(connection);
        requests.flush();
      },
      ended(ended) {
        timers.clear();
        requests.end({ code: ended.code, detail: ended.reason });
        events.ended(ended);
      },
    },
    deps,
  );
  const requests = createRequests(deps, () => connector.current, (connection) => {
    flush();
    if (connection === connector.current) connection?.ping();
  });

  function flush() {
    requests.flush();
    connector.closeWhenIdle(requests.isAwaiting);
  }

  /** Ask for a snapshot: the room as it is, and the missing messages. */
  function sync(connection = connector.current) {
    connection?.sync(events.roomId, log.contiguousSeq);
  }

  /** Ask about a gap: soon, since the message may just be late, and then less and less often. */
  function scheduleResync() {
    if (!log.hasGap()) return timers.clear("resync");
    if (!connector.current || connector.current.isSyncing() || timers.has("resync")) return;
    const { contiguousSeq: seq } = log;
    if (gap.seq !== seq) gap = { seq, syncs: 0 };
    timers.set("resync", Math.min(LONGEST_MS, LATE_MS * 4 ** gap.syncs++), resync);
  }

  /** Ask for a snapshot because of a frame of somebody else. */
  function resync() {
    if (maySync()) sync();
    else if (!timers.has("later")) timers.set("later", 2_000, resync);
  }

  // Frames

  function receive(/** @type {Connection} */ connection, /** @type {string} */ text) {
    const frame = /** @type {Frame} */ (JSON.parse(text));
    if (connection === connector.current) connection.pingIfDue();
    if (Object.hasOwn(handlers, frame.type)) {
      const handle = /** @type {(connection: Connection, frame: any) => void} */ (handlers[/** @type {keyof Handlers} */ (frame.type)]);
      return handle(connection, frame);
    }
    if (typeof frame.type !== "string") return void events.frame(describeFailure(frame));
    // A relayed frame has a `connection`: its `seq` is its sender's.
    if (typeof frame.seq === "number" && frame.connection === undefined) return take({ seq: frame.seq, message: messageOf(frame), frame });
    if (connector.isDoubled()) {
      if (seen.has(text)) return;
      seen.add(text);
      for (const oldest of seen) if (seen.size > MAX_SEEN) seen.delete(oldest);
    }
    events.frame(frame);
  }

  function take(/** @type {Entry & {frame: Frame}} */ entry) {
    if (log.covers(entry.seq)) return events.late(entry.frame);
    if (!log.knows(entry.seq)) events.arrived(entry);
    tell(log.add(entry));
  }

  function tell(/** @type {Entry[]} */ entries) {
    events.entries(entries);
    scheduleResync();
  }

  /** @type {Handlers} */
  const handlers = {
    snapshot(connection, { ref, data }) {
      const running = connection.endSync(ref);
      if (!running) return;
      const { entries, isComplete } = log.applySnapshot(data, running.asked);
      connector.onSnapshot(connection);
      flush();
      events.snapshot(data, entries, isComplete);
      scheduleResync();
    },

    pong(connection, { data }) {
      connection.endPing();
      if (connection !== connector.current) return;
      if (data.last_seq > (log.contiguousSeq ?? 0)) sync();
      connector.onPong(data.rotate);
    },

    ack(_, frame) {
      const { ref = "", data } = frame;
      const request = requests.resolve(ref, data);
      if (!request) return;
      if (data && "id" in data && ["message", "emoji"].includes(request.frame.type)) take({ seq: data.seq, message: data, frame });
      flush();
    },

    error(connection, frame) {
      const { ref = "", data } = frame;
      const { code, detail: reason } = data;
      if (code === "room_not_found") return void connector.end({ code, reason, action: "stop" });
      connection.refuse(ref, code);
      if (requests.refuse(ref, data)) flush();
      else if (!ref) events.frame(frame);
    },

    bye: (connection, { data }) => void connector.onBye(connection, data),
  };

  function check(/** @type {Frame} */ frame) {
    requireType("string", "type", frame.type);
    if (new TextEncoder().encode(JSON.stringify(frame)).length > 32_000) throw new CoworkingError({ code: "too_large" });
  }

  return {
    resync,
    start: connector.start,
    end: connector.end,

    /** Send a frame that gets no answer. Returns whether there is a connection. */
    send(/** @type {Frame} */ frame) {
      check(frame);
      connector.current?.send(frame);
      return connector.current !== null;
    },

    /** Send a frame, and wait for its answer. */
    async request(/** @type {Frame} */ frame, /** @type {RequestOptions} */ options = {}, id = deps.uuid()) {
      const named = { ...frame, id };
      check(named);
      if (connector.isEnded() || !(options.repeat || connector.current)) throw new NetworkError({ code: "closed" });
      return requests.add(named, options);
    },
  };
}
