/** Voice: each page has a connection to each other page. The frames of the room carry the signalling. */

import { createTimers, defaultDeps } from "./deps.js";
import { CoworkingError } from "./errors.js";
import { createSpeech, measureLevel } from "./levels.js";
import { createPeer, nextId } from "./peer.js";
import { createStore } from "./store.js";

/** @import { Pair, Signal } from "./internal.js" */
/** @import { AudioLike, Frame, RoomState, VoiceDeps, VoiceFacts, VoiceRoom, VoiceState } from "./public.js" */

/** A user may have five connections. */
const MAX_PAGES = 5;

/** @type {VoiceDeps} */
const voiceDeps = {
  ...defaultDeps,
  connection: (rtc) => new RTCPeerConnection(rtc),
  media: globalThis.navigator?.mediaDevices,
  audio: () => new Audio(),
  context: () => new AudioContext(),
  stream: (track) => new MediaStream([track]),
};

/** The microphone can't be used. `code` is `denied`, `missing` or `busy`. */
export class MicrophoneError extends CoworkingError {
  name = "MicrophoneError";

  /** @param {any} cause */
  constructor(cause) {
    const code = /NotFound|Overconstrained/.test(cause.name) ? "missing" : /NotReadable|Abort/.test(cause.name) ? "busy" : "denied";
    super({ code, detail: cause.message }, { cause });
  }
}

export class Voice {
  /** The name of this page for other pages; "" while voice is off. */
  #page = "";
  /** The connection id for which the page has greeted. */
  #connection = "";
  #pairs = /** @type {Map<string, Pair>} */ (new Map());
  #volumes = /** @type {Map<string, number>} */ (new Map());
  #stopped = new AbortController();
  #track = /** @type {MediaStreamTrack | null} */ (null);
  /** @type {AudioContext | undefined} */
  #context;
  /** @type {AudioNode | undefined} */
  #source;
  /** @type {AnalyserNode | undefined} */
  #analyser;
  #samples = new Float32Array(2048);
  #speech = createSpeech();
  /** Muted here, and muted in the room. The track is silent if one of them is true. */
  #isMuted = true;
  #isMutedInRoom = true;
  /** Counts requests for a microphone: only the newest one counts. */
  #inputRequests = 0;
  /** @type {VoiceFacts} */
  #facts = { blocked: false, error: null, input: "", output: "", inputs: [], outputs: [] };
  /** The last published state as JSON. */
  #published = "";
  #room;
  #options;
  #deps;
  #timers;
  #store;

  /**
   * @param {VoiceRoom} room
   * @param {{rtc?: RTCConfiguration, media?: MediaTrackConstraints}} [options] STUN and TURN servers; constraints for the microphone
   * @param {Partial<VoiceDeps>} [deps]
   */
  constructor(room, options = {}, deps) {
    this.#room = room;
    this.#options = options;
    this.#deps = { ...voiceDeps, ...deps };
    this.#timers = createTimers(this.#deps);
    this.#store = createStore(this.#readState());
  }

  get state() {
    return this.#store.value;
  }

  /** Call `watch` now and after changes. Returns a function that stops this. @param {(state: VoiceState) => void} watch */
  subscribe(watch) {
    return this.#store.subscribe(watch);
  }

  /** Hear the others. This needs no microphone. */
  listen() {
    const { connection, you } = this.#room.state;
    if (this.#page || connection === "ended" || !you) return;
    this.#page = `${you.connection_id}/${this.#deps.uuid()}`;
    const { media, window } = this.#deps;
    const { signal } = (this.#stopped = new AbortController());
    const wake = () => (this.#facts.blocked || this.#context?.state === "suspended") && this.resume();
    for (const name of ["pointerdown", "keydown"]) window?.addEventListener(name, wake, { signal });
    window?.addEventListener("pagehide", this.#onPageHide, { signal });
    media?.addEventListener("devicechange", () => this.devices(), { signal });
    const stops = [
      this.#room.on("signal", this.#onFrame),
      this.#room.on("frame", (frame) => frame.type === "voice" && this.#onFrame(frame)),
      this.#room.subscribe(this.#onRoomState),
    ];
    signal.addEventListener("abort", () => stops.forEach((stop) => stop()));
    this.#measure();
  }

  /** Hear the others and speak. Without a microphone, you still hear the others. @throws {MicrophoneError} */
  async start() {
    await this.useInput();
    if (this.#track) await this.setMuted(false);
  }

  /** Hang up. */
  stop() {
    if (!this.#page) return;
    this.#stopped.abort();
    this.#room.send("voice", { page: this.#page, n: nextId(), bye: true });
    const isAudible = !this.#isSilent && this.#room.state.connection !== "ended";
    if (isAudible) this.#room.setMuted(true).catch(this.#fail);
    for (const key of this.#pairs.keys()) this.#removePair(key);
    this.#timers.clear();
    this.#track?.stop();
    this.#track = null;
    this.#context?.close();
    this.#context = this.#source = undefined;
    this.#page = this.#connection = "";
    this.#inputRequests++;
    this.#publish();
  }

  /** Mute or unmute. Without a microphone, unmuting asks for one. @param {boolean} muted */
  async setMuted(muted) {
    if (!muted && !this.#track) return this.start();
    this.#isMuted = muted;
    this.#publish();
    await this.#room.setMuted(muted);
  }

  /**
   * Use another microphone.
   * @param {string} [id] the default is the browser's choice
   * @throws {MicrophoneError}
   */
  async useInput(id) {
    this.listen();
    const request = ++this.#inputRequests;
    const stream = await this.#openMicrophone({ ...this.#options.media, ...(id && { deviceId: { exact: id } }) });
    const [track] = stream.getAudioTracks();
    if (request !== this.#inputRequests) return track.stop();
    this.#track?.stop();
    track.onended = this.#onMicrophoneEnded;
    const context = (this.#context ??= this.#deps.context());
    const analyser = (this.#analyser = context.createAnalyser());
    this.#source?.disconnect();
    this.#source = context.createMediaStreamSource(stream);
    this.#source.connect(analyser);
    Object.assign(this.#facts, { input: track.getSettings().deviceId ?? "", error: null });
    this.#setTrack(track);
    await this.devices();
  }

  /** Use another loudspeaker. @param {string} id */
  async useOutput(id) {
    this.#facts.output = id;
    await Promise.all([...this.#pairs.values()].map(({ audio }) => audio.setSinkId?.(id)));
    this.#publish();
  }

  /** List the microphones and loudspeakers. Browsers tell their labels after the user has allowed a microphone. */
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
    for (const pair of this.#pairsOf(userId)) pair.audio.volume = volume;
  }

  /** Play the sound that the browser has blocked. Call it on a click. */
  async resume() {
    this.#facts.blocked = false;
    await Promise.all([this.#context?.resume(), ...[...this.#pairs.values()].map(({ audio }) => this.#play(audio))]);
    this.#publish();
  }

  /** The user leaves the page. The browser may keep it, and show it again later. */
  #onPageHide = () => {
    this.stop();
    this.#deps.window?.addEventListener("pageshow", () => this.listen(), { once: true });
  };

  // Other pages

  /** @param {string} userId */
  #pairsOf(userId) {
    return [...this.#pairs.values()].filter((pair) => pair.userId === userId);
  }

  /** Greet all other pages: they connect to this page. Repeat the greeting twice if participants do not react. */
  #greet(times = 3) {
    this.#room.send("voice", { page: this.#page, n: nextId() });
    const { participants } = this.#room.state;
    const isAnyoneMissing = () => participants.some((one) => one.is_online && !one.is_you && !this.#pairsOf(one.id).length);
    if (times > 1) this.#timers.set("greet", 4_000, () => isAnyoneMissing() && this.#greet(times - 1));
  }

  /** @param {Pick<RoomState, "connection" | "you" | "participants">} state */
  #onRoomState = ({ connection, you, participants }) => {
    if (connection === "ended") return this.stop();
    this.#isMutedInRoom = participants.find((one) => one.is_you)?.is_muted ?? true;
    const seats = new Set(participants.map(({ id }) => id));
    for (const [key, pair] of this.#pairs) {
      if (pair.hasSeat && !seats.has(pair.userId)) this.#removePair(key);
      pair.hasSeat = seats.has(pair.userId);
    }
    if (you && you.connection_id !== this.#connection) {
      this.#connection = you.connection_id;
      this.#greet();
      if (this.#speech.speaking) this.#room.setSpeaking(true);
    }
    this.#publish();
  };

  /** @param {Frame} frame */
  #onFrame = ({ type, from, connection, data }) => {
    if (!from || !connection || from === this.#room.state.you?.user_id) return;
    if (type === "user-left") return this.#onUnreachable(from, connection);
    if (typeof data?.page !== "string") return;
    const { page, n, session = 0, peer = 0, bye, ...signal } = data;
    const key = `${from} ${page}`;
    if (bye) return this.#removePair(key);
    const old = this.#pairs.get(key);
    if (old && session && session < old.remoteSession) return; // a frame of an attempt that they have given up
    if (old?.peer.hasAnswered() && session > old.remoteSession) this.#removePair(key);
    const pair = this.#pairs.get(key) ?? this.#addPair(key, from, page);
    if (n > pair.n) {
      Object.assign(pair, { n, connection });
      pair.peer.isUnreachable = false;
    }
    pair.remoteSession = session || pair.remoteSession;
    if (session && (!peer || peer === pair.session)) return pair.peer.receive(signal);
    if (session) return pair.peer.resendOffer();
    pair.peer.retry();
    if (pair.peer.hasAnswered()) this.#sendSignal(pair, { candidates: [] }); // they learn our new connection from it
  };

  /** @param {string} key @param {string} userId @param {string} page */
  #addPair(key, userId, page) {
    const others = this.#pairsOf(userId);
    if (others.length >= MAX_PAGES) this.#removePair(others[0].key);
    const audio = this.#deps.audio();
    audio.volume = this.#volumes.get(userId) ?? 1;
    const peer = createPeer(this.#deps.connection(this.#options.rtc), {
      polite: this.#page < page,
      track: this.#track,
      deps: this.#deps,
      on: {
        signal: (signal) => this.#sendSignal(pair, signal),
        track: (track) => {
          audio.srcObject = this.#deps.stream(track);
          if (this.#facts.output) audio.setSinkId?.(this.#facts.output).catch(this.#fail);
          this.#play(audio);
        },
        change: this.#publish,
        end: (error) => {
          this.#removePair(key);
          if (error) this.#fail(error);
          else this.#greet();
        },
      },
    });
    const hasSeat = this.#room.state.participants.some(({ id }) => id === userId);
    const speech = createSpeech();
    const pair = { key, userId, connection: "", n: 0, session: nextId(), remoteSession: 0, hasSeat, peer, audio, speech };
    this.#pairs.set(key, pair);
    return pair;
  }

  /** Send a signal. It may get lost: peers and greetings repeat themselves. @param {Pair} pair @param {Signal} signal */
  async #sendSignal({ userId, connection, session, remoteSession }, signal) {
    const data = { page: this.#page, n: nextId(), session, peer: remoteSession, ...signal };
    try {
      await this.#room.request(signal.description?.type ?? "ice-candidate", data, { to: connection });
    } catch (error) {
      if (!(error instanceof CoworkingError)) throw error;
      if (error.code === "peer_unavailable") this.#onUnreachable(userId, connection);
    }
  }

  /** A connection to the room is gone. Keep the pair as long as its sound arrives. @param {string} userId @param {string} connection */
  #onUnreachable(userId, connection) {
    for (const pair of this.#pairsOf(userId)) {
      if (pair.connection !== connection) continue;
      pair.peer.isUnreachable = true;
      if (pair.peer.state !== "connected") this.#removePair(pair.key);
    }
  }

  /** @param {string} key */
  #removePair(key) {
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
      else if (name !== "AbortError") this.#fail(error); // AbortError: they hung up meanwhile
      this.#publish();
    }
  }

  // The microphone

  get #isSilent() {
    return !this.#track || this.#isMuted || this.#isMutedInRoom;
  }

  /** @param {MediaTrackConstraints} audio */
  async #openMicrophone(audio) {
    try {
      return await /** @type {MediaDevices} */ (this.#deps.media).getUserMedia({ audio });
    } catch (cause) {
      throw this.#fail(new MicrophoneError(cause));
    }
  }

  /** @param {MediaStreamTrack | null} track */
  #setTrack(track) {
    this.#track = track;
    for (const { peer } of this.#pairs.values()) peer.setTrack(track);
    this.#publish();
  }

  /** The microphone was unplugged or taken away. Use another one; if there is none, only listen. */
  #onMicrophoneEnded = () => {
    this.#setTrack(null);
    this.useInput().catch(() => this.setMuted(true)).catch(this.#fail);
  };

  // The state

  #measure() {
    const now = this.#deps.now();
    const { speaking } = this.#speech;
    this.#analyser?.getFloatTimeDomainData(this.#samples);
    if (this.#isSilent) this.#speech.speaking = false;
    else if (this.#speech.update(measureLevel(this.#samples), now) !== speaking) this.#room.setSpeaking(!speaking);
    for (const { peer, speech } of this.#pairs.values()) speech.update(peer.getLevel(), now);
    this.#publish();
    this.#timers.set("measure", 100, () => this.#measure());
  }

  /** @returns {VoiceState} */
  #readState() {
    return {
      status: !this.#page ? "off" : this.#track ? "talking" : "listening",
      muted: this.#isSilent,
      speaking: this.#speech.speaking,
      ...this.#facts,
      peers: [...this.#pairs.values()].map(({ userId, connection: connectionId, peer, speech: { speaking } }) => {
        return { userId, connectionId, state: peer.state, speaking };
      }),
    };
  }

  #publish = () => {
    if (this.#track) this.#track.enabled = !this.#isSilent;
    const state = this.#readState();
    const json = JSON.stringify(state);
    if (json !== this.#published) this.#store.set(state);
    this.#published = json;
  };

  /** @template T @param {T} error @returns {T} */
  #fail = (error) => {
    this.#facts.error = /** @type {Error} */ (error);
    this.#publish();
    return error;
  };
}
