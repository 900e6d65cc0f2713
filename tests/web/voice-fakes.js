/** Fakes for voice: peer connections, microphones, loudspeakers, and a room that may lose frames. */
import { CoworkingError } from "../../web/sdk/errors.js";
import { Voice } from "../../web/sdk/voice.js";
import { Clock } from "./fakes.js";

class Track {
  enabled = true;
  stopped = false;
  onended = null;

  constructor(id) {
    this.id = id;
  }

  stop() {
    this.stopped = true;
  }

  getSettings() {
    return { deviceId: this.id };
  }
}

/**
 * A peer connection that checks the rules of WebRTC: descriptions arrive in order, an answer belongs to the current
 * offer, and a candidate to the current description. It connects when each side has the description of the other.
 *
 * A description is `{pc, generation, answers, candidates}`.
 */
export class FakeConnection {
  static all = [];

  signalingState = "stable";
  connectionState = "new";
  onnegotiationneeded = null;
  onicecandidate = null;
  ontrack = null;
  onconnectionstatechange = null;
  level = 0;
  /** The broken rules of WebRTC. */
  violations = [];
  offers = 0;
  /** True if packets arrive. */
  network = true;
  #generation = 0;
  #needed = false;
  #restart = false;
  #local = null;
  #agreed = null;
  #type = "offer";
  #remote = null;
  #theirs = 0;
  #transceivers = [];
  #pending = Promise.resolve();

  constructor(clock) {
    this.clock = clock;
    this.id = FakeConnection.all.push(this) - 1;
  }

  addTransceiver() {
    const transceiver = {
      direction: "sendrecv",
      sender: { track: null, replaceTrack: async (track) => void (transceiver.sender.track = track) },
      receiver: { getSynchronizationSources: () => [{ audioLevel: this.level }] },
    };
    this.#transceivers.push(transceiver);
    this.#requestNegotiation();
    return transceiver;
  }

  getTransceivers() {
    return this.#transceivers;
  }

  /** The track that is sent to the other side. */
  get sending() {
    return this.#transceivers[0]?.sender.track ?? null;
  }

  get localDescription() {
    return this.#local && { type: this.#type, sdp: JSON.stringify(this.#local) };
  }

  async setLocalDescription() {
    await null;
    this.#requireOpen();
    this.#needed = false;
    if (this.signalingState === "stable") {
      this.offers++;
      if (this.#restart || !this.#local) this.#generation++;
      this.#local = { pc: this.id, generation: this.#generation, candidates: 0 };
      this.#type = "offer";
      this.signalingState = "have-local-offer";
    } else if (this.signalingState === "have-remote-offer") {
      this.#generation++;
      this.#local = { pc: this.id, generation: this.#generation, answers: name(this.#remote), candidates: 0 };
      this.#type = "answer";
      this.#agree();
    }
    this.#restart = false;
    const generation = this.#generation;
    const isCurrent = () => this.#generation === generation && this.#local && this.signalingState !== "closed";
    for (const delay of [10, 20]) this.clock.set(() => isCurrent() && this.findCandidate(), delay);
  }

  /** The browser finds a candidate. */
  findCandidate() {
    this.#local.candidates++;
    const candidate = name(this.#local);
    this.onicecandidate?.({ candidate: { toJSON: () => ({ candidate }) } });
    this.#check();
  }

  async setRemoteDescription({ type, sdp }) {
    await null;
    this.#requireOpen();
    const parsed = JSON.parse(sdp);
    const isOffering = this.signalingState === "have-local-offer";
    if (type === "offer") {
      if (isOffering) [this.#local, this.#restart] = [this.#agreed, this.#agreed !== null];
      this.signalingState = "have-remote-offer";
      if (!this.#transceivers.length) this.addTransceiver().direction = "recvonly";
      this.#needed = false;
    } else {
      if (!isOffering) throw this.#violation(`an answer while ${this.signalingState}`);
      if (parsed.answers !== name(this.#local)) throw this.#violation(`an answer to the old offer ${parsed.answers}`);
    }
    if (!this.#remote) this.ontrack?.({ track: new Track(`heard ${parsed.pc}`) });
    if (this.#remote && this.#remote.pc !== parsed.pc) throw this.#violation("another connection took over");
    if (this.#remote && this.#remote.generation > parsed.generation) throw this.#violation("an old description");
    this.#remote = parsed;
    this.#theirs = parsed.candidates;
    if (type === "answer") this.#agree();
    this.#check();
  }

  async addIceCandidate({ candidate }) {
    this.#requireOpen();
    if (candidate !== name(this.#remote)) throw this.#violation(`${candidate} for ${name(this.#remote)}`);
    this.#theirs++;
    this.#check();
  }

  restartIce() {
    this.#restart = true;
    this.#requestNegotiation();
  }

  close() {
    this.signalingState = this.connectionState = "closed";
    for (const other of FakeConnection.all) if (other.#remote?.pc === this.id) other.#fade();
  }

  /** No packet arrives any more. */
  #fade() {
    const fade = (state) => this.connectionState !== "closed" && this.setState(state);
    this.clock.set(() => fade("disconnected"), 5_000);
    this.clock.set(() => fade("failed"), 20_000);
  }

  /** The browser reports a new state. */
  setState(state) {
    this.connectionState = state;
    this.onconnectionstatechange?.();
  }

  #agree() {
    this.signalingState = "stable";
    this.#agreed = this.#local;
    if (this.#needed || this.#restart) this.#requestNegotiation();
  }

  #requestNegotiation() {
    this.#needed = true;
    this.#pending = this.#pending.then(async () => {
      await null;
      if (this.#needed && this.signalingState === "stable") this.onnegotiationneeded?.();
    });
  }

  #requireOpen() {
    if (this.signalingState === "closed") throw new DOMException("It is closed", "InvalidStateError");
  }

  #violation(what) {
    this.violations.push(what);
    return new DOMException(what, "InvalidStateError");
  }

  #check() {
    const other = this.#remote && FakeConnection.all[this.#remote.pc];
    if (!other || this.connectionState === "closed") return;
    const isMutual = name(other.#remote) === name(this.#local) && name(other.#local) === name(this.#remote);
    const isReachable = this.#theirs > 0 && other.#theirs > 0 && this.network && other.network;
    if (!isMutual || !isReachable || this.signalingState !== "stable" || other.signalingState !== "stable") return;
    for (const one of [this, other]) if (one.connectionState !== "connected") one.setState("connected");
  }
}

const name = (description) => (description ? `${description.pc}/${description.generation}` : "nothing");

/** Carries frames between the rooms of a test. */
export class Relay {
  clock = new Clock();
  rooms = [];
  frames = [];
  unmuted = new Set();
  /** The delays of the copies of a frame; an empty list is a loss. Tests replace it. */
  network = () => [20];
  #connections = 0;

  connectionId() {
    return `c${String(++this.#connections).padStart(3, "0")}`;
  }

  /** A user opens the page. */
  enter(userId) {
    const room = new FakeRoom(this, userId);
    this.rooms.push(room);
    this.announce();
    return room;
  }

  /** Tell all rooms who has a seat. */
  announce() {
    const seated = new Set(this.rooms.filter(({ isGone }) => !isGone).map(({ userId }) => userId));
    for (const room of this.rooms) room.seat([...seated]);
  }

  /** Returns true if the frame had a receiver. */
  carry(sender, { type, data, to }) {
    const { userId: from, connectionId: connection } = sender;
    const copy = () => JSON.parse(JSON.stringify({ type, from, connection, to, data }));
    this.frames.push(copy());
    const receivers = this.rooms.filter(
      (room) => room !== sender && !room.isGone && (!to || room.connectionId === to || room.userId === to),
    );
    for (const receiver of receivers)
      for (const delay of this.network(copy())) {
        const arriving = copy();
        this.clock.set(() => receiver.isOnline && receiver.receive(arriving), delay);
      }
    return receivers.length > 0;
  }

  sent(wanted) {
    return this.frames.filter(({ type }) => type === wanted);
  }

  /** True if all pages hear each other, with one connection for each pair. */
  isMesh() {
    const pages = this.rooms.filter(({ isGone }) => !isGone);
    return pages.every(({ voice }) => {
      const { peers } = voice.state;
      return peers.length === pages.length - 1 && peers.every(({ state }) => state === "connected");
    });
  }
}

export class FakeRoom {
  isOnline = true;
  isGone = false;
  /** The states sent to the service: `["muted" or "speaking", value]`. */
  told = [];
  /** The error with which the service refuses calls. */
  refusal = null;
  connections = [];
  audios = [];
  window = new EventTarget();
  media = new FakeMedia();
  samples = 0;
  /** The AudioContexts that are open. */
  meters = 0;
  sinkRefusal = null;
  #watchers = new Set();
  #listeners = new Set();
  #pages = 0;

  constructor(relay, userId) {
    this.relay = relay;
    this.userId = userId;
    this.connectionId = relay.connectionId();
    this.state = { connection: "live", you: this.#you(), participants: [] };
    this.deps = this.#makeDeps();
    this.voice = new Voice(this, {}, this.deps);
  }

  #makeDeps() {
    const { clock } = this.relay;
    const add = (list, one) => list[list.push(one) - 1];
    return {
      setTimeout: clock.set,
      clearTimeout: clock.clear,
      now: () => clock.now,
      uuid: () => `page ${++this.#pages}`,
      window: this.window,
      media: this.media,
      connection: () => add(this.connections, new FakeConnection(clock)),
      audio: () => add(this.audios, new FakeAudio(this)),
      stream: (track) => ({ track }),
      context: () => (this.meters++, {
        state: "running",
        createAnalyser: () => ({ getFloatTimeDomainData: (into) => into.fill(this.samples) }),
        createMediaStreamSource: () => ({ connect() {}, disconnect() {} }),
        close: async () => void this.meters--,
        resume: async () => {},
      }),
    };
  }

  /** The newest connection to another page. */
  get connection() {
    return this.connections.at(-1);
  }

  /** The loudspeakers that play something. */
  get playing() {
    return this.audios.filter(({ srcObject }) => srcObject);
  }

  subscribe(watch) {
    this.#watchers.add(watch);
    watch(this.state);
    return () => this.#watchers.delete(watch);
  }

  on(event, listener) {
    const own = (frame) => (frame.type === "voice") === (event === "frame") && listener(frame);
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  send(type, data) {
    return this.isOnline && this.relay.carry(this, { type, data });
  }

  async request(type, data, { to }) {
    if (!this.isOnline) throw new CoworkingError({ code: "closed" });
    if (!this.relay.carry(this, { type, data, to })) throw new CoworkingError({ code: "peer_unavailable" });
  }

  async setMuted(value) {
    if (this.refusal) throw this.refusal;
    this.told.push(["muted", value]);
    this.relay.unmuted[value ? "delete" : "add"](this.userId);
    for (const room of this.relay.rooms) room.show(value, this.userId);
  }

  setSpeaking(value) {
    this.told.push(["speaking", value]);
  }

  receive(frame) {
    for (const listener of [...this.#listeners]) listener(frame);
  }

  /** A frame comes from another page. */
  hear(type, { userId: from, connectionId: connection }, data) {
    this.receive({ type, from, connection, data });
  }

  /** The room shows a user as muted or not. */
  show(is_muted, userId = this.userId, more = {}) {
    this.#set({ participants: this.state.participants.map((one) => (one.id === userId ? { ...one, is_muted, ...more } : one)) });
  }

  seat(users) {
    const known = new Map(this.state.participants.map((one) => [one.id, one]));
    const isMuted = (id) => !this.relay.unmuted.has(id);
    const add = (id) => ({ id, is_you: id === this.userId, is_muted: isMuted(id), is_online: true });
    this.#set({ participants: users.map((id) => known.get(id) ?? add(id)) });
  }

  /** The page gets a new WebSocket. */
  reconnect() {
    this.isOnline = true;
    this.connectionId = this.relay.connectionId();
    this.#set({ you: this.#you() });
  }

  /** The tab is closed without a `bye`. */
  vanish() {
    this.isGone = true;
    this.isOnline = false;
    this.#listeners.clear();
    for (const connection of this.connections) connection.close();
  }

  end() {
    this.#set({ connection: "ended" });
  }

  #you() {
    return { user_id: this.userId, connection_id: this.connectionId };
  }

  #set(change) {
    this.state = { ...this.state, ...change };
    for (const watch of [...this.#watchers]) watch(this.state);
  }
}

class FakeMedia extends EventTarget {
  refusal = null;
  tracks = [];
  devices = ["mic", "headset"];
  outputs = ["speaker"];

  async getUserMedia({ audio }) {
    await null;
    if (this.refusal) throw this.refusal;
    const track = new Track(audio.deviceId?.exact ?? this.devices[0]);
    this.tracks.push(track);
    return { getAudioTracks: () => [track] };
  }

  async enumerateDevices() {
    const list = (kind, ids) => ids.map((deviceId) => ({ kind, deviceId, label: `The ${deviceId}` }));
    return [...list("audioinput", this.devices), ...list("audiooutput", this.outputs)];
  }
}

class FakeAudio {
  srcObject = null;
  volume = 1;
  sink = "";
  played = 0;
  refusal = null;

  constructor(room) {
    this.room = room;
  }

  async play() {
    if (this.refusal) throw this.refusal;
    this.played++;
  }

  async setSinkId(id) {
    if (this.room.sinkRefusal) throw this.room.sinkRefusal;
    this.sink = id;
  }
}
