/** The connection between two pages. Its signals may be late, lost or doubled. */

import { createTimers } from "./deps.js";

/** @import { PeerOptions, Signal } from "./internal.js" */
/** @typedef {ReturnType<typeof createPeer>} Peer */

/** A description has at most this many candidates; more are dropped. Each one makes the browser send packets. */
const MAX_CANDIDATES = 100;

let count = 0;

/** A number that is higher than all its predecessors. */
export const nextId = () => ++count;

/** Perfect negotiation: either side may offer at any time. @param {RTCPeerConnection} pc @param {PeerOptions} options */
export function createPeer(pc, { polite, track, on, deps }) {
  const timers = createTimers(deps);
  /** The numbers of our newest description and of their description in force. */
  let localId = 0;
  let remoteId = 0;
  let ownCandidates = /** @type {RTCIceCandidateInit[]} */ ([]);
  /** Candidates that came before their description. */
  const earlySignals = /** @type {Signal[]} */ ([]);
  /** How many candidates of their description came. */
  let remoteCandidates = 0;
  let steps = /** @type {Promise<unknown>} */ (Promise.resolve());
  let restarts = 0;
  let transceiver = /** @type {RTCRtpTransceiver | undefined} */ (undefined);

  /** Run one step after the other: each step sees the result of the step before. @param {() => unknown} step */
  function enqueue(step) {
    const isClosed = () => pc.signalingState === "closed";
    steps = steps
      .then(() => isClosed() || step())
      .catch((error) => isClosed() || on.end(error));
  }

  async function offer() {
    await describe();
    peer.resendOffer();
  }

  async function describe() {
    localId = nextId();
    ownCandidates = [];
    await pc.setLocalDescription();
  }

  function answer() {
    on.signal({ description: pc.localDescription, id: localId, re: remoteId });
  }

  /** @param {Signal} signal */
  async function receive(signal) {
    const { description, candidates, of = 0 } = signal;
    if (description) await applyDescription(description, signal);
    else if (!candidates) peer.resendOffer();
    else if (of > remoteId) earlySignals.length < MAX_CANDIDATES && earlySignals.push(signal);
    else if (of === remoteId) await addCandidates(candidates);
  }

  /** @param {RTCIceCandidateInit[]} candidates */
  async function addCandidates(candidates) {
    const allowed = candidates.slice(0, MAX_CANDIDATES - remoteCandidates);
    remoteCandidates += allowed.length;
    await Promise.allSettled(allowed.map((one) => pc.addIceCandidate(one)));
  }

  /** @param {RTCSessionDescriptionInit} description @param {Signal} signal */
  async function applyDescription(description, { id = 0, re }) {
    const isOffering = pc.signalingState === "have-local-offer";
    const isOffer = description.type === "offer";
    if (isOffer && id === remoteId && !isOffering) return answer(); // our answer was lost
    if (isOffer ? id <= remoteId || (isOffering && !polite) : !isOffering || re !== localId) return;
    await pc.setRemoteDescription(description);
    remoteId = id;
    remoteCandidates = 0;
    if (isOffer) {
      if (!transceiver) setUp(pc.getTransceivers()[0]);
      await describe();
      answer();
    }
    onStateChange();
    for (const signal of earlySignals.splice(0)) await receive(signal);
  }

  /** Send a candidate, together with others of the same moment. @param {RTCIceCandidate} candidate */
  function sendCandidate(candidate) {
    const of = localId;
    ownCandidates.push(candidate.toJSON());
    timers.set("candidates", 100, () => on.signal({ candidates: ownCandidates.splice(0), of }));
  }

  /** Open both directions at the start. So a microphone needs no negotiation. @param {RTCRtpTransceiver} first */
  function setUp(first) {
    transceiver = first;
    first.direction = "sendrecv";
    peer.setTrack(track);
  }

  /** A network may recover by itself. If it does not, restart; the two sides do so at different times. */
  function onStateChange() {
    const { connectionState: state } = pc;
    const patience = state === "disconnected" ? 3_000 : state === "failed" ? Math.min(500 * 2 ** restarts, 30_000) : 15_000;
    timers.set("restart", patience + (polite ? 2_000 : 0), restart);
    if (state === "connected") {
      restarts = 0;
      timers.clear("restart");
    }
    on.change();
  }

  function restart() {
    if (peer.isUnreachable) return on.end();
    restarts++;
    if (pc.signalingState === "stable") pc.restartIce();
  }

  const peer = {
    /** They have no connection to the room at the moment, so signals don't reach them. */
    isUnreachable: false,

    get state() {
      return pc.connectionState;
    },

    /** Whether they have ever sent a description. */
    hasAnswered: () => remoteId > 0,

    /** How loud they are, 0 to 1. */
    getLevel: () => (pc.connectionState === "connected" && transceiver?.receiver.getSynchronizationSources()[0]?.audioLevel) || 0,

    /** Send this track. @param {MediaStreamTrack | null} next */
    setTrack(next) {
      track = next;
      enqueue(() => transceiver?.sender.replaceTrack(next));
    },

    /** Send again what they have not answered, now and after growing delays, for a minute. */
    resendOffer(delay = 2_000) {
      const { signalingState, localDescription: description } = pc;
      if (signalingState === "have-local-offer") on.signal({ description, id: localId });
      else if (polite && !remoteId) on.signal({});
      else return;
      timers.set("resend", delay, () => (delay < 30_000 ? peer.resendOffer(delay * 2) : on.end()));
    },

    /** The other page is back: repair the connection now. */
    retry() {
      if (/disconnected|failed/.test(pc.connectionState)) restart();
      else peer.resendOffer();
    },

    /** @param {Signal} signal */
    receive: (signal) => enqueue(() => receive(signal)),

    close() {
      timers.clear();
      pc.onconnectionstatechange = pc.onicecandidate = null;
      pc.close();
    },
  };

  pc.onnegotiationneeded = () => enqueue(offer);
  pc.onicecandidate = ({ candidate }) => candidate && sendCandidate(candidate);
  pc.ontrack = (event) => on.track(event.track);
  pc.onconnectionstatechange = onStateChange;
  if (!polite) setUp(pc.addTransceiver("audio"));
  else timers.set("resend", 60_000, () => remoteId || on.end()); // a late frame of a page that is gone began this
  return peer;
}
