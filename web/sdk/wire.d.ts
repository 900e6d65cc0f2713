/** The types on the wire. `make web-types` writes this file from the service's OpenAPI and AsyncAPI documents. */
/** The frame named by `ref` is done; for `message` and `emoji`, `data` is what was stored. */
export type AckFrame = {
  type: "ack";
  roomId: string;
  ts: string;
  /** the `id` this answers */
  ref?: string;
  data?: RoomMessage;
};
/** Why, and what to do: connect again with a fresh ticket, join again, or stop. */
export type ByeData = {
  code: "left" | "timed_out" | "removed" | "room_closed" | "replaced" | "rate_limited";
  reason: string;
  action: "reconnect" | "rejoin" | "stop";
};
/** The last frame before the server closes. */
export type ByeFrame = { type: "bye"; roomId: string; ts: string; data: ByeData };
/** An emoji was stored. */
export type EmojiReactionFrame = {
  type: "emoji_reaction";
  roomId: string;
  ts: string;
  /** user id, set by the server */
  from?: string;
  /** the place in the room's log */
  seq: number;
  data: RoomMessage;
};
/** One emoji: one to ten code points, no letters. */
export type EmojiReactionRequest = {
  /** At least one emoji, and no letters. */
  emoji: string;
};
/**
 * What was wrong: `code` for programs, `detail` for people, and what the code adds.
 *
 * | code | meaning |
 * |---|---|
 * | `too_large` | A frame over 32,000 bytes of UTF-8. |
 * | `invalid_frame` | Not a JSON object with a valid `type`. |
 * | `reserved_type` | A frame type that only the server sends. |
 * | `peer_unavailable` | Signalling to someone who has no connection in the room. |
 * | `invalid_request` | A body, a query or a field that breaks the contract; `errors` says where. |
 * | `not_in_room` | Acting in a room without being in it. |
 * | `room_not_found` | No room has this id. |
 * | `muted` | Speaking while muted. |
 * | `rate_limited` | Too much in too short a time; `retry_after` is in whole seconds. |
 * | `unavailable` | Something that this service stands on doesn't answer; nothing half-done is left behind. |
 * | `internal_error` | A bug of ours; the log has the trace, the client doesn't. |
 */
export type ErrorData = {
  code:
    | "too_large"
    | "invalid_frame"
    | "reserved_type"
    | "peer_unavailable"
    | "invalid_request"
    | "not_in_room"
    | "room_not_found"
    | "muted"
    | "rate_limited"
    | "unavailable"
    | "internal_error";
  detail: string;
  errors?: FieldError[];
  /** Whole seconds to wait. */
  retry_after?: number;
  [field: string]: unknown;
};
/** The frame named by `ref` was refused and has done nothing. */
export type ErrorFrame = {
  type: "error";
  /** empty where the connection is in no room */
  roomId: string;
  ts: string;
  /** the `id` this answers */
  ref?: string;
  data: ErrorData;
};
/** One thing that is wrong with a request, and where. */
export type FieldError = { loc: (string | number)[]; msg: string; type: string };
/** The service and its tables answer. */
export type Health = { status: "ok"; version: string };
/** A stretch of the log, oldest first; `has_more` says whether it goes on in the direction asked for. */
export type History = { messages: RoomMessage[]; has_more: boolean };
/** What is wrong with the request, and where. */
export type InvalidRequestProblem = {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: string;
  errors: FieldError[];
};
/** The seat is yours. */
export type JoinRoomResponse = {
  success: true;
  message: "Joined room successfully" | "Already in this room";
  room: RoomDetail;
  websocket: WebsocketAccess;
};
/** Gives up the seat; `bye` follows. */
export type LeaveFrame = { type: "leave"; id?: string | null };
/** The caller, as others see them. */
export type Me = { id: string; name: string; avatar: string | null };
/** A chat message was stored. */
export type MessageSentFrame = {
  type: "message_sent";
  roomId: string;
  ts: string;
  /** user id, set by the server */
  from?: string;
  /** the place in the room's log */
  seq: number;
  data: RoomMessage;
};
/** Mutes or unmutes the sender. */
export type MicFrame = ({ is_muted: boolean } | { data: { is_muted: boolean } }) & { type: "mic"; id?: string | null };
/** Muted or not; a real boolean. */
export type MicToggleRequest = { is_muted: boolean };
/** The microphone, as it is now. */
export type MicToggled = { success: true; is_muted: boolean };
/** Who, and how it is now. */
export type MicToggledData = { user_id: string; is_muted: boolean };
/** Somebody muted or unmuted. */
export type MicToggledFrame = {
  type: "mic_toggled";
  roomId: string;
  ts: string;
  /** user id, set by the server */
  from?: string;
  data: MicToggledData;
};
/** Somebody in the room. `id` is the user id. */
export type ParticipantView = {
  id: string;
  name: string;
  avatar: string | null;
  is_muted: boolean;
  is_speaking: boolean;
  is_online: boolean;
  joined_at: string;
};
/** The user whose connection it is. */
export type PeerData = { userId: string };
/** A peer's connection is there: signalling can begin. */
export type PeerJoinedFrame = {
  type: "user-joined";
  roomId: string;
  ts: string;
  /** user id, set by the server */
  from?: string;
  /** connection id, set by the server */
  connection?: string;
  data: PeerData;
};
/** A peer's last connection is gone. */
export type PeerLeftFrame = {
  type: "user-left";
  roomId: string;
  ts: string;
  /** user id, set by the server */
  from?: string;
  /** connection id, set by the server */
  connection?: string;
  data: PeerData;
};
/** Sent every 30 s: keeps the seat. */
export type PingFrame = {
  type: "ping";
  id?: string | null;
  last_seq?: number | null;
  data?: { last_seq?: number | null };
};
/** `rotate`: open a new connection with a fresh ticket, then close this one. */
export type PongData = { last_seq: number; rotate: boolean };
/** The answer to `ping`. */
export type PongFrame = {
  type: "pong";
  roomId: string;
  ts: string;
  /** the `id` this answers */
  ref?: string;
  data: PongData;
};
/** Who, and whether any connection of theirs is there. */
export type PresenceChangedData = { user_id: string; is_online: boolean };
/** A member's last connection went, or the first came back. */
export type PresenceChangedFrame = {
  type: "presence_changed";
  roomId: string;
  ts: string;
  data: PresenceChangedData;
};
/** RFC 9457 problem details. `code` is for programs, `detail` for people. */
export type Problem = {
  type: string;
  title: string;
  status: number;
  detail: string;
  code:
    | "invalid_request"
    | "invalid_json"
    | "invalid_cursor"
    | "payload_too_large"
    | "unsupported_media_type"
    | "method_not_allowed"
    | "unauthorized"
    | "forbidden"
    | "room_not_found"
    | "not_in_room"
    | "room_full"
    | "room_inactive"
    | "muted"
    | "rate_limited"
    | "too_many_connections"
    | "unavailable"
    | "auth_unavailable"
    | "internal_error";
};
/** How the caller wants to be shown. */
export type ProfileUpdate = {
  /** Trimmed, and not blank. */
  name: string;
  avatar?: string | null;
};
/** How long to wait, in whole seconds. */
export type RateLimitedProblem = {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: string;
  retry_after: number;
};
/** Any other type: relayed whole to the other connections of the room. */
export type RelayFrame = { type: string; id?: string | null };
/** Whether it may open again. */
export type RoomClosedData = { reason: "deactivated" | "deleted" };
/** The room is no more, or not for now; `bye` follows. */
export type RoomClosedFrame = { type: "room_closed"; roomId: string; ts: string; data: RoomClosedData };
/** A new room. */
export type RoomCreate = {
  /** Trimmed, and not blank. */
  name: string;
  description?: string;
  max_participants?: number;
  color?: string;
};
/** A room with who is in it (oldest first) and its last 50 messages (oldest first). */
export type RoomDetail = {
  id: string;
  name: string;
  description: string;
  status: "active" | "inactive";
  participant_count: number;
  max_participants: number;
  color: string;
  created_at: string;
  created_by: string | null;
  participants: ParticipantView[];
  messages: RoomMessage[];
  last_seq: number;
  tasks_completed: number;
  tasks_total: number;
  focus_time: number;
  focus_goal: number;
};
/** An entry of a room's log. `user_id` is null and `user` is "System" where the room itself speaks. */
export type RoomMessage = {
  id: string;
  seq: number;
  type: "text" | "emoji" | "system";
  user_id: string | null;
  user: string;
  avatar: string | null;
  text: string;
  /** HH:MM in UTC */
  time: string;
  created_at: string;
};
/** A room, as the list shows it. */
export type RoomSummary = {
  id: string;
  name: string;
  description: string;
  status: "active" | "inactive";
  participant_count: number;
  max_participants: number;
  color: string;
  created_at: string;
  created_by: string | null;
};
/** Any subset of what an administrator may change; what is left out stays as it is. */
export type RoomUpdate = {
  name?: string | null;
  description?: string | null;
  max_participants?: number | null;
  color?: string | null;
  status?: "active" | "inactive" | null;
};
/** The room's name, description, size, colour or status changed. */
export type RoomUpdatedFrame = { type: "room_updated"; roomId: string; ts: string; data: RoomSummary };
/** An emoji reaction. */
export type SendEmojiFrame = (
  | {
    /** At least one emoji, and no letters. */
    emoji: string;
  }
  | {
    data: {
      /** At least one emoji, and no letters. */
      emoji: string;
    };
  }) & { type: "emoji"; id?: string | null };
/** A chat message. */
export type SendMessageFrame = (
  | {
    /** Not blank. */
    text: string;
  }
  | {
    data: {
      /** Not blank. */
      text: string;
    };
  }) & { type: "message"; id?: string | null };
/** A chat message. `message` is accepted as another name for `message_text`. */
export type SendMessageRequest = (
  | {
    /** Not blank. */
    message_text: string;
  }
  | {
    /** Not blank. */
    message: string;
  }) & { message_type?: "text" | "emoji" };
/** WebRTC signalling to one user, one connection, or all others. */
export type SignalFrame = {
  type: "offer" | "answer" | "ice-candidate";
  id?: string | null;
  to?: string | null;
  data?: { to?: string | null };
};
/**
 * `recovered`: every message after the client's `last_seq` is here. Otherwise these are the last 50.
 *
 * Up to `last_seq` nothing can be missing any more.
 */
export type SnapshotData = {
  room: SnapshotRoom;
  you: You;
  messages: RoomMessage[];
  recovered: boolean;
  last_seq: number;
};
/** The room as it is, and what the client missed. */
export type SnapshotFrame = {
  type: "snapshot";
  roomId: string;
  ts: string;
  /** the `id` this answers */
  ref?: string;
  data: SnapshotData;
};
/** The room and who is in it, oldest first. */
export type SnapshotRoom = {
  id: string;
  name: string;
  description: string;
  status: "active" | "inactive";
  participant_count: number;
  max_participants: number;
  color: string;
  created_at: string;
  created_by: string | null;
  participants: ParticipantView[];
  last_seq: number;
  tasks_completed: number;
  tasks_total: number;
  focus_time: number;
  focus_goal: number;
};
/** Speaking or not, as it is now. */
export type SpeakingChanged = { success: true; is_speaking: boolean };
/** Who, and how it is now. */
export type SpeakingChangedData = { user_id: string; is_speaking: boolean };
/** Somebody speaks or fell silent. */
export type SpeakingChangedFrame = {
  type: "speaking_changed";
  roomId: string;
  ts: string;
  /** user id, set by the server */
  from?: string;
  data: SpeakingChangedData;
};
/** The sender speaks or falls silent. */
export type SpeakingFrame = ({ is_speaking: boolean } | { data: { is_speaking: boolean } }) & { type: "speaking"; id?: string | null };
/** Speaking or not; a real boolean. */
export type SpeakingStatusRequest = { is_speaking: boolean };
/** What the server puts on a frame that it passes on; a client's own are never believed. */
export type Stamps = {
  /** The sender's user id. */
  from: string;
  /** The sender's connection id. */
  connection: string;
  roomId: string;
  ts: string;
};
/** The room's status, as it is now. */
export type StatusToggled = { success: true; room_id: string; new_status: "active" | "inactive" };
/** It is done. */
export type Success = { success: true; message: string };
/** The first frame, and whenever something is missing: asks for all after `last_seq`. */
export type SyncFrame = {
  type: "sync";
  id?: string | null;
  last_seq?: number | null;
  data?: { last_seq?: number | null };
};
/** The sender writes or stops writing; stored nowhere. */
export type TypingFrame = ({ is_typing: boolean } | { data: { is_typing: boolean } }) & { type: "typing"; id?: string | null };
/** Who came, and the system message that says so. */
export type UserJoinedData = { participant: ParticipantView; message: RoomMessage };
/** Somebody took a seat. */
export type UserJoinedFrame = {
  type: "user_joined";
  roomId: string;
  ts: string;
  /** the place in the room's log */
  seq: number;
  data: UserJoinedData;
};
/** Who went and why, and the system message that says so. */
export type UserLeftData = {
  user_id: string;
  reason: "left" | "timed_out" | "removed" | "room_closed";
  message: RoomMessage;
};
/** A seat is free. */
export type UserLeftFrame = {
  type: "user_left";
  roomId: string;
  ts: string;
  /** the place in the room's log */
  seq: number;
  data: UserLeftData;
};
/** A way into the room's WebSocket: opening `url` connects, once, until `expires_at`. */
export type WebsocketAccess = { url: string; ticket: string; expires_at: string };
/** Whom the server takes the client for. */
export type You = { user_id: string; connection_id: string };
/** What a client sends. */
export type ClientFrame =
  | SyncFrame
  | PingFrame
  | SendMessageFrame
  | SendEmojiFrame
  | MicFrame
  | SpeakingFrame
  | TypingFrame
  | SignalFrame
  | LeaveFrame
  | RelayFrame;
/** What the server sends. */
export type ServerFrame =
  | SnapshotFrame
  | PongFrame
  | AckFrame
  | ErrorFrame
  | UserJoinedFrame
  | UserLeftFrame
  | MessageSentFrame
  | EmojiReactionFrame
  | MicToggledFrame
  | SpeakingChangedFrame
  | PresenceChangedFrame
  | RoomUpdatedFrame
  | RoomClosedFrame
  | PeerJoinedFrame
  | PeerLeftFrame
  | ByeFrame;
/** What the server relays from another client. */
export type RelayedFrame = TypingFrame & Stamps | SignalFrame & Stamps | RelayFrame & Stamps;
