/** Voice: each page is connected with each other one. The room's frames carry the signalling. */

import { surroundings } from "./deps.js";
import { CoworkingError } from "./errors.js";
import { SpeechDetector, measure } from "./levels.js";
import { Peer, Timers, next } from "./peer.js";
import { Store } from "./state.js";

/** @import { Frame, RoomState } from "./wire.js" */
/** @import { AudioLike, Pair, Signal, VoiceDeps, VoiceFacts, VoiceRoom, VoiceState } from "./voice-types.js" */

const TICK_MS = 100;
const GREET_AGAIN_MS = [3_000, 9_000];
const REASONS = new Map([
  ["NotFoundError", "missing"],
  ["OverconstrainedError", "missing"],
  ["NotReadableError", "busy"],
  ["AbortError", "busy"],
]);

/** @type {VoiceDeps} */
const browser = {
  ...surroundings,
  connection: (configuration) => new RTCPeerConnection(configuration),
  media: globalThis.navigator?.mediaDevices,
  audio: () => new Audio(),
  context: () => new AudioContext(),
  stream: (track) => new MediaStream([track]),
};

/** No microphone: its `code` is `denied`, `missing` or `busy`. */
export class MicrophoneError extends CoworkingError {
  name = "MicrophoneError";

  /** @param {any} cause */
  constructor(cause) {
    super({ code: REASONS.get(cause.name) ?? "denied", detail: cause.message }, { cause });
  }
}

export class Voice {
  #page = "";
  #connection = "";
  #pairs = /** @type {Map<string, Pair>} */ (new Map());
  #volumes = /** @type {Map<string, number>} */ (new Map());
  #undo = /** @type {(() => void)[]} */ ([]);
  #track = /** @type {MediaStreamTrack | null} */ (null);
  #context = /** @type {AudioContext | undefined} */ (undefined);
  #source = /** @type {AudioNode | undefined} */ (undefined);
  #analyser = /** @type {AnalyserNode | undefined} */ (undefined);
  #samples = new Float32Array(2048);
  #speech = new SpeechDetector();
  #level = 0;
  #text = "";
  /** Muted here, and as the room has it: whoever is shown as muted isn't heard. */
  #muted = true;
  #shown = true;
  #asked = 0;
  /** @type {VoiceFacts} */
  #facts = { blocked: false, error: null, input: "", output: "", inputs: [], outputs: [] };
  #room;
  #rtc;
  #media;
  #deps;
  #timers;
  #store;

  /**
   * @param {VoiceRoom} room that was entered
   * @param {{rtc?: RTCConfiguration, media?: MediaTrackConstraints}} [options] STUN and TURN servers; what the microphone
   *     should be like
   * @param {Partial<VoiceDeps>} [deps]
   */
  constructor(room, { rtc, media } = {}, deps) {
    this.#room = room;
    this.#rtc = rtc;
    this.#media = media;
    this.#deps = { ...browser, ...deps };
    this.#timers = new Timers(this.#deps);
    this.#store = new Store(this.#look());
  }

  get state() {
    return this.#store.value;
  }

  /**
   * Be told of the state, now and whenever it has changed.
   * @param {(state: VoiceState) => void} watch
   * @returns {() => void} ends it
   */
  subscribe(watch) {
    return this.#store.subscribe(watch);
  }

  /** Hear the others, without a microphone. */
  listen() {
    const { connection, you } = this.#room.state;
    if (this.#page || connection === "ended" || !you) return;
    this.#page = `${you.connection_id}/${this.#deps.uuid()}`;
    const { media, window } = this.#deps;
    this.#on(media, "devicechange", () => this.devices());
    this.#on(window, "pagehide", () => this.stop());
    for (const gesture of ["pointerdown", "keydown"])
      this.#on(window, gesture, () => (this.#facts.blocked || this.#context?.state === "suspended") && this.resume());
    this.#undo.push(
      this.#room.on("signal", (frame) => this.#hear(frame)),
      this.#room.on("frame", (frame) => frame.type === "voice" && this.#hear(frame)),
      this.#room.subscribe((state) => this.#follow(state)),
    );
    this.#tick();
  }

  /**
   * Hear the others and speak. Where there is no microphone, listening goes on.
   * @param {{deviceId?: string, muted?: boolean}} [options]
   * @throws {MicrophoneError}
   */
  async start({ deviceId, muted = false } = {}) {
    await this.useInput(deviceId);
    if (this.#track) await this.setMuted(muted);
  }

  /** Hang up. */
  stop() {
    if (!this.#page) return;
    const isOver = this.#room.state.connection === "ended";
    this.#room.send("voice", { page: this.#page, n: next(), bye: true });
    if (!this.#silent && !isOver) this.#room.setMuted(true).catch((error) => this.#fail(error));
    for (const undo of this.#undo.splice(0)) undo();
    for (const key of this.#pairs.keys()) this.#drop(key);
    this.#timers.clear();
    this.#track?.stop();
    this.#context?.close();
    this.#track = null;
    this.#context = this.#source = undefined;
    this.#page = this.#connection = "";
    this.#asked++;
    this.#publish();
  }

  /**
   * Be heard, or not. Without a microphone, unmuting asks for one.
   * @param {boolean} muted
   */
  async setMuted(muted) {
    if (!muted && !this.#track) return this.start();
    this.#muted = muted;
    this.#publish();
    await this.#room.setMuted(muted);
  }

  /**
   * Speak into another microphone; without `id`, into the one that the browser takes.
   * @param {string} [id]
   * @throws {MicrophoneError}
   */
  async useInput(id) {
    this.listen();
    const asked = ++this.#asked;
    const audio = { ...this.#media, ...(id && { deviceId: { exact: id } }) };
    const stream = await this.#ask(audio);
    const [track] = stream.getAudioTracks();
    if (asked !== this.#asked) return track.stop();
    this.#track?.stop();
    this.#speakInto(track);
    this.#context ??= this.#deps.context();
    this.#analyser = this.#context.createAnalyser();
    this.#source?.disconnect();
    this.#source = this.#context.createMediaStreamSource(stream);
    this.#source.connect(this.#analyser);
    track.onended = () => this.#lose();
    this.#facts.input = track.getSettings().deviceId ?? "";
    this.#facts.error = null;
    await this.devices();
  }

  /** Listen to another loudspeaker. @param {string} id */
  async useOutput(id) {
    this.#facts.output = id;
    await Promise.all([...this.#pairs.values()].map(({ audio }) => audio.setSinkId?.(id)));
    this.#publish();
  }

  /** What there is to speak into and to listen to. Before there was a microphone, browsers don't tell their names. */
  async devices() {
    const all = (await this.#deps.media?.enumerateDevices()) ?? [];
    const list = (/** @type {string} */ wanted) =>
      all.filter(({ kind, deviceId }) => kind === wanted && deviceId).map(({ deviceId: id, label }) => ({ id, label }));
    const devices = { inputs: list("audioinput"), outputs: this.#deps.audio().setSinkId ? list("audiooutput") : [] };
    Object.assign(this.#facts, devices);
    this.#publish();
    return devices;
  }

  /** @param {string} userId @param {number} volume 0 to 1 */
  setVolume(userId, volume) {
    this.#volumes.set(userId, volume);
    for (const pair of this.#pairs.values()) if (pair.userId === userId) pair.audio.volume = volume;
  }

  /** Play what the browser has blocked: to be called on a click. */
  async resume() {
    this.#facts.blocked = false;
    await Promise.all([this.#context?.resume(), ...[...this.#pairs.values()].map(({ audio }) => this.#play(audio))]);
    this.#publish();
  }

  // The others

  /** Whoever is there and doesn't know this page will call it. A greeting can be lost, so it is said up to three times. */
  #greet([delay, ...rest] = GREET_AGAIN_MS) {
    this.#room.send("voice", { page: this.#page, n: next() });
    const isMissed = () => {
      const met = new Set([...this.#pairs.values()].map(({ userId }) => userId));
      return this.#room.state.participants.some((one) => one.is_online && !one.is_you && !met.has(one.id));
    };
    if (delay) this.#timers.set("greet", delay, () => isMissed() && this.#greet(rest));
  }

  /** @param {Pick<RoomState, "connection" | "you" | "participants">} state */
  #follow({ connection, you, participants }) {
    if (connection === "ended") return this.stop();
    this.#shown = participants.find((one) => one.is_you)?.is_muted ?? true;
    const seated = new Set(participants.map(({ id }) => id));
    for (const [key, pair] of this.#pairs) {
      if (pair.seated && !seated.has(pair.userId)) this.#drop(key);
      pair.seated = seated.has(pair.userId);
    }
    if (you && you.connection_id !== this.#connection) {
      this.#connection = you.connection_id;
      this.#greet();
      if (this.#speech.speaking) this.#room.setSpeaking(true);
    }
    this.#publish();
  }

  /** @param {Frame} frame */
  #hear({ type, from, connection, data }) {
    if (!from || !connection || from === this.#room.state.you?.user_id) return;
    if (type === "user-left") return this.#miss(from, connection);
    if (typeof data?.page !== "string") return;
    const { page, n, session = 0, peer = 0, bye, ...signal } = data;
    const key = `${from} ${page}`;
    if (bye) return this.#drop(key);
    const old = this.#pairs.get(key);
    if (old && session && session < old.other) return; // from a connection that it has given up
    if (old?.peer.begun && session > old.other) this.#drop(key);
    const pair = this.#pairs.get(key) ?? this.#meet(key, from, page);
    if (n > pair.n) {
      Object.assign(pair, { n, connection });
      pair.peer.absent = false;
    }
    pair.other = session || pair.other;
    if (!session) this.#welcome(pair);
    else if (peer && peer !== pair.session) pair.peer.nudge();
    else pair.peer.receive(signal);
  }

  /** They greet: perhaps from a new connection, and perhaps without knowing ours. @param {Pair} pair */
  #welcome(pair) {
    pair.peer.call();
    if (pair.peer.begun) this.#say(pair, { candidates: [] });
  }

  /** @param {string} key @param {string} userId @param {string} page */
  #meet(key, userId, page) {
    for (const pair of this.#pairs.values()) if (pair.userId === userId) this.#say(pair, { candidates: [] }); // still there?
    const audio = this.#deps.audio();
    audio.volume = this.#volumes.get(userId) ?? 1;
    const peer = new Peer(this.#deps.connection(this.#rtc), {
      polite: this.#page < page,
      track: this.#track,
      deps: this.#deps,
      on: {
        signal: (signal) => this.#say(pair, signal),
        track: (track) => {
          audio.srcObject = this.#deps.stream(track);
          this.#play(audio);
        },
        change: () => this.#publish(),
        end: (error) => {
          this.#drop(key, error);
          if (!error) this.#greet();
        },
      },
    });
    const session = next();
    const seated = this.#room.state.participants.some(({ id }) => id === userId);
    const pair = { userId, connection: "", n: 0, session, other: 0, seated, peer, audio, speech: new SpeechDetector() };
    this.#pairs.set(key, pair);
    return pair;
  }

  /** What gets lost is said again: by the peer, and by whoever greets. @param {Pair} pair @param {Signal} signal */
  async #say(pair, signal) {
    const { connection, session, other } = pair;
    const data = { page: this.#page, n: next(), session, peer: other, ...signal };
    try {
      await this.#room.request(signal.description?.type ?? "ice-candidate", data, { to: connection });
    } catch (error) {
      if (!(error instanceof CoworkingError)) throw error;
      if (error.code === "peer_unavailable") this.#miss(pair.userId, connection);
    }
  }

  /** A connection is gone. Whom we still hear, we keep. @param {string} userId @param {string} connection */
  #miss(userId, connection) {
    for (const [key, pair] of this.#pairs) {
      if (pair.userId !== userId || pair.connection !== connection) continue;
      pair.peer.absent = true;
      if (pair.peer.state !== "connected") this.#drop(key);
    }
  }

  /** @param {string} key @param {unknown} [error] */
  #drop(key, error) {
    const pair = this.#pairs.get(key);
    if (!pair) return;
    this.#pairs.delete(key);
    pair.peer.close();
    pair.audio.srcObject = null;
    if (error) this.#fail(error);
    this.#publish();
  }

  /** @param {AudioLike} audio */
  async #play(audio) {
    try {
      if (this.#facts.output) await audio.setSinkId?.(this.#facts.output);
      await audio.play();
    } catch (error) {
      const { name } = /** @type {Error} */ (error);
      if (name === "NotAllowedError") this.#facts.blocked = true;
      else if (name !== "AbortError") this.#fail(error); // that one is gone already
      this.#publish();
    }
  }

  // The microphone

  get #silent() {
    return !this.#track || this.#muted || this.#shown;
  }

  /** @param {MediaTrackConstraints} audio */
  async #ask(audio) {
    try {
      return await /** @type {MediaDevices} */ (this.#deps.media).getUserMedia({ audio });
    } catch (cause) {
      throw this.#fail(new MicrophoneError(cause));
    }
  }

  /** @param {MediaStreamTrack | null} track */
  #speakInto(track) {
    this.#track = track;
    for (const { peer } of this.#pairs.values()) peer.use(track);
    this.#publish();
  }

  /** It was unplugged, or taken away: go on with another, else listen. */
  #lose() {
    this.#speakInto(null);
    this.useInput().catch(() => this.setMuted(true)).catch((error) => this.#fail(error));
  }

  // The state

  #tick() {
    const now = this.#deps.now();
    if (this.#silent) this.#level = +(this.#speech.speaking = false);
    else {
      this.#analyser?.getFloatTimeDomainData(this.#samples);
      this.#level = measure(this.#samples);
      const before = this.#speech.speaking;
      if (this.#speech.update(this.#level, now) !== before) this.#room.setSpeaking(!before);
    }
    for (const { peer, speech } of this.#pairs.values()) speech.update(peer.level, now);
    this.#publish();
    this.#timers.set("tick", TICK_MS, () => this.#tick());
  }

  /** @returns {VoiceState} */
  #look() {
    const step = (/** @type {number} */ level) => Math.round(level * 20) / 20;
    return {
      status: !this.#page ? "off" : this.#track ? "talking" : "listening",
      muted: this.#silent,
      speaking: this.#speech.speaking,
      level: step(this.#level),
      ...this.#facts,
      peers: [...this.#pairs.values()].map(({ userId, connection, peer, speech }) => ({
        userId,
        connectionId: connection,
        state: peer.state,
        speaking: speech.speaking,
        level: step(peer.level),
      })),
    };
  }

  #publish() {
    if (this.#track) this.#track.enabled = !this.#silent;
    const state = this.#look();
    const text = JSON.stringify(state);
    if (text !== this.#text) this.#store.set(state);
    this.#text = text;
  }

  /** @template T @param {T} error @returns {T} */
  #fail(error) {
    this.#facts.error = /** @type {Error} */ (error);
    this.#publish();
    return error;
  }

  /** @param {Pick<EventTarget, "addEventListener" | "removeEventListener"> | undefined} target @param {string} type @param {() => unknown} act */
  #on(target, type, act) {
    target?.addEventListener(type, act);
    this.#undo.push(() => target?.removeEventListener(type, act));
  }
}
