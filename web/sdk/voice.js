/** Voice: each page is connected with each other one. The room's frames carry the signalling. */

import { Timers, surroundings } from "./deps.js";
import { CoworkingError } from "./errors.js";
import { Speech, measure } from "./levels.js";
import { Peer, next } from "./peer.js";
import { Store } from "./state.js";

/** @import { Frame, RoomState } from "./wire.js" */
/** @import { AudioLike, Pair, Signal, VoiceDeps, VoiceFacts, VoiceRoom, VoiceState } from "./voice-types.js" */

const TICK_MS = 100;
const GREET_MS = 4_000;
const MOST_PAGES = 5;
const MISSING = /NotFound|Overconstrained/;
const BUSY = /NotReadable|Abort/;

/** @type {VoiceDeps} */
const browser = {
  ...surroundings,
  connection: (rtc) => new RTCPeerConnection(rtc),
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
    const code = MISSING.test(cause.name) ? "missing" : BUSY.test(cause.name) ? "busy" : "denied";
    super({ code, detail: cause.message }, { cause });
  }
}

export class Voice {
  #page = "";
  #connection = "";
  #pairs = /** @type {Map<string, Pair>} */ (new Map());
  #volumes = /** @type {Map<string, number>} */ (new Map());
  #over = new AbortController();
  #track = /** @type {MediaStreamTrack | null} */ (null);
  /** @type {AudioContext | undefined} */
  #context;
  /** @type {AudioNode | undefined} */
  #source;
  /** @type {AnalyserNode | undefined} */
  #analyser;
  #samples = new Float32Array(2048);
  #speech = new Speech();
  /** Muted here, and as the room has it: whoever is shown as muted isn't heard. */
  #muted = true;
  #shown = true;
  #asked = 0;
  /** @type {VoiceFacts} */
  #facts = { blocked: false, error: null, input: "", output: "", inputs: [], outputs: [] };
  #text = "";
  #room;
  #options;
  #deps;
  #timers;
  #store;

  /**
   * @param {VoiceRoom} room that was entered
   * @param {{rtc?: RTCConfiguration, media?: MediaTrackConstraints}} [options] STUN and TURN; wishes for the microphone
   * @param {Partial<VoiceDeps>} [deps]
   */
  constructor(room, options = {}, deps) {
    this.#room = room;
    this.#options = options;
    this.#deps = { ...browser, ...deps };
    this.#timers = new Timers(this.#deps);
    this.#store = new Store(this.#look());
  }

  get state() {
    return this.#store.value;
  }

  /** Tells the state, now and when it changes. What it returns ends that. @param {(state: VoiceState) => void} tell */
  subscribe(tell) {
    return this.#store.subscribe(tell);
  }

  /** Hear the others, without a microphone. */
  listen() {
    const { connection, you } = this.#room.state;
    if (this.#page || connection === "ended" || !you) return;
    this.#page = `${you.connection_id}/${this.#deps.uuid()}`;
    const { media, window } = this.#deps;
    const { signal } = (this.#over = new AbortController());
    const wake = () => (this.#facts.blocked || this.#context?.state === "suspended") && this.resume();
    for (const name of ["pointerdown", "keydown"]) window?.addEventListener(name, wake, { signal });
    window?.addEventListener("pagehide", () => this.#leave(), { signal });
    media?.addEventListener("devicechange", () => this.devices(), { signal });
    const offs = [
      this.#room.on("signal", (frame) => this.#hear(frame)),
      this.#room.on("frame", (frame) => frame.type === "voice" && this.#hear(frame)),
      this.#room.subscribe((state) => this.#follow(state)),
    ];
    signal.addEventListener("abort", () => offs.forEach((off) => off()));
    this.#tick();
  }

  /** Hear the others and speak. Where there is no microphone, listening goes on. @throws {MicrophoneError} */
  async start() {
    await this.useInput();
    if (this.#track) await this.setMuted(false);
  }

  /** Hang up. */
  stop() {
    if (!this.#page) return;
    this.#over.abort();
    this.#room.send("voice", { page: this.#page, n: next(), bye: true });
    const isHeard = !this.#silent && this.#room.state.connection !== "ended";
    if (isHeard) this.#room.setMuted(true).catch((error) => this.#fail(error));
    for (const key of this.#pairs.keys()) this.#drop(key);
    this.#timers.clear();
    this.#track?.stop();
    this.#track = null;
    this.#context?.close();
    this.#context = this.#source = undefined;
    this.#page = this.#connection = "";
    this.#asked++;
    this.#publish();
  }

  /** Be heard, or not. Without a microphone, unmuting asks for one. @param {boolean} muted */
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
    const stream = await this.#ask({ ...this.#options.media, ...(id && { deviceId: { exact: id } }) });
    const [track] = stream.getAudioTracks();
    if (asked !== this.#asked) return track.stop();
    this.#track?.stop();
    track.onended = () => this.#lose();
    this.#context ??= this.#deps.context();
    this.#analyser = this.#context.createAnalyser();
    this.#source?.disconnect();
    this.#source = this.#context.createMediaStreamSource(stream);
    this.#source.connect(this.#analyser);
    Object.assign(this.#facts, { input: track.getSettings().deviceId ?? "", error: null });
    this.#speakInto(track);
    await this.devices();
  }

  /** Listen to another loudspeaker. @param {string} id */
  async useOutput(id) {
    this.#facts.output = id;
    await Promise.all([...this.#pairs.values()].map(({ audio }) => audio.setSinkId?.(id)));
    this.#publish();
  }

  /** What there is to speak into and to listen to. Browsers tell the names once a microphone was allowed. */
  async devices() {
    const all = (await this.#deps.media?.enumerateDevices()) ?? [];
    const list = (/** @type {string} */ wanted) =>
      all.filter(({ kind, deviceId }) => kind === wanted && deviceId).map(({ deviceId: id, label }) => ({ id, label }));
    const devices = { inputs: list("audioinput"), outputs: this.#deps.audio().setSinkId ? list("audiooutput") : [] };
    Object.assign(this.#facts, devices);
    if (this.#facts.output && !devices.outputs.some(({ id }) => id === this.#facts.output)) await this.useOutput("");
    this.#publish();
    return devices;
  }

  /** @param {string} userId @param {number} volume 0 to 1 */
  setVolume(userId, volume) {
    this.#volumes.set(userId, volume);
    for (const pair of this.#of(userId)) pair.audio.volume = volume;
  }

  /** Play what the browser has blocked: to be called on a click. */
  async resume() {
    this.#facts.blocked = false;
    await Promise.all([this.#context?.resume(), ...[...this.#pairs.values()].map(({ audio }) => this.#play(audio))]);
    this.#publish();
  }

  /** The page is left. A browser may keep it, and show it again as it was. */
  #leave() {
    this.stop();
    this.#deps.window?.addEventListener("pageshow", () => this.listen(), { once: true });
  }

  // The others

  /** @param {string} userId */
  #of(userId) {
    return [...this.#pairs.values()].filter((pair) => pair.userId === userId);
  }

  /** Whoever doesn't know this page calls it. A greeting may have missed somebody: it is repeated, twice at most. */
  #greet(times = 3) {
    this.#room.send("voice", { page: this.#page, n: next() });
    const { participants } = this.#room.state;
    const misses = () => participants.some((one) => one.is_online && !one.is_you && !this.#of(one.id).length);
    if (times > 1) this.#timers.set("greet", GREET_MS, () => misses() && this.#greet(times - 1));
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
    if (old && session && session < old.other) return; // from an attempt that it has given up
    if (old?.peer.begun && session > old.other) this.#drop(key);
    const pair = this.#pairs.get(key) ?? this.#meet(key, from, page);
    if (n > pair.n) {
      Object.assign(pair, { n, connection });
      pair.peer.absent = false;
    }
    pair.other = session || pair.other;
    if (session && (!peer || peer === pair.session)) return pair.peer.receive(signal);
    if (session) return pair.peer.nudge();
    pair.peer.call();
    if (pair.peer.begun) this.#say(pair, { candidates: [] }); // so that it knows this connection
  }

  /** @param {string} key @param {string} userId @param {string} page */
  #meet(key, userId, page) {
    const others = this.#of(userId);
    if (others.length >= MOST_PAGES) this.#drop(others[0].key);
    const audio = this.#deps.audio();
    audio.volume = this.#volumes.get(userId) ?? 1;
    const peer = new Peer(this.#deps.connection(this.#options.rtc), {
      polite: this.#page < page,
      track: this.#track,
      deps: this.#deps,
      on: {
        signal: (signal) => this.#say(pair, signal),
        track: (track) => {
          audio.srcObject = this.#deps.stream(track);
          if (this.#facts.output) audio.setSinkId?.(this.#facts.output).catch((error) => this.#fail(error));
          this.#play(audio);
        },
        change: () => this.#publish(),
        end: (error) => {
          this.#drop(key);
          if (error) this.#fail(error);
          else this.#greet();
        },
      },
    });
    const seated = this.#room.state.participants.some(({ id }) => id === userId);
    const speech = new Speech();
    const pair = { key, userId, connection: "", n: 0, session: next(), other: 0, seated, peer, audio, speech };
    this.#pairs.set(key, pair);
    return pair;
  }

  /** What gets lost is said again: by the peer, and by whoever greets. @param {Pair} pair @param {Signal} signal */
  async #say({ userId, connection, session, other }, signal) {
    const data = { page: this.#page, n: next(), session, peer: other, ...signal };
    try {
      await this.#room.request(signal.description?.type ?? "ice-candidate", data, { to: connection });
    } catch (error) {
      if (!(error instanceof CoworkingError)) throw error;
      if (error.code === "peer_unavailable") this.#miss(userId, connection);
    }
  }

  /** A connection is gone. Whom we still hear, we keep. @param {string} userId @param {string} connection */
  #miss(userId, connection) {
    for (const pair of this.#of(userId)) {
      if (pair.connection !== connection) continue;
      pair.peer.absent = true;
      if (pair.peer.state !== "connected") this.#drop(pair.key);
    }
  }

  /** @param {string} key */
  #drop(key) {
    const pair = this.#pairs.get(key);
    if (!pair) return;
    this.#pairs.delete(key);
    pair.peer.close();
    pair.audio.srcObject = null;
    this.#publish();
  }

  /** @param {AudioLike} audio */
  async #play(audio) {
    try {
      await audio.play();
    } catch (error) {
      const { name } = /** @type {Error} */ (error);
      if (name === "NotAllowedError") this.#facts.blocked = true;
      else if (name !== "AbortError") this.#fail(error); // that one hung up meanwhile
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
    const { speaking } = this.#speech;
    this.#analyser?.getFloatTimeDomainData(this.#samples);
    if (this.#silent) this.#speech.speaking = false;
    else if (this.#speech.update(measure(this.#samples), now) !== speaking) this.#room.setSpeaking(!speaking);
    for (const { peer, speech } of this.#pairs.values()) speech.update(peer.level, now);
    this.#publish();
    this.#timers.set("tick", TICK_MS, () => this.#tick());
  }

  /** @returns {VoiceState} */
  #look() {
    return {
      status: !this.#page ? "off" : this.#track ? "talking" : "listening",
      muted: this.#silent,
      speaking: this.#speech.speaking,
      ...this.#facts,
      peers: [...this.#pairs.values()].map(({ userId, connection: connectionId, peer, speech: { speaking } }) => {
        return { userId, connectionId, state: peer.state, speaking };
      }),
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
}
