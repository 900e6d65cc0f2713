/** Fakes for voice: peer connections, microphones, loudspeakers, and a room that may lose frames. */

import { CoworkingError } from "../../web/sdk/errors.js";
import { Voice } from "../../web/sdk/voice.js";
import { Clock, settle } from "./fakes.js";

/** @import { Frame, RoomState, VoiceDeps, VoiceRoom } from "../../web/sdk/public.js" */

class Track extends EventTarget {
  enabled = true;
  stopped = false;
  onended = /** @type {(() => void) | null} */ (null);

  /** @param {string} id */
  constructor(id) {
    super();
    this.id = id;
  }

  stop() {
    this.stopped = true;
  }

  getSettings() {
    return { deviceId: this.id };
  }
}

/** @typedef {{pc: number, generation: number, answers?: string, candidates: number}} Sdp */

/**
 * A peer connection that keeps the rules: descriptions come in their order, an answer answers the offer that was made,
 * and a candidate belongs to the description that is there. It is connected when both sides have each other's.
 */
export class FakeConnection {
  /** @type {FakeConnection[]} */
  static all = [];

  signalingState = "stable";
  connectionState = "new";
  /** @type {any} */
  onnegotiationneeded = null;
  /** @type {any} */
  onicecandidate = null;
  /** @type {any} */
  ontrack = null;
  /** @type {any} */
  onconnectionstatechange = null;
  level = 0;
  /** The rules of WebRTC that were broken. @type {string[]} */
  violations = [];
  offers = 0;
  /** Whether packets arrive. */
  network = true;
  #generation = 0;
  #needed = false;
  #restart = false;
  /** @type {Sdp | null} */
  #local = null;
  /** @type {Sdp | null} */
  #agreed = null;
  #type = "offer";
  /** @type {Sdp | null} */
  #remote = null;
  #theirs = 0;
  /** @type {any[]} */
  #transceivers = [];
  #pending = Promise.resolve();

  /** @param {Clock} clock */
  constructor(clock) {
    this.clock = clock;
    this.id = FakeConnection.all.push(this) - 1;
  }

  addTransceiver() {
    const transceiver = {
      direction: "sendrecv",
      sender: {
        track: /** @type {unknown} */ (null),
        replaceTrack: async (/** @type {unknown} */ track) => void (transceiver.sender.track = track),
      },
      receiver: { getSynchronizationSources: () => [{ audioLevel: this.level }] },
    };
    this.#transceivers.push(transceiver);
    this.#need();
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
    this.#mayGoOn();
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
    const { generation } = this;
    for (const number of [1, 2])
      this.clock.set(() => {
        if (this.generation !== generation || !this.#local || this.signalingState === "closed") return;
        this.#local.candidates = number;
        const candidate = { candidate: `${this.id}/${generation}`, toJSON: () => ({ candidate: `${this.id}/${generation}` }) };
        this.onicecandidate?.({ candidate });
        this.#check();
      }, 10 * number);
  }

  get generation() {
    return this.#generation;
  }

  /** @param {{type: string, sdp: string}} description */
  async setRemoteDescription({ type, sdp }) {
    await null;
    this.#mayGoOn();
    const /** @type {Sdp} */ parsed = JSON.parse(sdp);
    if (type === "offer") {
      if (this.signalingState === "have-local-offer") [this.#local, this.#restart] = [this.#agreed, this.#agreed !== null];
      this.signalingState = "have-remote-offer";
      if (!this.#transceivers.length) this.addTransceiver().direction = "recvonly";
      this.#needed = false;
    } else {
      if (this.signalingState !== "have-local-offer") throw this.#wrong(`an answer while ${this.signalingState}`);
      if (parsed.answers !== name(this.#local)) throw this.#wrong(`${parsed.answers} answered, not ${name(this.#local)}`);
    }
    if (!this.#remote) this.ontrack?.({ track: new Track(`heard ${parsed.pc}`) });
    if (this.#remote && this.#remote.pc !== parsed.pc) throw this.#wrong("another connection took over");
    if (this.#remote && this.#remote.generation > parsed.generation) throw this.#wrong("an old description came back");
    this.#remote = parsed;
    this.#theirs = parsed.candidates;
    if (type === "answer") this.#agree();
    this.#check();
  }

  /** @param {{candidate: string}} candidate */
  async addIceCandidate({ candidate }) {
    this.#mayGoOn();
    if (candidate !== name(this.#remote)) throw this.#wrong(`${candidate} for ${name(this.#remote)}`);
    this.#theirs++;
    this.#check();
  }

  restartIce() {
    this.#restart = true;
    this.#need();
  }

  close() {
    this.signalingState = this.connectionState = "closed";
    for (const other of FakeConnection.all) if (other.#remote?.pc === this.id) other.#fade();
  }

  /** No packet arrives any more. */
  #fade() {
    const fade = (/** @type {string} */ state) => this.connectionState !== "closed" && this.become(state);
    this.clock.set(() => fade("disconnected"), 5_000);
    this.clock.set(() => fade("failed"), 20_000);
  }

  /** The browser tells a new state. @param {string} state */
  become(state) {
    this.connectionState = state;
    this.onconnectionstatechange?.();
  }

  #agree() {
    this.signalingState = "stable";
    this.#agreed = this.#local;
    if (this.#needed || this.#restart) this.#need();
  }

  #need() {
    this.#needed = true;
    this.#pending = this.#pending.then(async () => {
      await null;
      if (this.#needed && this.signalingState === "stable") this.onnegotiationneeded?.();
    });
  }

  #mayGoOn() {
    if (this.signalingState === "closed") throw new DOMException("It is closed", "InvalidStateError");
  }

  /** @param {string} what */
  #wrong(what) {
    this.violations.push(what);
    return new DOMException(what, "InvalidStateError");
  }

  #check() {
    const other = this.#remote && FakeConnection.all[this.#remote.pc];
    if (!other || this.connectionState === "closed") return;
    const isMutual = name(other.#remote) === name(this.#local) && name(other.#local) === name(this.#remote);
    const isReachable = this.#theirs > 0 && other.#theirs > 0 && this.network && other.network;
    if (!isMutual || !isReachable || this.signalingState !== "stable" || other.signalingState !== "stable") return;
    for (const one of [this, other]) if (one.connectionState !== "connected") one.become("connected");
  }
}

/** @param {Sdp | null} sdp */
const name = (sdp) => sdp ? `${sdp.pc}/${sdp.generation}` : "nothing";

/** Carries frames between the rooms of a test. `fate` says when each copy of a frame arrives. */
export class Relay {
  clock = new Clock();
  /** @type {FakeRoom[]} */
  rooms = [];
  /** @type {{type: string, from: string, to?: string, data: any}[]} */
  frames = [];
  /** @type {(frame: Frame, to: FakeRoom) => number[]} */
  fate = () => [20];
  #connections = 0;

  connectionId() {
    return `c${String(++this.#connections).padStart(3, "0")}`;
  }

  /** A user opens the page. @param {string} userId */
  enter(userId) {
    const room = new FakeRoom(this, userId);
    this.rooms.push(room);
    this.announce();
    return room;
  }

  /** Tell all rooms who has a seat. @param {string[]} [seated] */
  announce(seated = [...new Set(this.rooms.filter(({ isGone }) => !isGone).map(({ userId }) => userId))]) {
    for (const room of this.rooms) room.seat(seated);
  }

  /**
   * @param {FakeRoom} sender
   * @param {Frame} frame
   * @returns {boolean} whether it was for anybody
   */
  carry(sender, { type, data, to }) {
    const text = JSON.stringify(data);
    const { userId: from, connectionId: connection } = sender;
    this.frames.push({ type, from, to, data: JSON.parse(text) });
    const receivers = this.rooms.filter(
      (room) => room !== sender && !room.isGone && (!to || room.connectionId === to || room.userId === to),
    );
    for (const receiver of receivers) {
      const stamped = () => ({ type, from, connection, to, data: JSON.parse(text) });
      for (const delay of this.fate(stamped(), receiver))
        this.clock.set(() => receiver.isOnline && receiver.receive(stamped()), delay);
    }
    return receivers.length > 0;
  }

  /** Whether all pages hear each other, with one connection for each pair. */
  isMesh() {
    const pages = this.rooms.filter(({ isGone }) => !isGone);
    return pages.every(({ voice }) => {
      const { peers } = voice.state;
      return peers.length === pages.length - 1 && peers.every(({ state }) => state === "connected");
    });
  }
}

/** @implements {VoiceRoom} */
export class FakeRoom {
  isOnline = true;
  isGone = false;
  /** @type {{name: string, value: boolean}[]} */
  told = [];
  /** The error with which the service refuses. @type {Error | null} */
  refusal = null;
  /** @type {FakeConnection[]} */
  connections = [];
  /** @type {FakeAudio[]} */
  audios = [];
  window = new EventTarget();
  media = new FakeMedia();
  samples = 0;
  /** @type {Error | null} */
  sinkRefusal = null;
  #watchers = new Set();
  /** @type {Set<(frame: Frame) => void>} */
  #listeners = new Set();

  /**
   * @param {Relay} relay
   * @param {string} userId
   */
  constructor(relay, userId) {
    this.relay = relay;
    this.userId = userId;
    this.connectionId = relay.connectionId();
    this.state = /** @type {RoomState} */ (
      /** @type {unknown} */ ({ connection: "live", you: this.#you(), participants: [] })
    );
    this.voice = new Voice(this, {}, /** @type {Partial<VoiceDeps>} */ (/** @type {unknown} */ (this.deps())));
  }

  deps() {
    return {
      setTimeout: this.relay.clock.set,
      clearTimeout: this.relay.clock.clear,
      now: () => this.relay.clock.now,
      uuid: () => `page ${this.connectionId}`,
      window: this.window,
      media: this.media,
      connection: () => this.connections[this.connections.push(new FakeConnection(this.relay.clock)) - 1],
      audio: () => this.audios[this.audios.push(new FakeAudio(this)) - 1],
      stream: (/** @type {Track} */ track) => ({ track }),
      context: () => ({
        state: "running",
        createAnalyser: () => ({ getFloatTimeDomainData: (/** @type {Float32Array} */ into) => into.fill(this.samples) }),
        createMediaStreamSource: () => ({ connect() {}, disconnect() {} }),
        close: async () => {},
        resume: async () => {},
      }),
    };
  }

  /** The newest connection to another page. */
  get connection() {
    return this.connections[this.connections.length - 1];
  }

  /** @param {(state: RoomState) => void} watch */
  subscribe(watch) {
    this.#watchers.add(watch);
    watch(this.state);
    return () => void this.#watchers.delete(watch);
  }

  /** @param {string} event @param {(frame: Frame) => void} listener */
  on(event, listener) {
    const own = (/** @type {Frame} */ frame) => (frame.type === "voice") === (event === "frame") && listener(frame);
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  /** @param {string} type @param {object} data */
  send(type, data) {
    return this.isOnline && this.relay.carry(this, { type, data });
  }

  /** @param {string} type @param {object} data @param {{to: string}} options */
  async request(type, data, { to }) {
    if (!this.isOnline) throw new CoworkingError({ code: "closed" });
    if (!this.relay.carry(this, { type, data, to })) throw new CoworkingError({ code: "peer_unavailable" });
  }

  /** @param {boolean} value */
  async setMuted(value) {
    if (this.refusal) throw this.refusal;
    this.told.push({ name: "muted", value });
    this.show(value);
  }

  /** @param {boolean} value */
  setSpeaking(value) {
    this.told.push({ name: "speaking", value });
  }

  /** @param {Frame} frame */
  receive(frame) {
    for (const listener of [...this.#listeners]) listener(frame);
  }

  /** The room shows this user as muted or not. @param {boolean} is_muted */
  show(is_muted) {
    this.#set({ participants: this.state.participants.map((one) => (one.is_you ? { ...one, is_muted } : one)) });
  }

  /** @param {string[]} users */
  seat(users) {
    const muted = this.state.participants.find((one) => one.is_you)?.is_muted ?? true;
    const participants = users.map((id) => ({ id, is_you: id === this.userId, is_muted: muted, is_online: true }));
    this.#set({ participants: /** @type {any} */ (participants) });
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

  /** @param {Partial<RoomState>} change */
  #set(change) {
    this.state = { ...this.state, ...change };
    for (const watch of [...this.#watchers]) watch(this.state);
  }
}

export class FakeMedia extends EventTarget {
  /** @type {Error | null} */
  refusal = null;
  /** @type {Track[]} */
  tracks = [];
  devices = ["mic", "headset"];
  outputs = ["speaker"];

  /** @param {{audio: {deviceId?: {exact: string}}}} wanted */
  async getUserMedia({ audio }) {
    await null;
    if (this.refusal) throw this.refusal;
    const track = new Track(audio.deviceId?.exact ?? this.devices[0]);
    this.tracks.push(track);
    return { getAudioTracks: () => [track] };
  }

  async enumerateDevices() {
    const inputs = this.devices.map((deviceId) => ({ kind: "audioinput", deviceId, label: deviceId }));
    return [...inputs, ...this.outputs.map((deviceId) => ({ kind: "audiooutput", deviceId, label: "Speaker" }))];
  }
}

export class FakeAudio {
  /** @type {any} */
  srcObject = null;
  volume = 1;
  sink = "";
  played = 0;
  /** @type {Error | null} */
  refusal = null;

  /** @param {FakeRoom} room */
  constructor(room) {
    this.room = room;
  }

  async play() {
    if (this.refusal) throw this.refusal;
    this.played++;
  }

  /** @param {string} id */
  async setSinkId(id) {
    if (this.room.sinkRefusal) throw this.room.sinkRefusal;
    this.sink = id;
  }
}
