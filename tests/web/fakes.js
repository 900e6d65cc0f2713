/** A clock that is moved by hand, a service that keeps its promises, and a network that doesn't. */
import { Coworking } from "../../web/sdk/index.js";

/** Numbers that look random, and are the same each time. */
export function dice(seed) {
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

  /** Let time pass, with everything that happens meanwhile. */
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

  /** Let time pass until something is so. */
  async until(isSo, limit = 600_000) {
    const end = this.now + limit;
    await settle();
    while (!isSo()) {
      const next = this.#next();
      if (!next || next[1].due > end) throw new Error(`not within ${limit} ms: ${isSo}`);
      await this.pass(Math.max(0, next[1].due - this.now));
    }
  }

  /** A computer that sleeps: time goes by, and nothing else. */
  sleep(milliseconds) {
    this.now += milliseconds;
  }

  #next() {
    let first;
    for (const timer of this.#timers) if (!first || timer[1].due < first[1].due) first = timer;
    return first;
  }
}

/** All that was promised is kept. */
export const settle = () => new Promise((resolve) => setImmediate(resolve));

/** One end of a connection, as a browser shows it. */
class FakeSocket {
  onopen = onNothing;
  onmessage = onNothing;
  onclose = onNothing;
  isOpen = false;
  isClosed = false;

  constructor(service, line) {
    this.service = service;
    this.line = line;
  }

  send(text) {
    if (!this.isOpen) throw new Error("the socket is still connecting");
    if (!this.isClosed) this.service.carry(this.line, "up", () => this.service.receive(this.line, JSON.parse(text)));
  }

  /** As the client closes. */
  close() {
    if (this.isClosed) return;
    this.isClosed = true;
    this.line.leave();
  }
}

const onNothing = () => {};
const SETTLED_MS = 60_000;

/** The service as a model: one room, its log, who has a seat, and who is connected. */
export class Service {
  clock = new Clock();
  log = [];
  /** The next number, and when the last one was given out. */
  head = { seq: 0, at: 0 };
  seats = new Set();
  lines = [];
  receipts = new Map();
  /** What clients did: `{type, user, ...}`. */
  frames = [];
  calls = [];
  /** When WebSockets were opened. */
  openings = [];
  /** For each frame, when its copies arrive: none is a loss. May be replaced. */
  network = () => [5];
  /** What answers a call in place of the service, `undefined` for the service. May be replaced. */
  intercept = () => undefined;
  /** What is done with a frame in place of the service. May be replaced. */
  hook = () => false;
  isUp = true;
  rotate = false;
  refuseSockets = false;
  capacity = 15;
  random = dice(1);
  #ids = 0;

  /** Somebody's browser. */
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

  /** Take a seat and connect, while time passes. */
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
    this.openings.push(this.clock.now);
    const line = { user, url, id: `c${++this.#ids}`, at: this.clock.now, isOpen: false };
    const socket = new FakeSocket(this, line);
    line.socket = socket;
    line.leave = () => (this.lines = this.lines.filter((other) => other !== line));
    this.clock.set(() => {
      if (socket.isClosed) return;
      if (!this.isUp || this.refuseSockets || !this.seats.has(user)) return this.drop(line);
      this.lines.push(line);
      socket.isOpen = true;
      socket.onopen?.({});
    }, 20);
    return socket;
  }

  /** As a network drops it. */
  drop(line) {
    line.leave();
    const { socket } = line;
    if (socket.isClosed) return;
    socket.isClosed = true;
    socket.onclose?.({});
  }

  dropAll() {
    for (const line of [...this.lines]) this.drop(line);
  }

  carry(line, direction, arrive) {
    for (const delay of this.network(line, direction)) this.clock.set(() => this.isUp && arrive(), delay);
  }

  post(line, frame) {
    const text = JSON.stringify({ roomId: "room", ts: this.stamp(), ...frame });
    this.carry(line, "down", () => !line.socket.isClosed && line.socket.onmessage?.({ data: text }));
  }

  push(frame, except) {
    for (const line of this.lines) if (line !== except) this.post(line, frame);
  }

  bye(line, code, action) {
    this.post(line, { type: "bye", data: { code, reason: code, action } });
    this.clock.set(() => this.drop(line), 50);
  }

  // Frames

  receive(line, frame) {
    this.frames.push({ ...frame, user: line.user, line: line.id, at: this.clock.now });
    if (!this.lines.includes(line) || this.hook(line, frame)) return;
    const answer = (type, data) => this.post(line, { type, ref: frame.id, data });
    const refuse = (code, more) => answer("error", { code, detail: code, ...more });
    if (!this.seats.has(line.user)) return refuse("not_in_room");
    if (frame.type === "ping") return answer("pong", { last_seq: this.head.seq, rotate: this.rotate && this.clock.now - line.at > 1000 });
    if (frame.type === "sync") return this.sync(line, frame, answer);
    if (frame.type === "message" || frame.type === "emoji") {
      const key = `${line.user} ${frame.id}`;
      const stored = this.receipts.get(key) ?? this.say(line.user, frame.data.text ?? frame.data.emoji, frame.type === "emoji");
      this.receipts.set(key, stored);
      return answer("ack", stored);
    }
    if (frame.type === "mic") this.push({ type: "mic_toggled", from: line.user, data: { user_id: line.user, ...frame.data } });
    else if (frame.type !== "speaking") this.push({ ...frame, from: line.user, connection: line.id }, line);
    if (frame.id) answer("ack");
  }

  sync(line, frame, answer) {
    const asked = frame.data.last_seq;
    const missed = this.log.filter(({ seq }) => seq > asked);
    const recovered = asked !== null && asked <= this.head.seq && missed.length <= 300;
    const messages = recovered ? missed : this.log.slice(-50);
    const start = recovered ? asked : messages.length === 50 ? messages[0].seq - 1 : 0;
    const participants = [...this.seats].map((id) => this.person(id));
    const room = { id: "room", name: "Room", status: "active", participants, last_seq: this.head.seq };
    const you = { user_id: line.user, connection_id: line.id };
    answer("snapshot", { room, you, messages, recovered, last_seq: this.settled(start, messages) });
    if (!line.isKnown) this.push({ type: "user-joined", from: line.user, connection: line.id, data: { userId: line.user } }, line);
    line.isKnown = true;
  }

  /** Up to which number nothing can turn up any more. */
  settled(start, found) {
    const isOld = (at) => at <= this.clock.now - SETTLED_MS;
    const final = Math.max(0, ...found.filter(({ at }) => isOld(at)).map(({ seq }) => seq));
    let settled = start;
    for (const { seq } of found) {
      if (seq > settled + 1 && seq > final) return settled;
      settled = seq;
    }
    return this.head.seq > settled && isOld(this.head.at) ? this.head.seq : settled;
  }

  // What happens

  allocate() {
    this.head = { seq: this.head.seq + 1, at: this.clock.now };
    return this.head.seq;
  }

  /** Somebody says something; with `late`, it is numbered now and stored later. */
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
    for (const line of this.lines) if (line.user === user) this.bye(line, code, action);
  }

  person(id) {
    return { id, name: id, avatar: null, is_muted: true, is_speaking: false, is_online: true, joined_at: "" };
  }

  stamp() {
    return new Date(this.clock.now).toISOString();
  }
}

export function problem(status, code, more = {}) {
  return Response.json({ status, code, detail: code, ...more }, { status });
}

export const texts = (room) => room.state.messages.map(({ text }) => text);
export const numbers = (room) => room.state.messages.map(({ seq }) => seq);
