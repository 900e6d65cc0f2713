/** One pair of pages: a connection that both may negotiate at any time, by frames that are late, lost or doubled. */

/** @import { PeerEvents, Signal, VoiceDeps } from "./voice-types.js" */

const PATIENCE_MS = 2_000;
const GIVE_UP_MS = 60_000;

let count = 0;

/** Numbers all that this page says and tries, so that a later one is higher. */
export const next = () => ++count;

/** Timers by name: setting one takes the place of the one before. */
export class Timers {
  #set = /** @type {Map<string, unknown>} */ (new Map());

  /** @param {Pick<VoiceDeps, "setTimeout" | "clearTimeout">} deps */
  constructor(deps) {
    this.deps = deps;
  }

  /** @param {string} name @param {number} delay @param {() => void} act */
  set(name, delay, act) {
    this.clear(name);
    if (delay < Infinity) this.#set.set(name, this.deps.setTimeout(act, delay));
  }

  /** @param {string} [name] all, without it */
  clear(name) {
    for (const [one, timer] of this.#set) if (one === (name ?? one)) this.deps.clearTimeout(timer);
  }
}

/** Perfect negotiation. */
export class Peer {
  /** Whether their signalling is gone, so that what breaks now can't be mended. */
  absent = false;
  /** Numbers of our newest description, and of theirs that is in force. */
  #ours = 0;
  #theirs = 0;
  /** @type {RTCIceCandidateInit[]} */
  #found = [];
  /** @type {Signal[]} */
  #early = [];
  #steps = Promise.resolve();
  #failures = 0;
  /** @type {RTCRtpTransceiver | undefined} */
  #transceiver;
  #pc;
  #polite;
  #track;
  #on;
  #timers;

  /**
   * @param {RTCPeerConnection} pc
   * @param {object} options
   * @param {boolean} options.polite our offers give way to theirs, and the first one is theirs to make
   * @param {MediaStreamTrack | null} options.track what they hear of us
   * @param {PeerEvents} options.on
   * @param {Pick<VoiceDeps, "setTimeout" | "clearTimeout">} options.deps
   */
  constructor(pc, { polite, track, on, deps }) {
    this.#pc = pc;
    this.#polite = polite;
    this.#track = track;
    this.#on = on;
    this.#timers = new Timers(deps);
    pc.onnegotiationneeded = () => this.#step(() => this.#offer());
    pc.onicecandidate = ({ candidate }) => candidate && this.#find(candidate);
    pc.ontrack = (event) => on.track(event.track);
    pc.onconnectionstatechange = () => this.#follow();
    if (!polite) this.#carry(pc.addTransceiver("audio"));
  }

  get state() {
    return this.#pc.connectionState;
  }

  /** Whether they ever described themselves. */
  get begun() {
    return this.#theirs > 0;
  }

  /** How loud they are, 0 to 1. */
  get level() {
    return (this.state === "connected" && this.#transceiver?.receiver.getSynchronizationSources()[0]?.audioLevel) || 0;
  }

  /** @param {MediaStreamTrack | null} track */
  use(track) {
    this.#track = track;
    this.#step(async () => this.#transceiver?.sender.replaceTrack(track));
  }

  /** Say once more what they haven't answered, and again ever less often. */
  nudge(delay = PATIENCE_MS) {
    const { signalingState, localDescription } = this.#pc;
    if (signalingState === "have-local-offer") this.#on.signal({ description: localDescription, id: this.#ours });
    else if (this.#polite && !this.begun) this.#on.signal({});
    else return;
    this.#timers.set("nudge", delay, () => (delay < GIVE_UP_MS / 2 ? this.nudge(delay * 2) : this.#on.end()));
  }

  /** They are there (again): what doesn't work is due now. */
  call() {
    if (/disconnected|failed/.test(this.state)) this.#restart();
    else this.nudge();
  }

  /** @param {Signal} signal */
  receive(signal) {
    this.#step(() => this.#receive(signal));
  }

  close() {
    this.#timers.clear();
    this.#pc.onconnectionstatechange = this.#pc.onicecandidate = null;
    this.#pc.close();
  }

  /** One step at a time: each sees what the one before has left. @param {() => unknown} step */
  #step(step) {
    this.#steps = this.#steps.then(async () => {
      try {
        if (this.#pc.signalingState !== "closed") await step();
      } catch (error) {
        if (this.#pc.signalingState !== "closed") this.#on.end(error);
      }
    });
  }

  async #offer() {
    if (this.#pc.signalingState !== "stable") return;
    await this.#describe();
    this.nudge();
  }

  async #describe() {
    this.#ours = next();
    this.#found = [];
    await this.#pc.setLocalDescription();
  }

  #answer() {
    this.#on.signal({ description: this.#pc.localDescription, id: this.#ours, re: this.#theirs });
  }

  /** @param {Signal} signal */
  async #receive(signal) {
    const { description, candidates, of = 0 } = signal;
    if (description) await this.#agree(description, signal);
    else if (!candidates) this.nudge();
    else if (of > this.#theirs) this.#early.push(signal);
    else if (of === this.#theirs) await this.#add(candidates);
  }

  /** @param {RTCSessionDescriptionInit} description @param {Signal} signal */
  async #agree(description, { id = 0, re }) {
    const pc = this.#pc;
    const offering = pc.signalingState === "have-local-offer";
    const isOffer = description.type === "offer";
    if (isOffer && id === this.#theirs && !offering) return this.#answer();
    if (isOffer ? id <= this.#theirs || (offering && !this.#polite) : !offering || re !== this.#ours) return;
    await pc.setRemoteDescription(description);
    this.#theirs = id;
    if (isOffer) {
      if (!this.#transceiver) this.#carry(pc.getTransceivers()[0]);
      await this.#describe();
      this.#answer();
    }
    this.#follow();
    for (const signal of this.#early.splice(0)) await this.#receive(signal);
  }

  /** A candidate that is of no use here is one fewer. @param {RTCIceCandidateInit[]} candidates */
  async #add(candidates) {
    await Promise.allSettled(candidates.map((candidate) => this.#pc.addIceCandidate(candidate)));
  }

  /** @param {RTCIceCandidate} candidate */
  #find(candidate) {
    const of = this.#ours;
    this.#found.push(candidate.toJSON());
    this.#timers.set("found", 100, () => this.#on.signal({ candidates: this.#found.splice(0), of }));
  }

  /** Both ways from the start: microphones come and go without negotiation. @param {RTCRtpTransceiver} transceiver */
  #carry(transceiver) {
    this.#transceiver = transceiver;
    transceiver.direction = "sendrecv";
    this.use(this.#track);
  }

  /** The network may mend by itself; if it doesn't, the two sides act at different times. */
  #follow() {
    const { state } = this;
    if (state === "connected") this.#failures = 0;
    const backoff = Math.min(500 * 2 ** this.#failures, 30_000);
    const delay = { connected: Infinity, disconnected: 3_000, failed: backoff }[/** @type {string} */ (state)] ?? 15_000;
    this.#timers.set("mend", delay + (this.#polite ? 2_000 : 0), () => this.#restart());
    this.#on.change();
  }

  #restart() {
    if (this.absent) return this.#on.end();
    this.#failures++;
    if (this.#pc.signalingState === "stable") this.#pc.restartIce();
  }
}
