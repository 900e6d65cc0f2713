/** Voice: each page has a connection to each other page. */

import { createConsent } from "./consent.js";
import { createTimers, defaultDeps, requireType } from "./deps.js";
import { NetworkError } from "./errors.js";
import { createSpeech } from "./levels.js";
import { MicrophoneError, createMicrophone } from "./microphone.js";
import { createPairs } from "./pairs.js";
import { createPlayback } from "./playback.js";
import { createStore } from "./store.js";

/** @import { RoomState, VoiceDeps, VoiceFacts, VoiceRoom, VoiceState } from "./public.js" */

/** @type {VoiceDeps} */
const voiceDeps = {
  ...defaultDeps,
  connection: globalThis.RTCPeerConnection && ((rtc) => new RTCPeerConnection(rtc)),
  media: globalThis.navigator?.mediaDevices,
  audio: () => new Audio(),
  context: () => new AudioContext(),
  stream: (track) => new MediaStream([track]),
};

export { MicrophoneError };

/** Voice in a room: the microphone, and the sound of the others. */
export class Voice {
  /** The connection id for which the page has greeted. */
  #connection = "";
  #stopped = new AbortController();
  #speech = createSpeech();
  /** @type {VoiceFacts} */
  #facts = { muteReason: null, blocked: false, error: null, input: "", output: "", inputs: [], outputs: [] };
  /** The last published state as JSON. */
  #published = "";
  #lacks = /** @type {VoiceState["lacks"]} */ (null);
  #room;
  #deps;
  #timers;
  #consent;
  #microphone;
  #playback;
  #pairs;
  #store;

  /**
   * @param {VoiceRoom} room
   * @param {{rtc?: RTCConfiguration, media?: MediaTrackConstraints}} [options] STUN and TURN servers; constraints for the microphone
   * @param {Partial<VoiceDeps>} [deps]
   */
  constructor(room, options = {}, deps) {
    requireType("function", "room.subscribe", room?.subscribe);
    const on = { change: this.#publish, fail: this.#fail };
    this.#room = room;
    this.#deps = { ...voiceDeps, ...deps };
    this.#lacks = !this.#deps.connection ? "webrtc" : !this.#deps.media?.getUserMedia ? "microphone" : null;
    this.#timers = createTimers(this.#deps);
    this.#consent = createConsent(this.#facts, () => this.#deps.now());
    this.#microphone = createMicrophone(this.#deps, options.media, { ...on, ended: this.#onMicrophoneEnded });
    this.#playback = createPlayback(this.#deps, this.#facts, on);
    this.#pairs = createPairs(room, options.rtc, this.#deps, { ...on, player: this.#playback.add });
    this.#store = createStore(this.#readState());
  }

  /** The state now. It is frozen. */
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
    if (this.#pairs.page || this.#lacks === "webrtc" || connection === "ended" || !you) return;
    this.#consent.attend();
    this.#pairs.start(`${you.connection_id}/${this.#deps.uuid()}`);
    const { media, window } = this.#deps;
    const { signal } = (this.#stopped = new AbortController());
    const wake = () => (this.#facts.blocked || this.#microphone.isSuspended) && this.resume();
    for (const name of ["pointerdown", "keydown"]) window?.addEventListener(name, wake, { signal });
    window?.addEventListener("pagehide", this.#onPageHide, { signal });
    media?.addEventListener("devicechange", () => this.devices().catch(this.#fail), { signal });
    const stops = [
      this.#room.on("signal", this.#pairs.receive),
      this.#room.on("frame", (frame) => frame.type === "voice" && this.#pairs.receive(frame)),
      this.#room.subscribe(this.#onRoomState),
    ];
    signal.addEventListener("abort", () => stops.forEach((stop) => stop()));
    this.#measure();
  }

  /** Hear the others and speak: the same as `setMuted(false)`. @throws {MicrophoneError} */
  start() {
    return this.setMuted(false);
  }

  /** Hang up. */
  stop() {
    if (!this.#pairs.page) return;
    this.#stopped.abort();
    if (this.#microphone.track && this.#consent.isGiven && this.#room.state.connection !== "ended") this.#room.setMuted(true).catch(this.#fail);
    this.#pairs.stop();
    this.#timers.clear();
    this.#microphone.close();
    this.#consent.withdraw();
    this.#connection = "";
    this.#publish();
  }

  /**
   * Mute or unmute. Without a microphone, unmuting asks for one. Until the room shows the user unmuted, `state.unmuting` is
   * true, and `setMuted(true)` cancels it. Without a connection it fails after five seconds.
   * @param {boolean} muted
   * @throws {MicrophoneError}
   */
  async setMuted(muted) {
    requireType("boolean", "muted", muted);
    return muted ? this.#mute() : this.#unmute();
  }

  async #mute() {
    this.#consent.withdraw();
    if (!this.#microphone.track) this.#microphone.cancel();
    this.#publish();
    await this.#room.setMuted(true);
  }

  async #unmute() {
    const unmuting = this.#consent.ask(async (give) => {
      if (!this.#microphone.track) await this.useInput();
      if (!this.#microphone.track || !give()) return;
      this.#publish();
      await this.#room.setMuted(false);
    });
    this.#publish();
    await unmuting.finally(this.#publish);
  }

  /**
   * Use another microphone.
   * @param {string} [id] the default is the browser's choice
   * @throws {MicrophoneError}
   */
  async useInput(id) {
    this.listen();
    this.#facts.error = null;
    try {
      if (this.#lacks) throw new MicrophoneError({ name: "NotSupportedError" });
      if (!this.#pairs.page) throw new NetworkError({ code: "closed" });
      if (!(await this.#microphone.open(id))) return;
    } catch (error) {
      throw this.#fail(error);
    }
    const { track } = this.#microphone;
    this.#facts.input = track?.getSettings().deviceId ?? "";
    this.#pairs.setTrack(track);
    this.#publish();
    await this.devices().catch(this.#fail);
  }

  /** Use another loudspeaker. @param {string} id */
  async useOutput(id) {
    await this.#playback.useOutput(id);
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
    if (!(volume >= 0 && volume <= 1)) throw new TypeError("volume must be a number from 0 to 1");
    this.#playback.setVolume(userId, volume);
  }

  /** Play the sound that the browser has blocked. Call it on a click. */
  async resume() {
    await Promise.all([this.#microphone.resume(), this.#playback.resume()]);
    this.#publish();
  }

  /** The user leaves the page. The browser may keep it, and show it again later. */
  #onPageHide = () => {
    this.stop();
    this.#deps.window?.addEventListener("pageshow", () => this.listen(), { once: true });
  };

  /** The microphone was unplugged or taken away. Use another one; if there is none, only listen. */
  #onMicrophoneEnded = () => {
    this.#microphone.forget();
    this.#pairs.setTrack(null);
    this.useInput().catch(() => this.setMuted(true)).catch(this.#fail);
  };

  /** @param {Pick<RoomState, "connection" | "you" | "participants">} state */
  #onRoomState = (state) => {
    const { connection, you, participants } = state;
    if (connection === "ended") return this.stop();
    const isNew = you !== null && you.connection_id !== this.#connection;
    const own = participants.find((one) => one.is_you);
    this.#consent.observe(own, isNew);
    this.#checkPresence();
    this.#pairs.update(state);
    if (isNew) {
      this.#connection = you.connection_id;
      this.#pairs.greet();
      if (this.#speech.speaking) this.#room.setSpeaking(true);
    }
    this.#publish();
  };

  /** Mute a user who was out of the room for longer than the grace period: the earlier unmuting no longer counts. */
  #checkPresence() {
    if (this.#consent.lapse(this.#room.state.connection === "live")) this.#room.setMuted(true).catch(this.#fail);
  }

  get #isSilent() {
    return !this.#microphone.track || this.#consent.isMuted;
  }

  #measure() {
    const now = this.#deps.now();
    const { speaking } = this.#speech;
    this.#checkPresence();
    if (this.#isSilent) this.#speech.speaking = false;
    else if (this.#speech.update(this.#microphone.getLevel(), now) !== speaking) this.#room.setSpeaking(!speaking);
    this.#pairs.measure(now);
    this.#publish();
    this.#timers.set("measure", 100, () => this.#measure());
  }

  /** @returns {VoiceState} */
  #readState() {
    const { page } = this.#pairs;
    return {
      status: !page ? "off" : this.#microphone.track ? "talking" : "listening",
      muted: this.#isSilent,
      lacks: this.#lacks,
      unmuting: this.#consent.isAsked,
      speaking: this.#speech.speaking,
      ...this.#facts,
      muteReason: this.#consent.muteReason,
      peers: this.#pairs.list(),
    };
  }

  #publish = () => {
    const { track } = this.#microphone;
    if (track) track.enabled = !this.#isSilent;
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
