/** What voice is made of. Types only: nothing here is ever loaded. */

import type { Speech } from "./levels.js";
import type { Peer } from "./peer.js";
import type { Deps, RoomEvents, RoomState } from "./wire.js";

/**
 * What one side of a pair tells the other. `id` numbers its descriptions; `re` is the offer that an answer answers, `of`
 * the description that candidates belong to. Nothing at all means: tell me.
 */
export interface Signal {
  description?: RTCSessionDescriptionInit | null;
  id?: number;
  re?: number;
  candidates?: RTCIceCandidateInit[];
  of?: number;
}

export interface PeerEvents {
  /** To be carried to the other side. */
  signal(signal: Signal): void;
  /** They can be heard. */
  track(track: MediaStreamTrack): void;
  /** `state` may be another. */
  change(): void;
  /** It is over: nobody answers, or nothing can be agreed upon. */
  end(error?: unknown): void;
}

export type TimerDeps = Pick<Deps, "setTimeout" | "clearTimeout">;

export interface PeerOptions {
  /** Whether our offers give way to theirs; the first one is theirs to make. */
  polite: boolean;
  /** What they hear of us. */
  track: MediaStreamTrack | null;
  on: PeerEvents;
  deps: TimerDeps;
}

/** Another page that we talk to. */
export interface Pair {
  key: string;
  userId: string;
  /** Where its newest frame came from, and which one that was. */
  connection: string;
  n: number;
  /** Which of our attempts to connect to it this is, and which of its own; 0 where we don't know yet. */
  session: number;
  other: number;
  /** Seen among the participants: whoever no longer is there has given up the seat. */
  seated: boolean;
  peer: Peer;
  audio: AudioLike;
  speech: Speech;
}

export type AudioLike = Pick<HTMLAudioElement, "srcObject" | "volume" | "play"> & {
  setSinkId?(id: string): Promise<void>;
};

export interface Device {
  id: string;
  label: string;
}

export interface VoicePeer {
  userId: string;
  connectionId: string;
  state: RTCPeerConnectionState;
  speaking: boolean;
}

/** What of the state isn't worked out from something else. */
export interface VoiceFacts {
  /** The browser plays nothing before somebody clicks or types: say so, or call `resume` on a click. */
  blocked: boolean;
  /** What went wrong last: a microphone that is gone, a peer that can't be understood. */
  error: Error | null;
  /** The microphone and the loudspeaker in use, "" for whichever the browser takes. */
  input: string;
  output: string;
  inputs: readonly Device[];
  /** Empty where the browser doesn't let us choose. */
  outputs: readonly Device[];
}

export interface VoiceState extends Readonly<VoiceFacts> {
  /** `listening` is without a microphone. */
  readonly status: "off" | "listening" | "talking";
  readonly muted: boolean;
  readonly speaking: boolean;
  readonly peers: readonly VoicePeer[];
}

/** What voice needs of a `Room`. */
export interface VoiceRoom {
  readonly state: Pick<RoomState, "connection" | "you" | "participants">;
  subscribe(watch: (state: RoomState) => void): () => void;
  on<Name extends "signal" | "frame">(name: Name, listener: (frame: RoomEvents[Name]) => void): () => void;
  send(type: string, data: object): boolean;
  request(type: string, data: object, options: { to: string }): Promise<void>;
  setMuted(muted: boolean): Promise<void>;
  setSpeaking(speaking: boolean): void;
}

/** What voice takes from its surroundings. */
export interface VoiceDeps extends TimerDeps, Pick<Deps, "now" | "uuid" | "window"> {
  connection(rtc?: RTCConfiguration): RTCPeerConnection;
  media?: MediaDevices;
  audio(): AudioLike;
  context(): AudioContext;
  stream(track: MediaStreamTrack): MediaStream;
}
