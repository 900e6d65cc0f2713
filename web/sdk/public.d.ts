/** The types that applications see: the HTTP API, a room and its state, voice. */
import type { CoworkingError } from "./errors.js";
import type {
  FieldError, Health, History, JoinRoomResponse, Me, MicToggledData, ParticipantView, ProfileUpdate, RoomCreate,
  RoomDetail, RoomMessage, RoomSummary, RoomUpdate, SnapshotRoom, SpeakingChangedData, StatusToggled, Success, WebsocketAccess, You,
} from "./wire.js";

// The HTTP API

/** Returns a token for the next request. `fresh` is true after the service refused the last token. */
export type TokenProvider = (wanted: { fresh: boolean }) => string | Promise<string>;

/** The answer of the service after a change of the caller's microphone. */
export type Changed<Data> = Pick<Success, "success"> & Omit<Data, "user_id">;

export interface Service {
  /** The base of the HTTP API: `/api`, or `https://HOST/api`. */
  api: string;
  token: TokenProvider;
}

export interface CallOptions {
  signal?: AbortSignal;
}

export interface KeyOptions extends CallOptions {
  /** The `Idempotency-Key`: calls with the same key have one effect. The default is a new key. */
  key?: string;
}

/**
 * The routes of the HTTP API. A call that fails throws a `CoworkingError`. A call without an answer is sent up to two more
 * times, with the same key.
 */
export interface Api {
  me(options?: CallOptions): Promise<Me>;
  updateMe(profile: ProfileUpdate, options?: CallOptions): Promise<Me>;
  /** One page of the active rooms, oldest first. `next` is the cursor of the next page. */
  rooms(page?: CallOptions & { limit?: number; cursor?: string }): Promise<{ rooms: RoomSummary[]; next: string | null }>;
  allRooms(options?: CallOptions): Promise<RoomSummary[]>;
  createRoom(room: RoomCreate, options?: KeyOptions): Promise<RoomSummary>;
  room(id: string, options?: CallOptions): Promise<RoomDetail>;
  deleteRoom(id: string, options?: CallOptions): Promise<Success>;
  join(id: string, options?: CallOptions): Promise<JoinRoomResponse>;
  leave(id: string, options?: CallOptions): Promise<Success>;
  ticket(id: string, options?: CallOptions): Promise<WebsocketAccess>;
  history(id: string, page?: CallOptions & { beforeSeq?: number; afterSeq?: number; limit?: number }): Promise<History>;
  send(id: string, text: string, options?: KeyOptions): Promise<RoomMessage>;
  react(id: string, emoji: string, options?: KeyOptions): Promise<RoomMessage>;
  setMuted(id: string, isMuted: boolean, options?: CallOptions): Promise<Changed<MicToggledData>>;
  setSpeaking(id: string, isSpeaking: boolean, options?: CallOptions): Promise<Changed<SpeakingChangedData>>;
  health(options?: CallOptions): Promise<Health>;
  /** For administrators. */
  admin: {
    updateRoom(id: string, change: RoomUpdate, options?: CallOptions): Promise<RoomSummary>;
    /** Open or close a room. The library never repeats this call. */
    toggleRoom(id: string, options?: CallOptions): Promise<StatusToggled>;
    deleteRoom(id: string, options?: CallOptions): Promise<void>;
  };
}

/** What a `CoworkingError` is made of: a problem of the service, or a code of the library. */
export interface Problem {
  code: string;
  detail?: string;
  status?: number;
  errors?: FieldError[];
  retry_after?: number;
}

// A room

/** A frame from the server. `data` depends on `type`. A relayed frame has the fields that its sender gave it. */
export interface Frame {
  type: string;
  roomId?: string;
  ts?: string;
  data?: any;
  from?: string;
  connection?: string;
  to?: string;
  seq?: number;
  ref?: string;
  [field: string]: unknown;
}

export type ConnectionStatus = "connecting" | "live" | "reconnecting" | "offline" | "ended";

/** Why a room ended. `code` is the code of a `bye` or of an error, or your own `left` or `closed`. */
export interface Ended {
  code: string;
  reason: string;
  action: string;
}

export type Participant = ParticipantView & { is_you: boolean; is_typing: boolean };

/** A message of yours that is not in the log yet. */
export interface Pending {
  key: string;
  text: string;
  kind: "text" | "emoji";
  status: "sending" | "failed";
}

/** A room at one moment. A state is frozen: each change makes a new one. */
export interface RoomState {
  readonly connection: ConnectionStatus;
  /** The code of why the connection is not live: a key of `REASONS`, or a code of the service. It is null while all is well. */
  readonly reason: string | null;
  /** The time of the next attempt to connect, in milliseconds since 1970. */
  readonly retryAt: number | null;
  readonly ended: Ended | null;
  readonly room: Omit<SnapshotRoom, "participants"> | null;
  readonly you: You | null;
  /** Oldest first. */
  readonly participants: readonly Participant[];
  /** The log, in the order of `seq`, each message once. */
  readonly messages: readonly RoomMessage[];
  /** Whether the service has messages before the first one here. */
  readonly hasEarlier: boolean;
  readonly pending: readonly Pending[];
}

export interface RoomEvents {
  /** The next message of the log. */
  message: RoomMessage;
  /** An emoji at the time of its sending. A missed emoji fires `message`, but not this event. */
  reaction: RoomMessage;
  /** A participant took a seat. */
  joined: ParticipantView;
  /** A participant gave up a seat, or lost it. */
  left: { user_id: string; reason: string };
  /** A frame `offer`, `answer`, `ice-candidate`, `user-joined` or `user-left`. */
  signal: Frame;
  /** A frame with another name, from another client. */
  frame: Frame;
  /** These messages were missed. If `complete` is false, more were missed, and `state.messages` starts with these. */
  recovered: { complete: boolean; messages: readonly RoomMessage[] };
  /** A new connection is in use. */
  reconnected: You;
  /** The service refused a frame whose answer the application does not await. */
  error: CoworkingError;
  ended: Ended;
}

/** A room that the user entered. */
export interface Room {
  readonly id: string;
  readonly api: Api;
  readonly state: RoomState;
  /** Call `watch` now, and once for all changes of one turn of the event loop. Returns a function that stops this. */
  subscribe(watch: (state: RoomState) => void): () => void;
  /** Call `listener` for each event. Returns a function that stops this. */
  on<K extends keyof RoomEvents>(name: K, listener: (detail: RoomEvents[K]) => void): () => void;
  /**
   * Send a message. The library repeats it until the service acknowledges it, on any connection; the service stores it once.
   * Until then it is in `state.pending`. A refused message stays there with the status `failed`.
   */
  say(text: string): Promise<RoomMessage>;
  /** Send an emoji, as `say` sends a text. */
  react(emoji: string): Promise<RoomMessage>;
  /** Send a failed message again. */
  retry(key: string): Promise<RoomMessage>;
  /** Remove a failed message. */
  discard(key: string): void;
  /**
   * Mute or unmute. Unmuting fails if the service does not confirm it within 5 seconds: `closed` without a connection, `timeout`
   * without an answer. It is never repeated later; muting is.
   */
  setMuted(isMuted: boolean): Promise<void>;
  setSpeaking(isSpeaking: boolean): void;
  /** Call it with true on each key press, and with false when the text field is empty again. */
  setTyping(isTyping: boolean): void;
  /**
   * Send a frame of your own to all others, or a signal to one user or connection. The frame may get lost. Returns whether
   * there is a connection.
   */
  send(type: string, data?: unknown, options?: { to?: string }): boolean;
  /** Like `send`, but wait for the acknowledgement. Throws `peer_unavailable` if `to` is not in the room. */
  request(type: string, data?: unknown, options?: { to?: string }): Promise<void>;
  /** Load older messages. Returns whether there are more. */
  loadEarlier(): Promise<boolean>;
  /** Give up the seat. */
  leave(): Promise<void>;
  /** Close the connection. The seat stays for some seconds. */
  close(): void;
}

// Dependencies

/** The part of a browser's WebSocket that the library uses. */
export interface SocketLike {
  onopen: ((event: any) => void) | null;
  onmessage: ((event: any) => void) | null;
  onclose: ((event: any) => void) | null;
  send(text: string): void;
  close(): void;
}

type Listened = Pick<EventTarget, "addEventListener" | "removeEventListener">;

/** What the library uses of a browser or of Node. Tests pass their own. */
export interface Deps {
  fetch(url: string, init: RequestInit): Promise<Response>;
  connect(url: string): SocketLike;
  setTimeout(call: () => void, milliseconds: number): unknown;
  clearTimeout(timer: any): void;
  now(): number;
  random(): number;
  uuid(): string;
  /** Fires `online` and `offline`. */
  window?: Listened;
  /** Fires `visibilitychange`. */
  document?: Listened & { readonly visibilityState: string };
}

// Voice

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

/** The devices in use, and what went wrong. */
export interface VoiceFacts {
  /**
   * Why you are muted though you did not mute, until you mute or unmute: `away`: you were out of the room for 20 seconds, or have
   * a new seat; `elsewhere`: the room mutes you, or another tab; `unconfirmed`: unmuting could not be told to the room.
   */
  muteReason: "away" | "elsewhere" | "unconfirmed" | null;
  /** The browser plays no sound before a click or a key. Say so, or call `resume` on a click. */
  blocked: boolean;
  /** The last error: a microphone that is gone, or a peer that sent nonsense. */
  error: Error | null;
  /** The ids of microphone and loudspeaker; "" is the browser's default. */
  input: string;
  output: string;
  inputs: readonly Device[];
  /** Empty if the browser offers no choice of loudspeakers. */
  outputs: readonly Device[];
}

export interface VoiceState extends Readonly<VoiceFacts> {
  /** `listening` is without a microphone. */
  readonly status: "off" | "listening" | "talking";
  readonly muted: boolean;
  /** You wish to be heard, and the room has not confirmed it yet. `setMuted(true)` takes the wish back. */
  readonly unmuting: boolean;
  readonly speaking: boolean;
  readonly peers: readonly VoicePeer[];
}

export type AudioLike = Pick<HTMLAudioElement, "srcObject" | "volume" | "play"> & {
  setSinkId?(id: string): Promise<void>;
};

/** The part of a `Room` that voice uses. */
export interface VoiceRoom {
  readonly state: Pick<RoomState, "connection" | "you" | "participants">;
  subscribe(watch: (state: RoomState) => void): () => void;
  on<Name extends "signal" | "frame">(name: Name, listener: (frame: RoomEvents[Name]) => void): () => void;
  send(type: string, data: object): boolean;
  request(type: string, data: object, options: { to: string }): Promise<void>;
  setMuted(muted: boolean): Promise<void>;
  setSpeaking(speaking: boolean): void;
}

/** What voice uses of a browser. */
export interface VoiceDeps extends Pick<Deps, "setTimeout" | "clearTimeout" | "now" | "uuid" | "window"> {
  connection(rtc?: RTCConfiguration): RTCPeerConnection;
  media?: MediaDevices;
  audio(): AudioLike;
  context(): AudioContext;
  stream(track: MediaStreamTrack): MediaStream;
}
