/** A clock that tests move, a model of the service, and a network with faults. */
import { Coworking } from "../../web/sdk/index.js";

/** A random function that gives the same numbers for the same seed. */
export function createRandom(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export class Clock {
  now = Date.UTC(2026, 0, 1);
  #timers = new Map();
  #count = 0;

  set = (call, delay) => {
    this.#timers.set(++this.#count, { due: this.now + Math.max(0, delay), call });
    return this.#count;
  };

  clear = (timer) => void this.#timers.delete(timer);

  /** Let time pass, and run the timers that are due. */
  async pass(milliseconds) {
    const end = this.now + milliseconds;
    await settle();
    for (let next; (next = this.#next()) && next[1].due <= end; ) {
      this.now = Math.max(this.now, next[1].due);
      this.#timers.delete(next[0]);
      next[1].call();
      await settle();
    }
    this.now = end;
  }

  /** Let time pass until a condition holds. */
  async until(isSo, limit = 600_000) {
    const end = this.now + limit;
    await settle();
    while (!isSo()) {
      const next = this.#next();
      if (!next || next[1].due > end) throw new Error(`not within ${limit} ms: ${isSo}`);
      await this.pass(Math.max(0, next[1].due - this.now));
    }
  }

  /** Let the computer sleep: time passes, and no timer runs. */
  sleep(milliseconds) {
    this.now += milliseconds;
  }

  #next() {
    let first;
    for (const timer of this.#timers) if (!first || timer[1].due < first[1].due) first = timer;
    return first;
  }
}

/** Wait until all promises that can settle have settled. */
export const settle = () => new Promise((resolve) => setImmediate(resolve));

/** The WebSocket of a browser. */
class FakeSocket {
  onopen = onNothing;
  onmessage = onNothing;
  onclose = onNothing;
  isOpen = false;
  isClosed = false;

  constructor(service, connection) {
    this.service = service;
    this.connection = connection;
  }

  send(text) {
    if (!this.isOpen) throw new Error("the socket is still connecting");
    if (!this.isClosed) this.service.carry(this.connection, "up", () => this.service.receive(this.connection, JSON.parse(text)));
  }

  /** The client closes it. */
  close() {
    if (this.isClosed) return;
    this.isClosed = true;
    this.connection.leave();
  }
}

const onNothing = () => {};
const SETTLED_MS = 60_000;

/** A model of the service: one room with its log, its seats and its connections. */
export class Service {
  clock = new Clock();
  log = [];
  /** The last number that was given out, and when. */
  lastNumber = { seq: 0, at: 0 };
  seats = new Set();
  connections = [];
  answers = new Map();
  /** The frames of clients: `{type, user, ...}`. */
  frames = [];
  calls = [];
  /** The times at which WebSockets were opened. */
  openedAt = [];
  /** The delays of the copies of a frame; an empty list is a loss. Tests replace it. */
  network = () => [5];
  /** Returns an answer to a call, or `undefined` to let the service answer. Tests replace it. */
  intercept = () => undefined;
  /** Returns true if it has handled a frame instead of the service. Tests replace it. */
  hook = () => false;
  isUp = true;
  rotate = false;
  refuseSockets = false;
  capacity = 15;
  random = createRandom(1);
  #ids = 0;

  /** The browser of a user. */
  client(user, options = {}) {
    const window = new EventTarget();
    const document = Object.assign(new EventTarget(), { visibilityState: "visible" });
    const deps = {
      fetch: (url, init) => this.fetch(user, url, init),
      connect: (url) => this.connect(user, url),
      setTimeout: this.clock.set,
      clearTimeout: this.clock.clear,
      now: () => this.clock.now,
      random: () => this.random(),
      uuid: () => `${user}-${++this.#ids}`,
      window,
      document,
    };
    return { coworking: new Coworking({ api: "https://x/api", token: () => user, ...options }, deps), window, document, deps };
  }

  /** Enter the room, and let time pass until that is done. */
  async enter(user, options) {
    const client = this.client(user, options);
    let room, failure;
    client.coworking.enter("room").then((value) => (room = value), (error) => (failure = error));
    await this.clock.until(() => room || failure);
    if (failure) throw failure;
    return Object.assign(client, { room });
  }

  // HTTP

  async fetch(user, url, init) {
    const path = url.replace("https://x/api", "").replace("/coworking/rooms/room", "");
    const call = { user, method: init.method, path, at: this.clock.now, headers: init.headers };
    this.calls.push(call);
    await new Promise((resolve, reject) => {
      this.clock.set(resolve, 20);
      init.signal.addEventListener("abort", () => reject(init.signal.reason));
    });
    if (!this.isUp) throw new TypeError("fetch failed");
    const answer = this.intercept(call, init) ?? this.answer(user, path, init);
    if (answer instanceof Error) throw answer;
    return answer;
  }

  answer(user, path) {
    const [action, query] = path.slice(1).split("?");
    if (action === "join") {
      const isNew = !this.seats.has(user);
      if (isNew && this.seats.size >= this.capacity) return problem(409, "room_full");
      if (isNew) this.seat(user);
      return Response.json({ success: true, message: "", room: {}, websocket: this.ticket() });
    }
    if (!this.seats.has(user)) return problem(action === "leave" ? 404 : 403, "not_in_room");
    if (action === "ticket") return Response.json(this.ticket());
    if (action === "leave") {
      this.unseat(user, "left");
      return Response.json({ success: true, message: "" });
    }
    const { before_seq, limit } = Object.fromEntries(new URLSearchParams(query));
    const found = this.log.filter(({ seq }) => seq < Number(before_seq));
    return Response.json({ messages: found.slice(-limit), has_more: found.length > limit });
  }

  ticket() {
    return { url: `wss://x?ticket=${++this.#ids}`, ticket: "", expires_at: "" };
  }

  // Connections

  connect(user, url) {
    this.openedAt.push(this.clock.now);
    const connection = { user, url, id: `c${++this.#ids}`, at: this.clock.now, isOpen: false };
    const socket = new FakeSocket(this, connection);
    connection.socket = socket;
    connection.leave = () => (this.connections = this.connections.filter((other) => other !== connection));
    this.clock.set(() => {
      if (socket.isClosed) return;
      if (!this.isUp || this.refuseSockets || !this.seats.has(user)) return this.drop(connection);
      this.connections.push(connection);
      socket.isOpen = true;
      socket.onopen?.({});
    }, 20);
    return socket;
  }

  /** The network drops a connection. */
  drop(connection) {
    connection.leave();
    const { socket } = connection;
    if (socket.isClosed) return;
    socket.isClosed = true;
    socket.onclose?.({});
  }

  dropAll() {
    for (const connection of [...this.connections]) this.drop(connection);
  }

  carry(connection, direction, arrive) {
    for (const delay of this.network(connection, direction)) this.clock.set(() => this.isUp && arrive(), delay);
  }

  post(connection, frame) {
    const text = JSON.stringify({ roomId: "room", ts: this.stamp(), ...frame });
    this.carry(connection, "down", () => !connection.socket.isClosed && connection.socket.onmessage?.({ data: text }));
  }

  push(frame, except) {
    for (const connection of this.connections) if (connection !== except) this.post(connection, frame);
  }

  bye(connection, code, action) {
    this.post(connection, { type: "bye", data: { code, reason: code, action } });
    this.clock.set(() => this.drop(connection), 50);
  }

  // Frames

  receive(connection, frame) {
    this.frames.push({ ...frame, user: connection.user, connection: connection.id, at: this.clock.now });
    if (!this.connections.includes(connection) || this.hook(connection, frame)) return;
    const answer = (type, data) => this.post(connection, { type, ref: frame.id, data });
    const refuse = (code, more) => answer("error", { code, detail: code, ...more });
    if (!this.seats.has(connection.user)) return refuse("not_in_room");
    if (frame.type === "ping") return answer("pong", { last_seq: this.lastNumber.seq, rotate: this.rotate && this.clock.now - connection.at > 1000 });
    if (frame.type === "sync") return this.sync(connection, frame, answer);
    if (frame.type === "message" || frame.type === "emoji") {
      const key = `${connection.user} ${frame.id}`;
      const message = this.answers.get(key) ?? this.say(connection.user, frame.data.text ?? frame.data.emoji, frame.type === "emoji");
      this.answers.set(key, message);
      return answer("ack", message);
    }
    if (frame.type === "mic") this.push({ type: "mic_toggled", from: connection.user, data: { user_id: connection.user, ...frame.data } });
    else if (frame.type !== "speaking") this.push({ ...frame, from: connection.user, connection: connection.id }, connection);
    if (frame.id) answer("ack");
  }

  sync(connection, frame, answer) {
    const asked = frame.data.last_seq;
    const missed = this.log.filter(({ seq }) => seq > asked);
    const recovered = asked !== null && asked <= this.lastNumber.seq && missed.length <= 300;
    const messages = recovered ? missed : this.log.slice(-50);
    const start = recovered ? asked : messages.length === 50 ? messages[0].seq - 1 : 0;
    const participants = [...this.seats].map((id) => this.person(id));
    const room = { id: "room", name: "Room", status: "active", participants, last_seq: this.lastNumber.seq };
    const you = { user_id: connection.user, connection_id: connection.id };
    answer("snapshot", { room, you, messages, recovered, last_seq: this.settled(start, messages) });
    if (!connection.isKnown) this.push({ type: "user-joined", from: connection.user, connection: connection.id, data: { userId: connection.user } }, connection);
    connection.isKnown = true;
  }

  /** The number up to which no more message can appear. */
  settled(start, found) {
    const isOld = (at) => at <= this.clock.now - SETTLED_MS;
    const final = Math.max(0, ...found.filter(({ at }) => isOld(at)).map(({ seq }) => seq));
    let settled = start;
    for (const { seq } of found) {
      if (seq > settled + 1 && seq > final) return settled;
      settled = seq;
    }
    return this.lastNumber.seq > settled && isOld(this.lastNumber.at) ? this.lastNumber.seq : settled;
  }

  // Events

  allocate() {
    this.lastNumber = { seq: this.lastNumber.seq + 1, at: this.clock.now };
    return this.lastNumber.seq;
  }

  /** A user says something. With `late`, it gets its number now and is stored later. */
  say(user, text, isEmoji = false, late = 0) {
    const message = this.message(user, text, isEmoji ? "emoji" : "text");
    this.store(message, { type: isEmoji ? "emoji_reaction" : "message_sent", from: user, seq: message.seq, data: message }, late);
    return message;
  }

  message(user, text, type) {
    const seq = this.allocate();
    return { id: `m${seq}`, seq, type, user_id: user, user: user ?? "System", avatar: null, text, time: "", created_at: this.stamp(), at: this.clock.now };
  }

  store(message, frame, late = 0) {
    const put = () => {
      this.log = [...this.log, message].sort((one, other) => one.seq - other.seq);
      this.push(frame);
    };
    if (late) this.clock.set(put, late);
    else put();
  }

  seat(user) {
    this.seats.add(user);
    const message = this.message(null, `${user} joined the room`, "system");
    this.store(message, { type: "user_joined", seq: message.seq, data: { participant: this.person(user), message } });
  }

  unseat(user, reason) {
    this.seats.delete(user);
    const message = this.message(null, `${user} left the room`, "system");
    this.store(message, { type: "user_left", seq: message.seq, data: { user_id: user, reason, message } });
    const [code, action] = reason === "left" ? ["left", "stop"] : ["timed_out", "rejoin"];
    for (const connection of this.connections) if (connection.user === user) this.bye(connection, code, action);
  }

  person(id) {
    return { id, name: id, avatar: null, is_muted: true, is_speaking: false, is_online: true, joined_at: "" };
  }

  stamp() {
    return new Date(this.clock.now).toISOString();
  }
}

/** Ada enters the room of a new service. */
export async function enterRoom(options) {
  const service = new Service();
  return { service, ...(await service.enter("ada", options)) };
}

export function problem(status, code, more = {}) {
  return Response.json({ status, code, detail: code, ...more }, { status });
}

export const texts = (room) => room.state.messages.map(({ text }) => text);
export const numbers = (room) => room.state.messages.map(({ seq }) => seq);
