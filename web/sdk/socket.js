/** The line to a room: it comes back by itself, asks for what is missing, and repeats what nobody has acknowledged. */
import { Timers } from "./deps.js";
import { CoworkingError, NetworkError } from "./errors.js";
import { isPassing } from "./http.js";
import { Log } from "./log.js";
/** @import { Deps, Ended, Entry, Frame, Hooks, Line, Pledge, RequestOptions } from "./wire.js" */

const PING_MS = 30_000;
const PINGS_A_SYNC = 10;
const ANSWER_MS = 10_000;
const PROBE_MS = 4_000;
const OPEN_MS = 20_000;
const BYE_MS = 3_000;
const STABLE_MS = 60_000;
const FIRST_MS = 1_000;
const LONGEST_MS = 30_000;
const LATE_MS = 200;
const MOST_BYTES = 32_000;
const PASSING = new Set(["rate_limited", "unavailable", "internal_error", "not_in_room"]);

export class RoomSocket {
  log = new Log();
  #hooks;
  #deps;
  #timers;
  /** The line in use, one that is being opened, and one that is being given up. */
  #line = /** @type {Line | null} */ (null);
  #next = /** @type {Line | null} */ (null);
  #old = /** @type {Line | null} */ (null);
  #pledges = /** @type {Map<string, Pledge>} */ (new Map());
  /** What came while there were two lines, so that nothing counts twice. */
  #seen = /** @type {Set<string>} */ (new Set());
  #gap = { whole: /** @type {number | null} */ (null), asked: 0 };
  #attempts = 0;
  #wasLive = false;
  #isOffline = false;
  /** Getting in. */
  #entering = /** @type {Promise<unknown> | null} */ (null);
  #mustJoin = false;
  #isOver = false;

  constructor(/** @type {Hooks} */ hooks, /** @type {Deps} */ deps) {
    this.#hooks = hooks;
    this.#deps = deps;
    this.#timers = new Timers(deps);
  }

  /** Open it with a ticket. */
  start(/** @type {string} */ url) {
    this.#listen("addEventListener");
    this.#open(url);
  }

  /** Send a frame that nobody answers. */
  send(/** @type {Frame} */ frame) {
    check(frame);
    if (this.#line) this.#line.socket.send(JSON.stringify(frame));
    return this.#line !== null;
  }

  /** Send a frame, and wait for what answers it. */
  async request(/** @type {Frame} */ frame, /** @type {RequestOptions} */ { again = false, lane, latest, id = this.#deps.uuid() } = {}) {
    const named = { ...frame, id };
    check(named);
    if (this.#isOver || !(again || this.#line)) throw gone();
    const { promise, resolve, reject } = Promise.withResolvers();
    for (const other of latest ? this.#pledges.values() : []) {
      if (other.lane === lane && other.frame.type === frame.type && !other.line) this.#settle(other).resolve(promise);
    }
    this.#pledges.set(id, { frame: named, again, lane, tries: 0, line: null, resolve, reject });
    this.#flush();
    return promise;
  }

  /** Ask for what is missing, and for the room as it is. */
  sync(line = this.#line) {
    if (!line || line.sync) return;
    line.sync = { id: this.#deps.uuid(), asked: this.log.whole };
    line.timers.set("sync", ANSWER_MS, () => {
      line.sync = null;
      if (line === this.#line) this.#beat(line);
      this.#mind();
    });
    // Who names the room spares a service that doesn't know the connection yet a search for it.
    const { id, asked } = line.sync;
    line.socket.send(JSON.stringify({ type: "sync", id, roomId: this.#hooks.roomId, data: { last_seq: asked } }));
  }

  /** It is over, from here or from there; answers when it can't even take a new seat any more. */
  async end(/** @type {Ended} */ ended) {
    if (this.#isOver) return this.#entering;
    this.#isOver = true;
    this.#listen("removeEventListener");
    this.#timers.clear();
    for (const line of [this.#line, this.#next, this.#old]) if (line) close(line);
    this.#line = this.#next = this.#old = null;
    for (const pledge of [...this.#pledges.values()]) {
      this.#settle(pledge).reject(new CoworkingError({ code: ended.code, detail: ended.reason }));
    }
    this.#hooks.ended(ended);
    return this.#entering;
  }

  // Lines

  #open(/** @type {string} */ url) {
    const socket = this.#deps.connect(url);
    /** @type {Line} */
    const line = { socket, timers: new Timers(this.#deps), isGone: false, sync: null, ping: "", pinged: 0, pings: 0, doubts: 0 };
    this.#next = line;
    line.timers.set("open", OPEN_MS, () => this.#lose(line));
    socket.onopen = () => this.sync(line);
    socket.onmessage = ({ data }) => this.#receive(line, data);
    socket.onclose = () => this.#lose(line);
  }

  /** Use the line that was opened: its first snapshot is there. */
  #adopt(/** @type {Line} */ line) {
    line.timers.clear("open");
    if (this.#old) this.#lose(this.#old);
    this.#old = this.#line;
    this.#line = line;
    this.#next = null;
    this.#wasLive = true;
    this.#isOffline = false;
    line.pinged = this.#deps.now();
    line.timers.set("beat", PING_MS, () => this.#beat(line));
    line.timers.set("stable", STABLE_MS, () => (this.#attempts = 0));
    this.#hooks.status("live", null);
    this.#flush();
    this.#drain();
  }

  /** Close the old line once nothing is on its way back over it. */
  #drain() {
    const old = this.#old;
    if (old && ![...this.#pledges.values()].some(({ line }) => line === old)) this.#lose(old);
  }

  #lose(/** @type {Line} */ line) {
    if (line.isGone) return;
    close(line);
    if (line === this.#line) this.#line = null;
    if (line === this.#next) this.#next = null;
    if (line === this.#old) this.#old = null;
    if (!this.#next && !this.#old) this.#seen.clear();
    for (const pledge of [...this.#pledges.values()]) {
      if (pledge.line !== line) continue;
      this.#timers.clear(pledge);
      pledge.line = null;
      if (!pledge.again) this.#settle(pledge).reject(gone());
    }
    if (this.#line) this.#flush();
    else if (!this.#next && !this.#entering) this.#retry();
    else this.#tell(null);
  }

  /** Come back after a while: a random one, so that not all do at once, and longer each time. */
  #retry(least = 0) {
    if (this.#isOffline) return this.#hooks.status("offline", null);
    const delay = least + this.#deps.random() * Math.min(LONGEST_MS, FIRST_MS * 2 ** ++this.#attempts);
    this.#timers.set("retry", delay, () => this.#enter());
    this.#tell(this.#deps.now() + delay);
  }

  #tell(/** @type {number | null} */ retryAt) {
    this.#hooks.status(this.#wasLive ? "reconnecting" : "connecting", retryAt);
  }

  /** Get in, and open another line. */
  #enter() {
    if (this.#entering || this.#next) return;
    this.#timers.clear("retry");
    if (!this.#line) this.#tell(null);
    this.#entering = this.#admit()
      .finally(() => (this.#entering = null))
      .then((url) => this.#isOver || this.#open(url))
      .catch((error) => this.#line || this.#isOver || this.#fail(error));
  }

  /** Where to connect; where the seat is gone, with a new seat. */
  async #admit() {
    try {
      if (!this.#mustJoin) return (await this.#hooks.ticket()).url;
    } catch (error) {
      if (this.#isOver || !(error instanceof CoworkingError && error.code === "not_in_room")) throw error;
    }
    this.#mustJoin = true;
    const { websocket } = await this.#hooks.join();
    this.#mustJoin = false;
    return websocket.url;
  }

  #fail(/** @type {unknown} */ cause) {
    const error = cause instanceof CoworkingError ? cause : new CoworkingError({ code: "internal_error", detail: String(cause) });
    if (isPassing(error) || error.status === 429) this.#retry((error.retryAfter ?? 0) * 1000);
    else this.end({ code: error.code, reason: error.detail, action: "stop" });
  }

  // What the browser tells

  #listen(/** @type {"addEventListener" | "removeEventListener"} */ how) {
    const { window, document } = this.#deps;
    window?.[how]("online", this.#wake);
    window?.[how]("offline", this.#pause);
    document?.[how]("visibilitychange", this.#wake);
  }

  #pause = () => {
    this.#isOffline = true;
    if (this.#line) this.#beat(this.#line, PROBE_MS);
    if (!this.#timers.has("retry")) return;
    this.#timers.clear("retry");
    this.#hooks.status("offline", null);
  };

  #wake = (/** @type {Event} */ { type }) => {
    if (type === "online") this.#isOffline = false;
    else if (this.#deps.document?.visibilityState === "hidden") return;
    if (this.#line) this.#beat(this.#line, PROBE_MS);
    else this.#enter();
  };

  // Heartbeat

  #beat(/** @type {Line} */ line, patience = ANSWER_MS) {
    const now = this.#deps.now();
    line.pinged = now;
    line.ping = this.#deps.uuid();
    line.timers.set("beat", PING_MS, () => this.#beat(line));
    if (!line.timers.has("pong")) line.timers.set("pong", patience, () => this.#miss(line, now + patience));
    line.socket.send(JSON.stringify({ type: "ping", id: line.ping }));
    // States aren't numbered: one that was lost is found this way.
    if (++line.pings % PINGS_A_SYNC === 0) this.sync(line);
  }

  #miss(/** @type {Line} */ line, /** @type {number} */ due) {
    // Where the timer comes late, it is us who slept.
    if (this.#deps.now() - due > PROBE_MS && !line.doubts++) this.#beat(line, PROBE_MS);
    else this.#lose(line);
  }

  // What comes

  #receive(/** @type {Line} */ line, /** @type {string} */ text) {
    const frame = /** @type {Frame} */ (JSON.parse(text));
    // Timers of hidden pages are late; what comes isn't.
    if (line === this.#line && this.#deps.now() - line.pinged >= PING_MS) this.#beat(line);
    if (Object.hasOwn(this.#takers, frame.type)) return this.#takers[frame.type](line, frame);
    if (typeof frame.type !== "string") return;
    if (this.#line && (this.#next || this.#old)) {
      if (this.#seen.has(text)) return;
      this.#seen.add(text);
    }
    this.#hooks.frame(frame);
  }

  #numbered = (/** @type {Line} */ _, /** @type {Frame} */ frame) => {
    const message = frame.data.message ?? frame.data;
    if (this.log.has(message.seq)) this.#hooks.late(frame);
    else this.#show(this.log.add(message, frame));
  };

  /** @type {Record<string, (line: Line, frame: Frame) => void>} */
  #takers = {
    user_joined: this.#numbered,
    user_left: this.#numbered,
    message_sent: this.#numbered,
    emoji_reaction: this.#numbered,

    snapshot: (line, { ref, data }) => {
      if (!line.sync || line.sync.id !== ref) return; // a second answer, or too late a one
      const { shown, complete } = this.log.settle(data, line.sync.asked);
      line.sync = null;
      line.timers.clear("sync");
      if (line === this.#next) this.#adopt(line);
      this.#hooks.snapshot(data, shown, complete);
      this.#mind();
    },

    pong: (line, { data }) => {
      line.timers.clear("pong");
      line.doubts = 0;
      if (line !== this.#line) return;
      this.#isOffline = false;
      if (data.last_seq > (this.log.whole ?? 0)) this.sync();
      if (data.rotate) this.#enter();
    },

    ack: (_, frame) => {
      const { ref = "", data } = frame;
      const pledge = this.#pledges.get(ref);
      if (!pledge) return;
      if (data && !this.log.has(data.seq)) this.#show(this.log.add(data, frame));
      this.#settle(pledge).resolve(data);
      this.#flush();
      this.#drain();
    },

    error: (line, frame) => {
      const { ref = "", data } = frame;
      if (ref === line.ping) line.timers.clear("pong");
      if (data.code === "room_not_found") return this.end({ code: data.code, reason: data.detail, action: "stop" });
      // A `bye` that says why may be on its way.
      if (data.code === "not_in_room" && !line.timers.has("bye")) line.timers.set("bye", BYE_MS, () => this.#lose(line));
      const pledge = this.#pledges.get(ref);
      if (!pledge) return ref || this.#hooks.frame(frame);
      if (pledge.again && PASSING.has(data.code)) this.#postpone(pledge, data.retry_after);
      else this.#settle(pledge).reject(new CoworkingError(data));
      this.#flush();
      this.#drain();
    },

    bye: (line, { data }) => {
      const isUsed = line === (this.#line ?? this.#next);
      // What was replaced by our own next line goes on there.
      if (data.action === "stop" && (data.code !== "replaced" || (isUsed && !(this.#line && this.#next)))) return this.end(data);
      if (isUsed && data.action === "rejoin") this.#mustJoin = true;
      if (data.code === "rate_limited") this.#attempts = Math.max(this.#attempts, 3);
      this.#lose(line);
    },
  };

  #show(/** @type {Entry[]} */ shown) {
    if (shown.length) this.#hooks.shown(shown);
    this.#mind();
  }

  /** Where something is missing, ask: soon, since it may just be late, and then ever more rarely. */
  #mind() {
    if (!this.log.hasGap) return this.#timers.clear("gap");
    if (!this.#line || this.#line.sync || this.#timers.has("gap")) return;
    if (this.#gap.whole !== this.log.whole) this.#gap = { whole: this.log.whole, asked: 0 };
    this.#timers.set("gap", Math.min(PING_MS, LATE_MS * 4 ** this.#gap.asked++), () => this.sync());
  }

  // What waits for an answer

  /** Send what waits for a line and has its turn. */
  #flush() {
    const busy = new Set();
    for (const pledge of this.#pledges.values()) {
      if (busy.has(pledge.lane)) continue;
      if (pledge.lane) busy.add(pledge.lane);
      if (!this.#line || this.#timers.has(pledge)) continue;
      pledge.line = this.#line;
      this.#timers.set(pledge, ANSWER_MS, () => this.#giveUp(pledge));
      this.#line.socket.send(JSON.stringify(pledge.frame));
    }
  }

  #giveUp(/** @type {Pledge} */ pledge) {
    const { line } = pledge;
    pledge.line = null;
    if (!pledge.again) this.#settle(pledge).reject(new NetworkError({ code: "timeout", detail: "There was no answer in time" }));
    this.#flush();
    this.#drain();
    if (line && line === this.#line) this.#beat(line);
  }

  #postpone(/** @type {Pledge} */ pledge, seconds = 0) {
    pledge.line = null;
    const delay = seconds * 1000 + this.#deps.random() * Math.min(LONGEST_MS, FIRST_MS * 2 ** ++pledge.tries);
    this.#timers.set(pledge, delay, () => this.#flush());
  }

  #settle(/** @type {Pledge} */ pledge) {
    this.#timers.clear(pledge);
    this.#pledges.delete(pledge.frame.id);
    return pledge;
  }
}

function close(/** @type {Line} */ line) {
  line.isGone = true;
  line.timers.clear();
  line.socket.onopen = line.socket.onmessage = line.socket.onclose = null;
  line.socket.close();
}

function gone() {
  return new NetworkError({ code: "closed", detail: "There is no connection" });
}

function check(/** @type {Frame} */ frame) {
  if (new TextEncoder().encode(JSON.stringify(frame)).length <= MOST_BYTES) return;
  throw new CoworkingError({ code: "too_large", detail: "A frame has 32,000 bytes at most" });
}
