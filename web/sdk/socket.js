/** The line to a room: it comes back by itself, asks for what is missing, and repeats what nobody acknowledged. */

import { CoworkingError, NetworkError, TimeoutError } from "./errors.js";
import { isPassing } from "./http.js";
import { Log } from "./log.js";

/** @import { Connection, Deps, Ended, Frame, SnapshotData, SocketLike } from "./wire.js" */
/** @import { Entry } from "./log.js" */

const PING_MS = 30_000;
const PINGS_A_SYNC = 10;
const ANSWER_MS = 10_000;
const OPEN_MS = 20_000;
const BYE_MS = 3_000;
const STABLE_MS = 60_000;
const FIRST_MS = 1_000;
const LONGEST_MS = 30_000;
const REORDERED_MS = 200;
const MOST_BYTES = 32_000;
const NUMBERED = new Set(["user_joined", "user_left", "message_sent", "emoji_reaction"]);
const TRY_AGAIN = new Set(["rate_limited", "unavailable", "internal_error"]);

/**
 * @typedef {object} Hooks
 * @property {() => Promise<{url: string}>} ticket
 * @property {() => Promise<{websocket: {url: string}}>} join
 * @property {(connection: Connection, retryAt: number | null) => void} status
 * @property {(snapshot: SnapshotData, shown: Entry[], complete: boolean) => void} snapshot
 * @property {(shown: Entry[]) => void} messages
 * @property {(frame: Frame) => void} frame everything that isn't numbered
 * @property {(frame: Frame) => void} late a numbered frame whose turn is over
 * @property {(frame: Frame) => void} error an `error` that answers nothing that is waited for
 * @property {(ended: Ended) => void} ended
 */

/** @typedef {{socket: SocketLike, isOpen: boolean, isGone?: boolean, sync?: {id: string, asked: number | null}, timers: Record<string, unknown>, pinged: number, pings: number, doubts: number}} Line */

/** @typedef {{id: string, frame: Frame, lane?: string, again: boolean, tries: number, line?: Line, timer?: unknown, resolve: (data: any) => void, reject: (error: Error) => void}} Request */

export class RoomSocket {
  log = new Log();
  #line = /** @type {Line | undefined} */ (undefined);
  #next = /** @type {Line | undefined} */ (undefined);
  #old = /** @type {Line | undefined} */ (undefined);
  #requests = /** @type {Map<string, Request>} */ (new Map());
  #timers = /** @type {Record<string, unknown>} */ ({});
  #attempts = 0;
  #asked = /** @type {{whole: number | null, times: number}} */ ({ whole: null, times: 0 });
  #isConnecting = false;
  #isOffline = false;
  #wasLive = false;
  #mustJoin = false;
  #isOver = false;
  /** Frames that came while there were two lines, so that none counts twice. */
  #seen = /** @type {Set<string>} */ (new Set());

  /**
   * @param {Hooks} hooks
   * @param {Deps} deps
   */
  constructor(hooks, deps) {
    this.hooks = hooks;
    this.deps = deps;
  }

  /** @param {string} url with a ticket */
  start(url) {
    const { window, document } = this.deps;
    window?.addEventListener("online", this.#wake);
    window?.addEventListener("offline", this.#pause);
    document?.addEventListener("visibilitychange", this.#wake);
    this.#open(url);
  }

  /**
   * Send a frame that nobody answers.
   * @param {Frame} frame
   * @returns {boolean} whether there is a line
   */
  send(frame) {
    check(frame);
    return Boolean(this.#line && this.#post(this.#line, frame));
  }

  /**
   * Send a frame and wait for its answer.
   * @param {Frame} frame
   * @param {{again?: boolean, lane?: string, latest?: boolean, id?: string}} [how] `again`: repeat it until it is
   *     answered, over whatever line; `lane`: one after the other; `latest`: in place of what waits with the same type
   * @returns {Promise<any>}
   */
  async request(frame, { again = false, lane, latest = false, id = this.deps.uuid() } = {}) {
    const named = { ...frame, id };
    check(named);
    if (this.#isOver || (!again && !this.#line)) throw new NetworkError({ code: "closed", detail: "There is no connection" });
    const { promise, resolve, reject } = Promise.withResolvers();
    for (const other of latest ? this.#requests.values() : []) {
      if (other.lane !== lane || other.frame.type !== frame.type || other.line) continue;
      this.#done(other);
      other.resolve(promise);
    }
    this.#requests.set(id, { id, frame: named, lane, again, tries: 0, resolve, reject });
    this.#flush();
    return promise;
  }

  /** Ask for what is missing, and for the room as it is. */
  sync() {
    if (this.#line) this.#sync(this.#line);
  }

  /**
   * It is over, from here or from there.
   * @param {Ended} ended
   */
  end(ended) {
    if (this.#isOver) return;
    this.#isOver = true;
    const { window, document } = this.deps;
    window?.removeEventListener("online", this.#wake);
    window?.removeEventListener("offline", this.#pause);
    document?.removeEventListener("visibilitychange", this.#wake);
    for (const name of Object.keys(this.#timers)) this.#stop(this.#timers, name);
    for (const line of [this.#line, this.#next, this.#old]) if (line) this.#close(line);
    this.#line = this.#next = this.#old = undefined;
    for (const request of [...this.#requests.values()]) {
      this.#done(request);
      request.reject(new CoworkingError({ code: ended.code, detail: ended.reason }));
    }
    this.hooks.status("ended", null);
    this.hooks.ended(ended);
  }

  // Lines

  /** @param {string} url */
  #open(url) {
    const socket = this.deps.connect(url);
    const line = /** @type {Line} */ ({ socket, timers: {}, isOpen: false, pinged: 0, pings: 0, doubts: 0 });
    this.#next = line;
    this.#start(line.timers, "open", OPEN_MS, () => this.#lose(line));
    socket.onopen = () => {
      line.isOpen = true;
      this.#sync(line);
    };
    socket.onmessage = ({ data }) => this.#receive(line, String(data));
    socket.onclose = () => this.#lose(line);
  }

  /** @param {Line} line that has brought its first snapshot */
  #settle(line) {
    this.#stop(line.timers, "open");
    this.#old = this.#line;
    this.#line = line;
    this.#next = undefined;
    this.#wasLive = true;
    this.#isOffline = false;
    line.pinged = this.deps.now();
    this.#start(line.timers, "beat", PING_MS, () => this.#beat(line));
    this.#start(line.timers, "stable", STABLE_MS, () => (this.#attempts = 0));
    if (this.#old) this.#start(this.#old.timers, "drain", ANSWER_MS, () => this.#drain(true));
    this.hooks.status("live", null);
    this.#flush();
    this.#drain();
  }

  /** Close the old line once nothing is on its way back over it. */
  #drain(isOverdue = false) {
    const old = this.#old;
    if (!old || (!isOverdue && [...this.#requests.values()].some(({ line }) => line === old))) return;
    this.#lose(old);
  }

  /** @param {Line} line that is of no use any more */
  #lose(line) {
    if (line.isGone) return;
    this.#close(line);
    const wasLive = line === this.#line;
    if (wasLive) this.#line = undefined;
    if (line === this.#next) this.#next = undefined;
    if (line === this.#old) this.#old = undefined;
    if (!this.#next && !this.#old) this.#seen.clear();
    for (const request of [...this.#requests.values()]) {
      if (request.line !== line) continue;
      request.line = undefined;
      this.#stop(request, "timer");
      if (request.again) continue;
      this.#done(request);
      request.reject(new NetworkError({ code: "closed", detail: "The connection is gone" }));
    }
    if (this.#line) this.#flush();
    else if (!this.#next && !this.#isConnecting) this.#retry();
    else if (wasLive) this.hooks.status("reconnecting", null);
  }

  /** @param {Line} line */
  #close(line) {
    line.isGone = true;
    line.socket.onopen = line.socket.onmessage = line.socket.onclose = null;
    for (const name of Object.keys(line.timers)) this.#stop(line.timers, name);
    line.socket.close();
  }

  /**
   * Come back after a while: a random one, so that not all do at once, and longer each time.
   * @param {number} [least] milliseconds
   */
  #retry(least = 0) {
    if (this.#isOver || this.#timers.retry) return;
    if (this.#isOffline) return this.hooks.status("offline", null);
    const longest = Math.min(LONGEST_MS, FIRST_MS * 2 ** ++this.#attempts);
    const delay = least + this.deps.random() * longest;
    this.#start(this.#timers, "retry", delay, () => this.#connect());
    this.hooks.status(this.#wasLive ? "reconnecting" : "connecting", this.deps.now() + delay);
  }

  /** Get a way in, and open another line. */
  async #connect() {
    if (this.#isOver || this.#isConnecting || this.#next) return;
    this.#stop(this.#timers, "retry");
    this.#isConnecting = true;
    if (!this.#line) this.hooks.status(this.#wasLive ? "reconnecting" : "connecting", null);
    try {
      const url = await this.#enter();
      this.#isConnecting = false;
      if (!this.#isOver) this.#open(url);
    } catch (error) {
      this.#isConnecting = false;
      if (this.#line || this.#isOver) return; // the next pong asks again
      const problem = error instanceof CoworkingError ? error : new CoworkingError({ code: "internal_error" }, { cause: error });
      if (problem.status === 429 || isPassing(problem)) this.#retry((problem.retryAfter ?? 0) * 1000);
      else this.end({ code: problem.code, reason: problem.detail, action: "stop" });
    }
  }

  /** A URL with a ticket; where the seat is gone, with a new seat. */
  async #enter() {
    if (!this.#mustJoin) {
      try {
        return (await this.hooks.ticket()).url;
      } catch (error) {
        if (!(error instanceof CoworkingError && error.code === "not_in_room")) throw error;
      }
    }
    this.#mustJoin = true;
    const { websocket } = await this.hooks.join();
    this.#mustJoin = false;
    return websocket.url;
  }

  #pause = () => {
    this.#isOffline = true;
    if (this.#line) return this.#beat(this.#line);
    if (!this.#timers.retry) return;
    this.#stop(this.#timers, "retry");
    this.hooks.status("offline", null);
  };

  /** @param {Event} event */
  #wake = (event) => {
    if (event.type === "online") this.#isOffline = false;
    else if (this.deps.document?.visibilityState === "hidden") return;
    if (this.#line) this.#beat(this.#line);
    else this.#connect();
  };

  // What comes

  /**
   * @param {Line} line
   * @param {string} text
   */
  #receive(line, text) {
    const frame = read(text);
    if (!frame) return;
    // Timers of hidden pages are late; what comes isn't.
    if (line === this.#line && this.deps.now() - line.pinged >= PING_MS) this.#beat(line);
    if (frame.type === "snapshot") return this.#snapshot(line, frame);
    if (frame.type === "pong") return this.#pong(line, frame);
    if (frame.type === "ack" || frame.type === "error") return this.#answer(line, frame);
    if (frame.type === "bye") return this.#bye(line, frame.data);
    if (NUMBERED.has(frame.type)) return this.#take(frame);
    if (this.#line && (this.#next || this.#old)) {
      if (this.#seen.has(text)) return;
      this.#seen.add(text);
    }
    this.hooks.frame(frame);
  }

  /** @param {Frame} frame that is numbered */
  #take(frame) {
    const message = frame.data.message ?? frame.data;
    if (this.log.has(message.seq)) return this.hooks.late(frame);
    this.#show(this.log.add(message, frame));
  }

  /** @param {Entry[]} shown */
  #show(shown) {
    if (shown.length) this.hooks.messages(shown);
    this.#mind();
  }

  /**
   * @param {Line} line
   * @param {Frame} frame
   */
  #snapshot(line, { ref, data }) {
    if (!line.sync || ref !== line.sync.id) return; // the answer to one that was given up, or a second one
    const { asked } = line.sync;
    line.sync = undefined;
    this.#stop(line.timers, "sync");
    if (line === this.#next) this.#settle(line);
    const { shown, complete } = this.log.settle(data, asked);
    this.hooks.snapshot(data, shown, complete);
    this.#mind();
  }

  /** @param {Line} line */
  #sync(line) {
    if (line.sync) return;
    const asked = this.log.whole;
    line.sync = { id: this.deps.uuid(), asked };
    this.#start(line.timers, "sync", ANSWER_MS, () => {
      line.sync = undefined;
      if (line === this.#line) this.#beat(line);
      this.#mind();
    });
    this.#post(line, { type: "sync", id: line.sync.id, data: { last_seq: asked } });
  }

  /** Where something is missing, ask for it: soon, since it may just be late, and then ever more rarely. */
  #mind() {
    if (!this.log.hasGap) return this.#stop(this.#timers, "gap");
    if (!this.#line || this.#line.sync || this.#timers.gap) return;
    if (this.#asked.whole !== this.log.whole) this.#asked = { whole: this.log.whole, times: 0 };
    const delay = Math.min(PING_MS, REORDERED_MS * 4 ** this.#asked.times++);
    this.#start(this.#timers, "gap", delay, () => this.sync());
  }

  // Heartbeat

  /** @param {Line} line */
  #beat(line) {
    line.pinged = this.deps.now();
    this.#start(line.timers, "beat", PING_MS, () => this.#beat(line));
    if (!line.timers.pong) {
      const due = line.pinged + ANSWER_MS;
      this.#start(line.timers, "pong", ANSWER_MS, () => this.#miss(line, due));
    }
    this.#post(line, { type: "ping", id: this.deps.uuid() });
    // States aren't numbered: one that was lost is found this way.
    if (++line.pings % PINGS_A_SYNC === 0) this.#sync(line);
  }

  /**
   * @param {Line} line that hasn't answered a ping
   * @param {number} due when it should have
   */
  #miss(line, due) {
    if (this.deps.now() - due < ANSWER_MS || line.doubts++) return this.#lose(line);
    this.#beat(line); // it was us who slept
  }

  /**
   * @param {Line} line
   * @param {Frame} frame
   */
  #pong(line, { data }) {
    this.#stop(line.timers, "pong");
    line.doubts = 0;
    if (line !== this.#line) return;
    if (data.last_seq > (this.log.whole ?? 0)) this.#sync(line);
    if (data.rotate) this.#connect();
  }

  /**
   * @param {Line} line
   * @param {{code: string, reason: string, action: string}} bye
   */
  #bye(line, { code, reason, action }) {
    const isCurrent = line === (this.#line ?? this.#next);
    if (action === "stop" && (isCurrent || code !== "replaced")) return this.end({ code, reason, action });
    if (isCurrent) {
      if (action === "rejoin") this.#mustJoin = true;
      if (code === "rate_limited") this.#attempts = Math.max(this.#attempts, 3);
    }
    this.#lose(line);
  }

  // Requests

  /** Send what waits for a line, or for its turn. */
  #flush() {
    const /** @type {Set<string>} */ busy = new Set();
    for (const request of this.#requests.values()) {
      const { lane } = request;
      if (lane && busy.has(lane)) continue;
      if (lane) busy.add(lane);
      if (!this.#line || request.line || request.timer) continue;
      request.line = this.#line;
      this.#start(request, "timer", ANSWER_MS, () => this.#unanswered(request));
      this.#post(this.#line, request.frame);
    }
  }

  /** @param {Request} request */
  #unanswered(request) {
    const { line } = request;
    request.line = undefined;
    if (request.again) {
      this.#flush();
      if (line && line === this.#line) this.#beat(line);
    } else {
      this.#done(request);
      request.reject(new TimeoutError());
    }
    this.#drain();
  }

  /**
   * @param {Line} line
   * @param {Frame} frame an ack or an error
   */
  #answer(line, frame) {
    const { type, ref, data } = frame;
    if (type === "error" && data.code === "not_in_room") this.#doubt(line);
    const request = ref ? this.#requests.get(ref) : undefined;
    if (!request) {
      if (type === "error") this.#refused(line, frame);
    } else if (type === "ack") {
      this.#done(request);
      if (data?.seq) this.#show(this.log.has(data.seq) ? [] : this.log.add(data));
      request.resolve(data);
    } else if (request.again && (TRY_AGAIN.has(data.code) || data.code === "not_in_room")) {
      this.#postpone(request, data);
    } else {
      this.#done(request);
      request.reject(new CoworkingError(data));
    }
    this.#flush();
    this.#drain();
  }

  /**
   * @param {Line} line
   * @param {Frame} frame an error that answers no request
   */
  #refused(line, frame) {
    if (frame.data.code === "room_not_found") {
      this.end({ code: frame.data.code, reason: frame.data.detail, action: "stop" });
    } else {
      this.hooks.error(frame);
    }
  }

  /**
   * @param {Request} request
   * @param {{code: string, retry_after?: number}} problem
   */
  #postpone(request, { code, retry_after }) {
    request.line = undefined;
    this.#stop(request, "timer");
    const longest = Math.min(LONGEST_MS, FIRST_MS * 2 ** ++request.tries);
    const delay = code === "not_in_room" ? BYE_MS : (retry_after ?? 0) * 1000 + this.deps.random() * longest;
    this.#start(request, "timer", delay, () => this.#flush());
  }

  /** @param {Request} request */
  #done(request) {
    this.#requests.delete(request.id);
    this.#stop(request, "timer");
  }

  /** The seat seems to be gone. A `bye` that says why may be on its way. @param {Line} line */
  #doubt(line) {
    if (!line.timers.bye) this.#start(line.timers, "bye", BYE_MS, () => this.#lose(line));
  }

  // Means

  /**
   * @param {Line} line
   * @param {Frame} frame
   */
  #post(line, frame) {
    if (!line.isOpen || line.isGone) return false;
    line.socket.send(JSON.stringify(frame));
    return true;
  }

  /**
   * @param {any} timers
   * @param {string} name
   * @param {number} delay
   * @param {() => void} call
   */
  #start(timers, name, delay, call) {
    this.#stop(timers, name);
    timers[name] = this.deps.setTimeout(() => {
      timers[name] = undefined;
      call();
    }, delay);
  }

  /**
   * @param {any} timers
   * @param {string} name
   */
  #stop(timers, name) {
    if (timers[name] === undefined) return;
    this.deps.clearTimeout(timers[name]);
    timers[name] = undefined;
  }
}

/**
 * @param {string} text
 * @returns {Frame | undefined}
 */
function read(text) {
  try {
    const frame = JSON.parse(text);
    return typeof frame?.type === "string" ? frame : undefined;
  } catch {
    return undefined; // not from the service
  }
}

/** @param {Frame} frame */
function check(frame) {
  if (new TextEncoder().encode(JSON.stringify(frame)).length <= MOST_BYTES) return;
  throw new CoworkingError({ code: "too_large", detail: "A frame has 32,000 bytes at most" });
}
