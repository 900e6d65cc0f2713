/** The types that applications see: the HTTP API, a room and its state, voice. */
import type { CoworkingError, REASONS } from "./types/errors.js";
import type {
  Audit, Ban, BanList, ByeData, EntryList, ErasureState, ErrorCode, Export, FieldError, Health, History, InvitePreview, InviteView,
  InviteList, JoinRoomResponse, KnockAnswer, KnockList, KnockState, Me, MessageReactions, MicToggledData, Moderated, MyRoom, NewInvite, OwnershipOffer, ParticipantView, ProfileUpdate,
  ReportList, ReportView, RoleGrant, RoleList, RoomCreate, RoomDetail, RoomMessage, RoomPatch, RoomSummary, RoomUpdate, SnapshotRoom, SpeakingChangedData,
  StatusToggled, Success, UserLeftData, WebsocketAccess, You,
} from "./wire.js";
export type * from "./wire.js";

// The HTTP API

/** Returns a token for the next request. `fresh` is true after the service refused the last token. */
export type TokenProvider = (wanted: { fresh: boolean }) => string | Promise<string>;

/** The answer of the service after a change of the caller's microphone. */
export type Changed<Data> = Pick<Success, "success"> & Omit<Data, "user_id">;

/** Where the service is, and how to sign in to it. */
export interface Service {
  /** The base of the HTTP API: `/api`, or `https://HOST/api`. */
  api: string;
  /** The library calls it before each request. */
  token: TokenProvider;
}

/** The options of every call. */
export interface CallOptions {
  /** Cancels the call. */
  signal?: AbortSignal;
}

/** The options of a call that has an effect. */
export interface KeyOptions extends CallOptions {
  /** The `Idempotency-Key`: calls with the same key have one effect. The default is a new key. */
  key?: string;
}

/** What an act of a moderator needs. */
export interface ModerateOptions {
  /** Whom it is about. */
  userId?: string;
  /** Why, in up to 512 characters. */
  reason?: string;
  /** How long a user is kept out, or how long a user waits between two messages. */
  seconds?: number;
}

/**
 * The routes of the HTTP API. A call that fails throws a `CoworkingError`. A call without an answer is sent up to two more
 * times, with the same key.
 */
export interface Api {
  /** Read your profile. */
  me(options?: CallOptions): Promise<Me>;
  /** Change your name and picture. */
  updateMe(profile: ProfileUpdate, options?: CallOptions): Promise<Me>;
  /** One page of all that the service holds about you. `next` is the cursor of the next page, or null. */
  exportMe(page?: CallOptions & { cursor?: string }): Promise<Export>;
  /** Delete your account: profile, seats, roles, and the texts of your messages. There is no way back. It goes on without you. */
  deleteMe(options?: CallOptions): Promise<ErasureState>;
  /** Your rooms, the last visited first, with the numbers of unread messages and mentions. `Room.markRead` moves them. */
  myRooms(options?: CallOptions): Promise<MyRoom[]>;
  /** One page of the active rooms, oldest first. `next` is the cursor of the next page. */
  rooms(page?: CallOptions & { limit?: number; cursor?: string }): Promise<{ rooms: RoomSummary[]; next: string | null }>;
  /** All pages of the active rooms. */
  allRooms(options?: CallOptions): Promise<RoomSummary[]>;
  /** Make a room. */
  createRoom(room: RoomCreate, options?: KeyOptions): Promise<RoomSummary>;
  /** A room, its participants and its last messages. */
  room(id: string, options?: CallOptions): Promise<RoomDetail>;
  /** Change a room of yours. A field that is left out stays as it is. */
  updateRoom(id: string, change: RoomPatch, options?: CallOptions): Promise<RoomSummary>;
  /** Delete a room of yours. */
  deleteRoom(id: string, options?: CallOptions): Promise<Success>;
  /**
   * Take a seat, or keep the one you have. `Coworking.enter` does this and connects. With `expectsSocket`, the service gives the
   * seat up after a minute without a WebSocket. `invite` is the token of an invitation.
   */
  join(id: string, options?: CallOptions & { expectsSocket?: boolean; invite?: string }): Promise<JoinRoomResponse>;
  /** Give up the seat, on all your devices. With `keepalive`, the call goes on if the page is closed. */
  leave(id: string, options?: CallOptions & { keepalive?: boolean }): Promise<Success>;
  /** A ticket for one more WebSocket. */
  ticket(id: string, options?: CallOptions): Promise<WebsocketAccess>;
  /** A part of the log: the newest messages, those before a number, or those after one. */
  history(id: string, page?: CallOptions & { beforeSeq?: number; afterSeq?: number; limit?: number }): Promise<History>;
  /**
   * A part of the log as it was pushed, oldest first: messages and events. Call it again with `last_seq` as `afterSeq` until
   * `has_more` is false.
   */
  entries(id: string, page?: CallOptions & { afterSeq?: number; limit?: number }): Promise<EntryList>;
  /** Send a message. */
  send(id: string, text: string, options?: KeyOptions & SayOptions): Promise<RoomMessage>;
  /** Change the text of a message of yours, for a day. Without `mentions`, these stay as they are. */
  editMessage(id: string, seq: number, text: string, options?: KeyOptions & Pick<SayOptions, "mentions">): Promise<RoomMessage>;
  /** Delete a message of yours, or as a moderator one of somebody with a lower role. This needs no seat. */
  deleteMessage(id: string, seq: number, options?: CallOptions): Promise<void>;
  /** Add an emoji of yours to a message, or take it back. */
  reactTo(id: string, seq: number, emoji: string, on?: boolean, options?: CallOptions): Promise<MessageReactions>;
  /** Report a message of somebody else to the administrators. Its author is not told who did. */
  report(id: string, seq: number, options?: KeyOptions & { reason?: string }): Promise<Success>;
  /** Send an emoji. */
  react(id: string, emoji: string, options?: KeyOptions): Promise<RoomMessage>;
  /** Tell the others that your microphone is off or on. */
  setMuted(id: string, isMuted: boolean, options?: CallOptions): Promise<Changed<MicToggledData>>;
  /** Tell the others that you speak or stop. */
  setSpeaking(id: string, isSpeaking: boolean, options?: CallOptions): Promise<Changed<SpeakingChangedData>>;
  /** The users with a role that lasts. For moderators. `cursor` of the answer is that of the next page. */
  roles(id: string, page?: CallOptions & { cursor?: string }): Promise<RoleList>;
  /** Give a user a role that lasts. The user needs no seat. */
  setRole(id: string, userId: string, role: "moderator" | "member", options?: CallOptions): Promise<RoleGrant>;
  /** Take a user's role away. In a private room, the user also loses the seat. */
  removeRole(id: string, userId: string, options?: CallOptions): Promise<void>;
  /** Offer your room to a user, who has 24 hours to accept. Their pages get a frame `ownership_offered`. */
  offerOwner(id: string, userId: string, options?: CallOptions): Promise<OwnershipOffer>;
  /** Accept a room that was offered to you. */
  acceptOwner(id: string, options?: CallOptions): Promise<RoleGrant>;
  /**
   * Act as a moderator, also without a seat. `kick`, `ban`, `unban`, `mute` and `unmute` need a `userId`, `slow` needs `seconds`.
   * With `kick` and `ban`, `seconds` is how long the user is kept out.
   */
  moderate(id: string, action: Moderated["action"], options?: CallOptions & ModerateOptions): Promise<Moderated>;
  /** The users who are kept out, for moderators. `cursor` of the answer is that of the next page. */
  bans(id: string, page?: CallOptions & { cursor?: string }): Promise<BanList>;
  /** Who has moderated the room and changed its roles, the newest act first. For moderators. */
  audit(id: string, page?: CallOptions & { cursor?: string; limit?: number }): Promise<Audit>;
  /** The valid invitations into a room, for moderators. */
  invites(id: string, options?: CallOptions): Promise<InviteList>;
  /**
   * Make an invitation: for 7 days and 25 users, unless you say otherwise. `expiresIn` is in seconds. Only this answer has its
   * `token` and its link.
   */
  createInvite(id: string, options?: CallOptions & { role?: "moderator" | "member"; uses?: number; expiresIn?: number }): Promise<NewInvite>;
  /** Revoke an invitation. Roles that it gave stay. */
  revokeInvite(id: string, inviteId: string, options?: CallOptions): Promise<void>;
  /** See which room an invitation is for. `Coworking.enter` takes the token, too. */
  invite(token: string, options?: CallOptions): Promise<InvitePreview>;
  /** Ask to be let in. Online moderators are told; `can_admit` says whether there are any. At most once a minute. */
  knock(id: string, options?: CallOptions): Promise<KnockAnswer>;
  /** Whether your knock was answered. If you are `admitted`, a seat is kept for you until `until`. */
  knockState(id: string, options?: CallOptions): Promise<KnockState>;
  /** The users who wait to be let in, for moderators. */
  knocks(id: string, options?: CallOptions): Promise<KnockList>;
  /** Let a user in, or not. For moderators. */
  answerKnock(id: string, userId: string, admit: boolean, options?: CallOptions): Promise<KnockState>;
  /** Whether the service works. */
  health(options?: CallOptions): Promise<Health>;
  /** For administrators. */
  admin: {
    /** Change a room. */
    updateRoom(id: string, change: RoomUpdate, options?: CallOptions): Promise<RoomSummary>;
    /** Open or close a room. The library never repeats this call. */
    toggleRoom(id: string, options?: CallOptions): Promise<StatusToggled>;
    /** Delete any room. */
    deleteRoom(id: string, options?: CallOptions): Promise<void>;
    /** The users who are kept out of all rooms. */
    bans(page?: CallOptions & { cursor?: string }): Promise<BanList>;
    /** Keep a user out of all rooms, for `seconds` or without an end. */
    ban(userId: string, options?: CallOptions & { reason?: string; seconds?: number }): Promise<Ban>;
    /** Messages that were reported, the newest first. `cursor` of the answer is that of the next page. */
    reports(page?: CallOptions & { state?: ReportView["state"]; cursor?: string; limit?: number }): Promise<ReportList>;
    /** Decide a report: nothing happens, the message is deleted, or its author is also kept out of all rooms. */
    decideReport(reportId: string, state: "dismissed" | "removed" | "banned", options?: CallOptions): Promise<ReportView>;
    /** Let a user in again. */
    unban(userId: string, options?: CallOptions): Promise<void>;
  };
}

/** The codes that the library itself makes. `REASONS` has their texts. */
export type LibraryCode = keyof typeof REASONS;

/** Why the service closed a connection. */
export type ByeCode = ByeData["code"];

/** Why a microphone can't be used. */
export type MicrophoneCode = "denied" | "missing" | "busy" | "unsupported";

/**
 * Every code of an error or of an end. `http_502` and such are answers without a code: of a proxy, or of API Gateway. A later
 * version of the service may have more codes, so have a default for those.
 */
export type Code = ErrorCode | ByeCode | LibraryCode | `http_${number}`;

/** What a `CoworkingError` is made of: a problem of the service, or a code of the library. */
export interface Problem {
  /** For programs. */
  code: Code;
  /** A sentence for people. */
  detail?: string;
  /** The status of the HTTP answer. */
  status?: number;
  /** The wrong fields of a request. */
  errors?: FieldError[];
  /** How many seconds to wait. */
  retry_after?: number;
  /** When a ban ends; null if it has no end. */
  until?: string | null;
}

// A room

/** A frame from the server. `data` depends on `type`. A relayed frame has the fields that its sender gave it. */
export interface Frame {
  /** What it is about. */
  type: string;
  /** The room. */
  roomId?: string;
  /** When the server sent it, in UTC. */
  ts?: string;
  /** What it says. */
  data?: any;
  /** The user id of the sender. The server sets it. */
  from?: string;
  /** The connection id of the sender. The server sets it. */
  connection?: string;
  /** The user or connection that it was sent to. */
  to?: string;
  /** Its number in the log. */
  seq?: number;
  /** The `id` of the frame that it answers. */
  ref?: string;
  /** What its sender added. */
  [field: string]: unknown;
}

/** The state of the connection. `offline`: the browser says so. */
export type ConnectionStatus = "connecting" | "live" | "reconnecting" | "offline" | "ended";

/** Why a room ended. `code` is the code of a `bye` or of an error, or your own `left` or `closed`. */
export interface Ended {
  /** For programs. */
  code: Code;
  /** A sentence for people. */
  reason: string;
  /** What the service asks for. After an end it is `stop`. */
  action: ByeData["action"];
  /** With the code `banned`: when the ban ends; null if it has no end. */
  until?: string | null;
}

/** A user with a seat. `is_you`: it is the user of this page. */
export type Participant = ParticipantView & { is_you: boolean; is_typing: boolean };

/** What a message may have beside its text. */
export interface SayOptions {
  /** The number of the message that it answers. */
  replyTo?: number;
  /** The ids of the users whom it mentions: 20 at most. */
  mentions?: string[];
}

/** A message of yours that is not in the log yet. */
export interface Pending extends SayOptions {
  /** What `retry` and `discard` take. */
  key: string;
  /** The message or the emoji. */
  text: string;
  /** A message or an emoji. */
  kind: "text" | "emoji";
  /** `failed`: the service refused it, or the room ended. */
  status: "sending" | "failed";
}

/** A room at one moment. A state is frozen: each change makes a new one. */
export interface RoomState {
  /** Whether it is connected. */
  readonly connection: ConnectionStatus;
  /** The code of why the connection is not live. It is null while all is well. */
  readonly reason: Code | null;
  /** The time of the next attempt to connect, in milliseconds since 1970. */
  readonly retryAt: number | null;
  /** Why the room has ended, or null. */
  readonly ended: Ended | null;
  /** Name, description, colour and seats. It is null before the first snapshot. */
  readonly room: Omit<SnapshotRoom, "participants"> | null;
  /** Your user id and the id of your connection. It is null before the first snapshot. */
  readonly you: You | null;
  /** Oldest first. */
  readonly participants: readonly Participant[];
  /** The log, in the order of `seq`, each message once. */
  readonly messages: readonly RoomMessage[];
  /** Whether the service has messages before the first one here. */
  readonly hasEarlier: boolean;
  /** Your messages that are not in the log yet. */
  readonly pending: readonly Pending[];
}

/** The events of a room, and what their listeners get. */
export interface RoomEvents {
  /** The next message of the log. */
  message: RoomMessage;
  /** An emoji as soon as it arrives, maybe before its turn in the log. A missed emoji fires `message`, but not this event. */
  reaction: RoomMessage;
  /** A participant took a seat. */
  joined: ParticipantView;
  /** A participant gave up a seat, or lost it. */
  left: Pick<UserLeftData, "user_id" | "reason">;
  /** A frame `offer`, `answer`, `ice-candidate`, `user-joined` or `user-left`. */
  signal: Frame;
  /** A frame with another name, from another client, or from a later version of the service. */
  frame: Frame;
  /** These messages were missed. If `complete` is false, more were missed, and `state.messages` starts with these. */
  recovered: { complete: boolean; messages: readonly RoomMessage[] };
  /** A new connection is in use. */
  reconnected: You;
  /** The service refused a frame whose answer the application does not await. */
  error: CoworkingError;
  /** The room has ended. No other event follows. */
  ended: Ended;
}

/** A room that the user entered. */
export interface Room {
  /** The id of the room. */
  readonly id: string;
  /** The HTTP API. */
  readonly api: Api;
  /** The room now. */
  readonly state: RoomState;
  /** Call `watch` now, and once for all changes of one turn of the event loop. Returns a function that stops this. */
  subscribe(watch: (state: RoomState) => void): () => void;
  /** Call `listener` for each event. Returns a function that stops this. */
  on<K extends keyof RoomEvents>(name: K, listener: (detail: RoomEvents[K]) => void): () => void;
  /**
   * Send a message. The library repeats it until the service acknowledges it, on any connection; the service stores it once.
   * Until then it is in `state.pending`. A refused message stays there with the status `failed`.
   */
  say(text: string, options?: SayOptions): Promise<RoomMessage>;
  /** Send an emoji, as `say` sends a text. `reactTo` is for reactions to a message. */
  react(emoji: string): Promise<RoomMessage>;
  /** Send a failed message again. */
  retry(key: string): Promise<RoomMessage>;
  /** Remove a failed message. */
  discard(key: string): void;
  /** Change the text of a message of yours. Like `reactTo`, it is repeated until the service answers. */
  editMessage(seq: number, text: string, options?: Pick<SayOptions, "mentions">): Promise<RoomMessage>;
  /** Delete a message of yours, or as a moderator. Its number stays, without its text. It also works without a connection. */
  deleteMessage(seq: number): Promise<void>;
  /** Add an emoji of yours to a message, or take it back. The others see it in `reactions` of the message. */
  reactTo(seq: number, emoji: string, on?: boolean): Promise<MessageReactions>;
  /**
   * The user has read all messages up to this number; the default is the last one. Call it as often as you like: the library tells
   * the service every eleven seconds at most.
   */
  markRead(seq?: number): void;
  /**
   * Mute or unmute. Unmuting fails if the service does not confirm it within 5 seconds: `closed` without a connection, `timeout`
   * without an answer. It is never repeated later; muting is.
   */
  setMuted(isMuted: boolean): Promise<void>;
  /** Tell the others that you speak or stop. */
  setSpeaking(isSpeaking: boolean): void;
  /** Tell the others that you type. Call it with true on each key press, and with false when the text field is empty again. */
  setTyping(isTyping: boolean): void;
  /**
   * Send a frame of your own to all others, or a signal to one user or connection. The frame may get lost. Returns whether
   * there is a connection.
   */
  send(type: string, data?: unknown, options?: { to?: string }): boolean;
  /** Like `send`, but wait for the acknowledgement. Throws `peer_unavailable` if `to` is not in the room. */
  request(type: string, data?: unknown, options?: { to?: string }): Promise<void>;
  /** Act as a moderator of this room, as `api.moderate` does: `state.you.can` lists what you may do. */
  moderate(action: Moderated["action"], options?: CallOptions & ModerateOptions): Promise<Moderated>;
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
  /** It is open. */
  onopen: ((event: any) => void) | null;
  /** A frame has come. */
  onmessage: ((event: any) => void) | null;
  /** It is closed. */
  onclose: ((event: any) => void) | null;
  /** Send a frame. */
  send(text: string): void;
  /** Close it. */
  close(): void;
}

/** What the library listens to. */
export type Listened = Pick<EventTarget, "addEventListener" | "removeEventListener">;

/** What the library uses of a browser or of Node. Tests pass their own. */
export interface Deps {
  /** Send an HTTP request. */
  fetch(url: string, init: RequestInit): Promise<Response>;
  /** Open a WebSocket. */
  connect(url: string): SocketLike;
  /** Start a timer. */
  setTimeout(call: () => void, milliseconds: number): unknown;
  /** Stop a timer. */
  clearTimeout(timer: any): void;
  /** The time, in milliseconds since 1970. */
  now(): number;
  /** A random number from 0 to 1. */
  random(): number;
  /** A new id. */
  uuid(): string;
  /** Fires `online`, `offline` and `pagehide`. */
  window?: Listened;
  /** Fires `visibilitychange`. */
  document?: Listened & { readonly visibilityState: string };
}

// Voice

/** A microphone or a loudspeaker. */
export interface Device {
  /** What `useInput` and `useOutput` take. */
  id: string;
  /** Its name. It is empty until the user has allowed a microphone. */
  label: string;
}

/** Another page with which this page exchanges sound. */
export interface VoicePeer {
  /** Whose page it is. */
  userId: string;
  /** The connection of that page to the room. */
  connectionId: string;
  /** The state of the connection between the two pages. */
  state: RTCPeerConnectionState;
  /** Whether sound arrives from it now. */
  speaking: boolean;
}

/** The devices in use, and what went wrong. */
export interface VoiceFacts {
  /**
   * Why you are muted though you did not mute, until you mute or unmute: `away`: you were out of the room for 20 seconds, or have
   * a new seat; `elsewhere`: the room mutes you, or another tab; `unconfirmed`: unmuting could not be told to the room. Or
   * `moderator`: a moderator has muted you, and only a moderator can end this.
   */
  muteReason: "away" | "elsewhere" | "unconfirmed" | "moderator" | null;
  /** The browser plays no sound before a click or a key. Say so, or call `resume` on a click. */
  blocked: boolean;
  /** The last error: a microphone that is gone, or a peer that sent invalid data. */
  error: Error | null;
  /** The id of the microphone; "" is the browser's default. */
  input: string;
  /** The id of the loudspeaker; "" is the browser's default. */
  output: string;
  /** The microphones. */
  inputs: readonly Device[];
  /** The loudspeakers. Empty if the browser offers no choice of loudspeakers. */
  outputs: readonly Device[];
}

/** Voice at one moment. */
export interface VoiceState extends Readonly<VoiceFacts> {
  /** What the browser does not offer. Without `webrtc` you can't hear and can't speak. Without `microphone` you can only hear. */
  readonly lacks: "webrtc" | "microphone" | null;
  /** `listening` is without a microphone. */
  readonly status: "off" | "listening" | "talking";
  /** Whether the others don't hear you. */
  readonly muted: boolean;
  /** You have unmuted, and the room has not confirmed it yet. `setMuted(true)` cancels it. */
  readonly unmuting: boolean;
  /** Whether you speak. */
  readonly speaking: boolean;
  /** The other pages. */
  readonly peers: readonly VoicePeer[];
}

/** The part of an audio element that voice uses. */
export type AudioLike = Pick<HTMLAudioElement, "srcObject" | "volume" | "play"> & {
  /** Use another loudspeaker. */
  setSinkId?(id: string): Promise<void>;
};

/** The part of a `Room` that voice uses. */
export interface VoiceRoom {
  /** As in `Room`. */
  readonly state: Pick<RoomState, "connection" | "you" | "participants">;
  /** As in `Room`. */
  subscribe(watch: (state: RoomState) => void): () => void;
  /** As in `Room`. */
  on<Name extends "signal" | "frame">(name: Name, listener: (frame: RoomEvents[Name]) => void): () => void;
  /** As in `Room`. */
  send(type: string, data: object): boolean;
  /** As in `Room`. */
  request(type: string, data: object, options: { to: string }): Promise<void>;
  /** As in `Room`. */
  setMuted(muted: boolean): Promise<void>;
  /** As in `Room`. */
  setSpeaking(speaking: boolean): void;
}

/** What voice uses of a browser. */
export interface VoiceDeps extends Pick<Deps, "setTimeout" | "clearTimeout" | "now" | "uuid" | "window"> {
  /** Make a connection to another page. */
  connection(rtc?: RTCConfiguration): RTCPeerConnection;
  /** The microphones and loudspeakers. */
  media?: MediaDevices;
  /** Make an audio element. */
  audio(): AudioLike;
  /** Make a context that measures loudness. */
  context(): AudioContext;
  /** Make a stream of one track. */
  stream(track: MediaStreamTrack): MediaStream;
}
