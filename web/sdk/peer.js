/** One pair of pages: a connection that both may negotiate at any time, by frames that are late, lost or doubled. */

import { Timers } from "./deps.js";

/** @import { PeerOptions, Signal } from "./voice-types.js" */

let count = 0;

/** Numbers what this page says and tries: a later one is higher. */
export const next = () => ++count;

/** Perfect negotiation. */
export class Peer {
  /** Their signalling is gone: what breaks now can't be mended. */
  absent = false;
  /** Numbers of our newest description, and of theirs that is in force. */
  #ours = 0;
  #theirs = 0;
  #found = /** @type {RTCIceCandidateInit[]} */ ([]);
  #early = /** @type {Signal[]} */ ([]);
  #steps = /** @type {Promise<unknown>} */ (Promise.resolve());
  #restarts = 0;
  /** @type {RTCRtpTransceiver | undefined} */
  #line;
  #pc;
  #polite;
  #track;
  #on;
  #timers;

  /** @param {RTCPeerConnection} pc @param {PeerOptions} options */
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
    if (!polite) this.#open(pc.addTransceiver("audio"));
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
    return (this.state === "connected" && this.#line?.receiver.getSynchronizationSources()[0]?.audioLevel) || 0;
  }

  /** @param {MediaStreamTrack | null} track */
  use(track) {
    this.#track = track;
    this.#step(() => this.#line?.sender.replaceTrack(track));
  }

  /** Say what they haven't answered once more, and again ever less often, for a minute. */
  nudge(delay = 2_000) {
    const { signalingState, localDescription: description } = this.#pc;
    if (signalingState === "have-local-offer") this.#on.signal({ description, id: this.#ours });
    else if (this.#polite && !this.begun) this.#on.signal({});
    else return;
    this.#timers.set("nudge", delay, () => (delay < 30_000 ? this.nudge(delay * 2) : this.#on.end()));
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
    const isOver = () => this.#pc.signalingState === "closed";
    this.#steps = this.#steps
      .then(() => isOver() || step())
      .catch((error) => isOver() || this.#on.end(error));
  }

  async #offer() {
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
    else if (of === this.#theirs) await Promise.allSettled(candidates.map((one) => this.#pc.addIceCandidate(one)));
  }

  /** @param {RTCSessionDescriptionInit} description @param {Signal} signal */
  async #agree(description, { id = 0, re }) {
    const pc = this.#pc;
    const offering = pc.signalingState === "have-local-offer";
    const isOffer = description.type === "offer";
    if (isOffer && id === this.#theirs && !offering) return this.#answer(); // they missed it
    if (isOffer ? id <= this.#theirs || (offering && !this.#polite) : !offering || re !== this.#ours) return;
    await pc.setRemoteDescription(description);
    this.#theirs = id;
    if (isOffer) {
      if (!this.#line) this.#open(pc.getTransceivers()[0]);
      await this.#describe();
      this.#answer();
    }
    this.#follow();
    for (const signal of this.#early.splice(0)) await this.#receive(signal);
  }

  /** @param {RTCIceCandidate} candidate */
  #find(candidate) {
    const of = this.#ours;
    this.#found.push(candidate.toJSON());
    this.#timers.set("found", 100, () => this.#on.signal({ candidates: this.#found.splice(0), of }));
  }

  /** Both ways from the start: microphones come and go without negotiation. @param {RTCRtpTransceiver} line */
  #open(line) {
    this.#line = line;
    line.direction = "sendrecv";
    this.use(this.#track);
  }

  /** The network may mend by itself; where it doesn't, the two sides act at different times. */
  #follow() {
    const { state } = this;
    const patience = state === "disconnected" ? 3_000 : state === "failed" ? Math.min(500 * 2 ** this.#restarts, 30_000) : 15_000;
    this.#timers.set("restart", patience + (this.#polite ? 2_000 : 0), () => this.#restart());
    if (state === "connected") {
      this.#restarts = 0;
      this.#timers.clear("restart");
    }
    this.#on.change();
  }

  #restart() {
    if (this.absent) return this.#on.end();
    this.#restarts++;
    if (this.#pc.signalingState === "stable") this.#pc.restartIce();
  }
}
