/** A clock that tests control, a model of the service, and a network with faults. */
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
  async until(condition, limit = 600_000) {
    const end = this.now + limit;
    await settle();
    while (!condition()) {
      const next = this.#next();
      if (!next || next[1].due > end) throw new Error(`not within ${limit} ms: ${condition}`);
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

const onNothing = () => {};
const SETTLED_MS = 60_000;

/** The WebSocket of a browser. */
class FakeSocket {
  onopen = onNothing;
  onmessage = onNothing;
  onclose = onNothing;
  isOpen = false;
  isClosed = false;

  constructor(service, user, id) {
    Object.assign(this, { service, user, id, at: service.clock.now });
  }

  send(text) {
    if (!this.isOpen) throw new Error("the socket is still connecting");
    const frame = JSON.parse(text);
    if (!this.isClosed) this.service.carry("up", frame, () => this.service.receive(this, frame));
  }

  deliver(frame) {
    const data = JSON.stringify(frame);
    this.service.carry("down", frame, () => !this.isClosed && this.onmessage?.({ data }));
  }

  /** The client closes it. */
  close() {
    this.isClosed = true;
    this.service.connections = this.service.connections.filter((other) => other !== this);
  }
}

/** A model of the service: one room with its log, its seats and its connections. */
export class Service {
  clock = new Clock();
  log = [];
  /** The events of the log: `{seq, at, frame}`. */
  events = [];
  /** The last allocated number, and its time. */
  lastNumber = { seq: 0, at: 0 };
  seats = new Set();
  unmuted = new Set();
  /** The roles of those who are more than members, and who has muted whom. */
  roles = {};
  mutedBy = {};
  connections = [];
  /** The acknowledged messages, by user and id. */
  answers = new Map();
  /** The frames of clients: `{type, user, ...}`. */
  frames = [];
  calls = [];
  /** The times at which WebSockets were opened. */
  openedAt = [];
  /** The delays of the copies of a frame; an empty list is a loss. Tests replace it. */
  network = () => [5];
  /** How long the answer to a call takes. Tests replace it. */
  latency = () => 20;
  /** Returns an answer to a call, or `undefined` to let the service answer. Tests replace it. */
  intercept = () => undefined;
  /** Returns true if it has handled a frame instead of the service. Tests replace it. */
  hook = () => false;
  isUp = true;
  rotate = false;
  refuseSockets = false;
  random = createRandom(1);
  #ids = 0;

  /** The browser of a user. */
  client(user, options = {}) {
    const window = new EventTarget();
    const document = Object.assign(new EventTarget(), { visibilityState: "visible" });
    const deps = {
      fetch: (url, init) => this.fetch(user, url, init),
      connect: () => this.connect(user),
      setTimeout: this.clock.set,
      clearTimeout: this.clock.clear,
      now: () => this.clock.now,
      random: () => this.random(),
      uuid: () => `${user}-${++this.#ids}`,
      window,
      document,
    };
    const coworking = new Coworking({ api: "https://x/api", token: () => user, ...options }, deps);
    return { coworking, window, document };
  }

  /** Let time pass until a promise is settled. */
  async wait(promise) {
    let isSettled = false;
    const finish = () => (isSettled = true);
    promise.then(finish, finish);
    await this.clock.until(() => isSettled);
    return promise;
  }

  /** Enter the room, and let time pass until the user is in it. */
  async enter(user, options) {
    const client = this.client(user, options);
    const room = await this.wait(client.coworking.enter("room"));
    /** Let time pass until the connection is in a state. */
    const until = (connection) => this.clock.until(() => room.state.connection === connection);
    return { service: this, ...client, room, until };
  }

  /** The frames of a type that clients have sent. */
  sent(wanted) {
    return this.frames.filter(({ type }) => type === wanted);
  }

  /** The paths that clients have called. */
  get paths() {
    return this.calls.map(({ path }) => path);
  }

  // Faults

  /** Do something while all frames are lost. */
  loseFrames(act) {
    const { network } = this;
    this.network = () => [];
    act();
    this.network = network;
  }

  /** Give the next frames of a type to a function instead of the service. Without a function, they get no answer. */
  divert(wanted, times = Infinity, handle = onNothing) {
    this.hook = (connection, frame) => {
      if (frame.type !== wanted || times-- <= 0) return false;
      handle(connection, frame);
      return true;
    };
  }

  /** Answer the next frames of a type with an error. */
  refuse(wanted, times, error) {
    const data = { detail: "", ...error };
    this.divert(wanted, times, (connection, { id }) => this.post(connection, { type: "error", ref: id, data }));
  }

  // HTTP

  async fetch(user, url, { method, headers, body, signal, keepalive }) {
    const path = url.replace("https://x/api", "").replace("/coworking/rooms/room", "");
    const call = { method, path, headers, body, keepalive, at: this.clock.now };
    this.calls.push(call);
    await new Promise((resolve, reject) => {
      this.clock.set(resolve, this.latency(path));
      signal.addEventListener("abort", () => reject(signal.reason));
    });
    if (!this.isUp) throw new TypeError("fetch failed");
    const answer = this.intercept(call) ?? this.answer(user, path);
    if (answer instanceof Error) throw answer;
    return answer;
  }

  answer(user, path) {
    const [action, query] = path.slice(1).split("?");
    const url = "wss://x";
    if (action === "join") {
      const message = this.seats.has(user) ? "Already in this room" : "Joined room successfully";
      if (!this.seats.has(user)) this.seat(user);
      return Response.json({ message, websocket: { url } });
    }
    if (!this.seats.has(user)) return problem(action === "leave" ? 404 : 403, "not_in_room");
    if (action === "ticket") return Response.json({ url });
    if (action === "leave") {
      this.unseat(user, "left");
      return Response.json({ success: true, message: "" });
    }
    const { before_seq, limit } = Object.fromEntries(new URLSearchParams(query));
    const found = this.log.filter(({ seq }) => seq < Number(before_seq));
    return Response.json({ messages: found.slice(-limit), has_more: found.length > limit });
  }

  // Connections

  connect(user) {
    this.openedAt.push(this.clock.now);
    const socket = new FakeSocket(this, user, `c${++this.#ids}`);
    this.clock.set(() => {
      if (socket.isClosed) return;
      if (!this.isUp || this.refuseSockets || !this.seats.has(user)) return this.drop(socket);
      this.connections.push(socket);
      socket.isOpen = true;
      socket.onopen?.({});
    }, 20);
    return socket;
  }

  /** The network drops a connection. */
  drop(socket) {
    if (socket.isClosed) return;
    socket.close();
    socket.onclose?.({});
  }

  dropAll() {
    for (const connection of [...this.connections]) this.drop(connection);
  }

  carry(direction, frame, arrive) {
    for (const delay of this.network(direction, frame)) this.clock.set(() => this.isUp && arrive(), delay);
  }

  post(connection, frame) {
    connection.deliver({ roomId: "room", ts: this.stamp(), ...frame });
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
    const { user, id } = connection;
    this.frames.push({ ...frame, user, connection: id, at: this.clock.now });
    if (!this.connections.includes(connection) || this.hook(connection, frame)) return;
    const answer = (type, data) => this.post(connection, { type, ref: frame.id, data });
    if (!this.seats.has(user)) return answer("error", { code: "not_in_room", detail: "" });
    if (frame.type === "ping") {
      const rotate = this.rotate && this.clock.now - connection.at > 1000;
      return answer("pong", { last_seq: this.lastNumber.seq, rotate });
    }
    if (frame.type === "sync") return this.sync(connection, frame, answer);
    if (frame.type === "message" || frame.type === "emoji") {
      const key = `${user} ${frame.id}`;
      const { text, emoji } = frame.data;
      const message = this.answers.get(key) ?? this.say(user, text ?? emoji, { isEmoji: frame.type === "emoji" });
      this.answers.set(key, message);
      return answer("ack", message);
    }
    if (frame.type === "mic") this.unmuted[frame.data.is_muted ? "delete" : "add"](user);
    if (frame.type === "mic") this.push({ type: "mic_toggled", from: user, data: { user_id: user, ...frame.data } });
    else if (frame.type !== "speaking") this.push({ ...frame, from: user, connection: id }, connection);
    if (frame.id) answer("ack");
  }

  sync({ user, id }, { data: { last_seq: asked } }, answer) {
    const missed = this.log.filter(({ seq }) => seq > asked);
    const events = this.events.filter(({ seq }) => seq > asked);
    const recovered = asked !== null && asked <= this.lastNumber.seq && missed.length + events.length <= 300;
    const messages = recovered ? missed : this.log.slice(-50);
    const start = recovered ? asked : messages.length === 50 ? messages[0].seq - 1 : 0;
    const found = [...messages, ...this.events].filter(({ seq }) => seq > start).sort((one, other) => one.seq - other.seq);
    const isShown = ({ data }) => messages.some(({ seq }) => seq === data.target_seq);
    const entries = recovered ? events.map(({ frame }) => frame).filter((frame) => !isShown(frame)) : [];
    const participants = [...this.seats].map((one) => this.person(one));
    const room = { id: "room", participants };
    const role = this.roles[user] ?? "member";
    const you = { user_id: user, connection_id: id, role, can: role === "member" ? [] : ["mute"] };
    answer("snapshot", { room, you, messages, entries, recovered, last_seq: this.settled(start, found) });
  }

  /** The number up to which the log is final. */
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

  /** A user sends a message. With `late`, it gets its number now and is stored later. */
  say(user, text, { isEmoji = false, late = 0 } = {}) {
    const message = this.message(user, text, isEmoji ? "emoji" : "text");
    const type = isEmoji ? "emoji_reaction" : "message_sent";
    this.store(message, { type, from: user, seq: message.seq, data: message }, late);
    return message;
  }

  /** Somebody changes a message: an event tells it. */
  change(type, target_seq, data) {
    const { emoji, count, user_id, ...fields } = type === "message_deleted" ? { text: "", deleted: true } : data;
    const more = emoji ? { reactions: [{ emoji, count, me: user_id === "ada" }] } : fields;
    this.log = this.log.map((one) => (one.seq === target_seq ? { ...one, ...more } : one));
    this.event(type, { target_seq, ...data });
  }

  /** An event of the log. */
  event(type, data) {
    const { action, user_id, by, role } = data;
    if (type === "role_changed") this.roles[user_id] = role ?? "member";
    if (action === "mute") this.unmuted.delete(user_id);
    if (action === "mute" || action === "unmute") this.mutedBy[user_id] = action === "mute" ? by : null;
    const seq = this.allocate();
    const frame = { type, seq, data };
    this.events.push({ seq, at: this.clock.now, frame });
    this.push(frame);
  }

  message(user, text, type) {
    const seq = this.allocate();
    return { id: `m${seq}`, seq, type, user_id: user, text, mentions: [], reactions: [], at: this.clock.now };
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
    this.unmuted.delete(user);
    const message = this.message(null, `${user} left the room`, "system");
    this.store(message, { type: "user_left", seq: message.seq, data: { user_id: user, reason, message } });
    const [code, action] = reason === "left" ? ["left", "stop"] : ["timed_out", "rejoin"];
    for (const connection of this.connections) if (connection.user === user) this.bye(connection, code, action);
  }

  person(id) {
    const [role, muted_by] = [this.roles[id] ?? "member", this.mutedBy[id] ?? null];
    return { id, name: id, is_muted: !this.unmuted.has(id), is_speaking: false, is_online: true, role, muted_by };
  }

  stamp() {
    return new Date(this.clock.now).toISOString();
  }
}

/** Ada enters the room of a new service. */
export const enterRoom = (options) => new Service().enter("ada", options);

export function problem(status, code, more = {}) {
  return Response.json({ status, code, detail: code, ...more }, { status });
}

export const texts = (room) => room.state.messages.map(({ text }) => text);
export const ids = (room) => room.state.participants.map(({ id }) => id);
export const findPerson = (room, user) => room.state.participants.find(({ id }) => id === user);
