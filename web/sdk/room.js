/** What an application uses: a room as a value to watch, and what one does in it. */

import { CoworkingError, TimeoutError } from "./errors.js";
import { RoomSocket } from "./socket.js";
import { EMPTY, Store, call, refine, replace } from "./state.js";

/** @import { Api } from "./http.js" */
/** @import { Entry } from "./log.js" */
/** @import { Deps, Ended, Frame, Joined, Pending, RoomEvents, RoomMessage, RoomState, SnapshotData } from "./wire.js" */

const TYPING_MS = 6_000;
const TYPING_AGAIN_MS = 3_000;
const ENTER_MS = 30_000;
const EARLIER = 50;
const SIGNALS = new Set(["offer", "answer", "ice-candidate", "user-joined", "user-left"]);

/** @typedef {Pending & {seq?: number, isEchoed?: boolean}} Draft */

export class Room {
  #store = new Store(EMPTY);
  #socket;
  #listeners = /** @type {Map<string, Set<(detail: any) => void>>} */ (new Map());
  #drafts = /** @type {Map<string, Draft>} */ (new Map());
  #typists = /** @type {Map<string, unknown>} */ (new Map());
  /** When each state of each user was last told. @type {Map<string, string>} */
  #told = new Map();
  #typedAt = -Infinity;
  #earlier = /** @type {Promise<boolean> | undefined} */ (undefined);
  #muted = /** @type {boolean | undefined} */ (undefined);
  #rejoined = false;

  /**
   * @param {Api} api
   * @param {string} id
   * @param {Deps} deps
   */
  constructor(api, id, deps) {
    this.api = api;
    this.id = id;
    this.deps = deps;
    this.#socket = new RoomSocket(
      {
        ticket: () => api.ticket(id),
        join: () => this.#rejoin(),
        status: (connection, retryAt) => this.#set({ connection, retryAt }),
        snapshot: (data, shown, complete) => this.#replace(data, shown, complete),
        messages: (shown) => this.#append(shown),
        frame: (frame) => this.#take(frame),
        late: (frame) => this.#compare(frame),
        error: ({ data }) => this.#emit("error", new CoworkingError(data)),
        ended: (ended) => this.#end(ended),
      },
      deps,
    );
  }

  /**
   * Take a seat, and wait until the room is here.
   * @param {Api} api
   * @param {string} id
   * @param {Deps} deps
   * @param {{signal?: AbortSignal}} [options]
   */
  static async enter(api, id, deps, { signal } = {}) {
    const { websocket } = await api.join(id, { signal });
    const room = new Room(api, id, deps);
    const { promise, resolve, reject } = Promise.withResolvers();
    const stop = () => reject(signal?.reason);
    signal?.addEventListener("abort", stop);
    const timer = deps.setTimeout(() => reject(new TimeoutError("The room didn't answer")), ENTER_MS);
    const off = room.subscribe(({ connection, ended }) => {
      if (ended) reject(new CoworkingError({ code: ended.code, detail: ended.reason }));
      else if (connection === "live") resolve(room);
    });
    try {
      signal?.throwIfAborted();
      room.#socket.start(websocket.url);
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

  get state() {
    return this.#store.value;
  }

  /**
   * Be told of the state, now and whenever it has changed.
   * @param {(state: RoomState) => void} watch
   * @returns {() => void} ends it
   */
  subscribe(watch) {
    return this.#store.subscribe(watch);
  }

  /**
   * Be told of what happens.
   * @template {keyof RoomEvents} K
   * @param {K} name
   * @param {(detail: RoomEvents[K]) => void} listener
   * @returns {() => void} ends it
   */
  on(name, listener) {
    const own = (/** @type {RoomEvents[K]} */ detail) => listener(detail);
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(own));
    return () => void listeners.delete(own);
  }

  /** @param {string} text @returns {Promise<RoomMessage>} as it is stored */
  say(text) {
    return this.#say({ key: this.deps.uuid(), kind: "text", text, status: "sending" });
  }

  /** @param {string} emoji @returns {Promise<RoomMessage>} as it is stored */
  react(emoji) {
    return this.#say({ key: this.deps.uuid(), kind: "emoji", text: emoji, status: "sending" });
  }

  /** Send again what failed. @param {string} key @returns {Promise<RoomMessage>} */
  async retry(key) {
    const draft = this.#drafts.get(key);
    if (draft?.status !== "failed") throw new CoworkingError({ code: "unknown_key", detail: "Nothing of that key has failed" });
    return this.#say({ key, kind: draft.kind, text: draft.text, status: "sending" });
  }

  /** Forget what failed. @param {string} key */
  discard(key) {
    if (this.#drafts.get(key)?.status === "failed") this.#drafts.delete(key);
    this.#set({});
  }

  /** @param {boolean} is_muted */
  async setMuted(is_muted) {
    this.#muted = is_muted;
    await this.#socket.request({ type: "mic", data: { is_muted } }, { again: true, lane: "voice", latest: true });
  }

  /** @param {boolean} is_speaking */
  setSpeaking(is_speaking) {
    const frame = { type: "speaking", data: { is_speaking } };
    this.#socket.request(frame, { again: true, lane: "voice", latest: true }).catch((error) => this.#emit("error", error));
  }

  /** Call it with each key pressed, and with false when there is no more text. @param {boolean} is_typing */
  setTyping(is_typing) {
    const now = this.deps.now();
    if (is_typing ? now - this.#typedAt < TYPING_AGAIN_MS : this.#typedAt === -Infinity) return;
    this.#typedAt = is_typing ? now : -Infinity;
    this.#socket.send({ type: "typing", data: { is_typing } });
  }

  /**
   * Send a frame of your own to the others, or with `to` (a user or a connection) a signal to one of them. It may get lost.
   * @param {string} type
   * @param {unknown} [data]
   * @param {{to?: string}} [options]
   * @returns {boolean} whether there is a connection
   */
  send(type, data, { to } = {}) {
    return this.#socket.send({ type, to, data });
  }

  /**
   * The same, and wait until it was passed on. Where nobody is `to`, that's an error `peer_unavailable`.
   * @param {string} type
   * @param {unknown} [data]
   * @param {{to?: string}} [options]
   * @returns {Promise<void>}
   */
  async request(type, data, { to } = {}) {
    await this.#socket.request({ type, to, data });
  }

  /** Read the log further up. @returns {Promise<boolean>} whether there is more */
  loadEarlier() {
    this.#earlier ??= this.#loadEarlier().finally(() => (this.#earlier = undefined));
    return this.#earlier;
  }

  /** Give up the seat. */
  async leave() {
    try {
      await this.api.leave(this.id);
    } catch (error) {
      if (!(error instanceof CoworkingError && ["not_in_room", "room_not_found"].includes(error.code))) throw error;
    }
    this.#socket.end({ code: "left", reason: "You left the room", action: "stop" });
  }

  /** Drop the connection. The seat stays for some seconds. */
  close() {
    this.#socket.end({ code: "closed", reason: "The connection was closed", action: "stop" });
  }

  // What comes from the socket

  async #rejoin() {
    const /** @type {Joined} */ joined = await this.api.join(this.id);
    this.#rejoined = true;
    return joined;
  }

  /**
   * @param {SnapshotData} data
   * @param {Entry[]} shown
   * @param {boolean} complete
   */
  #replace(data, shown, complete) {
    const before = this.state.you;
    const { messages } = this.#socket.log;
    const hasEarlier = complete ? this.state.hasEarlier : (messages[0]?.seq ?? 1) > 1;
    this.#told.clear();
    this.#set({ ...replace(this.state, data), hasEarlier });
    if (before) this.#tell(shown);
    if (before && before.connection_id !== data.you.connection_id) this.#emit("rotated", data.you);
    if (before && (shown.length || !complete)) this.#emit("recovered", { complete, messages: shown.map(({ message }) => message) });
    if (this.#rejoined && this.#muted === false) this.setMuted(false).catch((error) => this.#emit("error", error));
    this.#rejoined = false;
  }

  /** @param {Entry[]} shown in order */
  #append(shown) {
    let state = this.state;
    for (const { frame } of shown) if (frame) state = refine(state, frame);
    this.#set(state);
    this.#tell(shown);
  }

  /** @param {Entry[]} shown */
  #tell(shown) {
    for (const { message, frame } of shown) {
      this.#emit("message", message);
      if (frame?.type === "emoji_reaction") this.#emit("reaction", message);
      if (frame?.type === "user_joined") this.#emit("joined", frame.data.participant);
      if (frame?.type === "user_left") this.#emit("left", frame.data);
    }
  }

  /** @param {Frame} frame */
  #take(frame) {
    if (this.#isOld(frame)) return;
    const { type, from } = frame;
    if (type === "typing" && from) this.#expectEnd(from);
    if (type === "mic_toggled" && frame.data.user_id === this.state.you?.user_id) this.#muted = frame.data.is_muted;
    this.#set(refine(this.state, frame));
    if (SIGNALS.has(type)) this.#emit("signal", frame);
    else if (!/^(typing|[a-z]+_(toggled|changed|updated|closed))$/.test(type)) this.#emit("frame", frame);
  }

  /** Frames overtake each other: whether a later one has told the same thing of the same user. @param {Frame} frame */
  #isOld({ type, ts = "", from, data }) {
    if (!["mic_toggled", "speaking_changed", "presence_changed", "typing", "room_updated"].includes(type)) return false;
    const about = `${type} ${data?.user_id ?? from}`;
    if (ts < (this.#told.get(about) ?? "")) return true;
    this.#told.set(about, ts);
    return false;
  }

  /** Typing ends by itself. @param {string} user */
  #expectEnd(user) {
    this.deps.clearTimeout(this.#typists.get(user));
    const stop = () => this.#set(refine(this.state, { type: "typing", from: user, data: { is_typing: false } }));
    this.#typists.set(user, this.deps.setTimeout(stop, TYPING_MS));
  }

  /** A coming or going that is out of turn, and not as we have it, is a reason to ask. @param {Frame} frame */
  #compare({ type, data }) {
    if (type !== "user_joined" && type !== "user_left") return;
    const id = data.participant?.id ?? data.user_id;
    if (this.state.participants.some((one) => one.id === id) !== (type === "user_joined")) this.#socket.sync();
  }

  /** @param {Ended} ended */
  #end(ended) {
    for (const timer of this.#typists.values()) this.deps.clearTimeout(timer);
    this.#set({ ended });
    this.#emit("ended", ended);
  }

  // What is said

  /** @param {Draft} draft @returns {Promise<RoomMessage>} */
  async #say(draft) {
    const { key, kind, text } = draft;
    this.#drafts.set(key, draft);
    this.#set({});
    if (kind === "text") this.#typedAt = -Infinity;
    const frame = kind === "text" ? { type: "message", data: { text } } : { type: "emoji", data: { emoji: text } };
    try {
      const message = await this.#socket.request(frame, { again: true, lane: "chat", id: key });
      draft.seq = message.seq;
      return message;
    } catch (error) {
      draft.status = "failed";
      throw error;
    } finally {
      this.#set({});
    }
  }

  /** Those of your own that aren't in the log. */
  #pending() {
    const { log } = this.#socket;
    for (const [key, { seq }] of this.#drafts) if (seq && log.has(seq)) this.#drafts.delete(key);
    return [...this.#drafts.values()].map(({ key, text, kind, status }) => Object.freeze({ key, text, kind, status }));
  }

  async #loadEarlier() {
    const { log } = this.#socket;
    const first = log.messages[0];
    if (!first || !this.state.hasEarlier) return false;
    const { messages, has_more } = await this.api.history(this.id, { beforeSeq: first.seq, limit: EARLIER });
    if (log.messages[0] !== first) return this.state.hasEarlier; // the log began anew meanwhile
    log.prepend(messages);
    this.#set({ hasEarlier: has_more });
    return has_more;
  }

  /** @param {Partial<RoomState>} change */
  #set(change) {
    const { messages } = this.#socket.log;
    this.#store.set({ ...this.state, ...change, messages, pending: this.#pending() });
  }

  /**
   * @template {keyof RoomEvents} K
   * @param {K} name
   * @param {RoomEvents[K]} detail
   */
  #emit(name, detail) {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) call(listener, detail);
  }
}
