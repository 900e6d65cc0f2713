/** The types on the wire. `make web-types` writes this file from the service's OpenAPI and AsyncAPI documents. */
/** The frame named by `ref` is done. For `message` and `emoji`, `data` is the stored message. */
export type AckFrame = {
  type: "ack";
  roomId: string;
  ts: string;
  /** the `id` this answers */
  ref?: string;
  data?: RoomMessage | MessageReactions;
};
/** Let the user in, or not. */
export type Admission = { admit: boolean };
/** WebRTC signalling to one user, to one connection, or to all others. */
export type AnswerFrame = {
  type: "answer";
  /** the client's own name for this frame */
  id?: string | null;
  /** the receiver: a user id or a connection id */
  to?: string | null;
  /** Your own content: any JSON value. */
  data?: unknown;
};
/** Acts, the newest first. `cursor`: there are older ones, or null. */
export type Audit = { entries: AuditEntry[]; cursor: string | null };
/**
 * An act: of moderation, `role` (a role was changed) or `offer` (the room was offered to another owner).
 *
 * `by` acted, on `user_id`; both are null if the account was deleted. `name` is the user's name at that time.
 */
export type AuditEntry = {
  action: string;
  by: string | null;
  user_id: string | null;
  name: string | null;
  reason: string | null;
  until: string | null;
  seconds: number | null;
  role: "owner" | "moderator" | "member" | null;
  created_at: string;
};
/** A user who is kept out. `until` is null if there is no end. `user_id` is null if the account was deleted. */
export type Ban = {
  user_id: string | null;
  name: string | null;
  until: string | null;
  banned_at: string | null;
  banned_by: string | null;
  reason: string | null;
};
/** Users who are kept out. `cursor`: there are more, or null. A page may be short, or empty, and have a next one. */
export type BanList = { bans: Ban[]; cursor: string | null };
/** Why a user is kept out of all rooms, and for how long. Without `seconds`, there is no end. */
export type BanRequest = {
  reason?: string | null;
  /** How long, up to a year. */
  seconds?: number | null;
};
/** The reason, and what to do: connect again with a fresh ticket, join again, or stop. */
export type ByeData = {
  code: "left" | "timed_out" | "removed" | "room_closed" | "replaced" | "rate_limited";
  reason: string;
  action: "reconnect" | "rejoin" | "stop";
};
/** The last frame before the server closes the connection. */
export type ByeFrame = { type: "bye"; roomId: string; ts: string; data: ByeData };
/** The caller in the room: the role (null without one), and what it allows beyond the acts of every member. */
export type Caller = {
  role: "owner" | "moderator" | "member" | null;
  can:
    | (
      | "kick"
      | "ban"
      | "unban"
      | "mute"
      | "unmute"
      | "mute_all"
      | "lock"
      | "unlock"
      | "slow"
      | "delete_messages"
      | "invite"
      | "admit"
      | "grant_members"
      | "grant_moderators"
      | "offer_ownership"
      | "edit_room"
      | "delete_room"
      | "change_status")[];
};
/** The content of `delete`. */
export type DeleteMessageData = { seq: number };
/** Deletes a message. */
export type DeleteMessageFrame = {
  type: "delete";
  /** the client's own name for this frame */
  id?: string | null;
  data: DeleteMessageData;
};
/** The content of `edit`. */
export type EditMessageData = {
  seq: number;
  /** Not blank. */
  text: string;
  /** The ids of users, with or without a seat. */
  mentions?: string[] | null;
};
/** The new text of a message of the sender's. Without `mentions`, these stay as they are. */
export type EditMessageFrame = {
  type: "edit";
  /** the client's own name for this frame */
  id?: string | null;
  data: EditMessageData;
};
/** The new text of a message. Without `mentions`, these stay as they are. */
export type EditMessageRequest = {
  /** Not blank. */
  message_text: string;
  /** The ids of users, with or without a seat. */
  mentions?: string[] | null;
};
/** An emoji was stored. */
export type EmojiReactionFrame = {
  type: "emoji_reaction";
  roomId: string;
  ts: string;
  /** user id, set by the server */
  from?: string;
  /** the sequence number in the room's log */
  seq: number;
  data: RoomMessage;
};
/** One to ten code points with at least one emoji and no letters. */
export type EmojiReactionRequest = {
  /** At least one emoji, and no letters. */
  emoji: string;
};
/** An entry of the log, as it was pushed. */
export type EntryFrame = {
  type: string;
  roomId: string;
  ts: string;
  /** user id, set by the server */
  from?: string;
  /** the sequence number in the room's log */
  seq: number;
  data: { [field: string]: unknown };
};
/**
 * A part of the log, oldest first, in at most 200,000 bytes. Each entry is the frame that was pushed.
 *
 * Messages come as they are now. `last_seq`: you have everything up to this number. Use it as the next `after_seq`.
 * `has_more`: more entries can be read now. An entry that is being stored comes with a later call.
 */
export type EntryList = { entries: EntryFrame[]; last_seq: number; has_more: boolean };
/** The deletion has begun, or was under way already. It goes on by itself; a small account takes two minutes. */
export type ErasureState = { state: "started" | "under_way" };
/**
 * The error: `code` for programs, `detail` for people, and further fields that depend on the code.
 *
 * | code | meaning |
 * |---|---|
 * | `too_large` | The frame has more than 32,000 bytes of UTF-8, or more than 8,000 and goes to all others. |
 * | `invalid_frame` | The frame is not a JSON object with a valid `type`. |
 * | `reserved_type` | Only the server sends this frame type. |
 * | `peer_unavailable` | The addressee of a signal has no connection in the room. |
 * | `invalid_request` | A body, query or field breaks the contract; `errors` says where. |
 * | `not_in_room` | The caller is not in the room. |
 * | `room_not_found` | No room has this id. |
 * | `forbidden` | The caller is signed in, but not allowed to do this. |
 * | `banned` | The caller is kept out, of the room or of all rooms; `until` is null if there is no end. |
 * | `muted` | The caller is muted and can't speak. |
 * | `muted_by_moderator` | A moderator has muted the caller, and only a moderator can end this. |
 * | `message_not_found` | No message of the room has this number, or it is not kept any more. |
 * | `message_deleted` | The message was deleted: it can't be changed any more. |
 * | `too_many_reactions` | The message has as many reactions, or as many kinds of them, as it can hold. |
 * | `rate_limited` | Too many acts in a short time; `retry_after` is in whole seconds. |
 * | `unavailable` | DynamoDB or another service does not answer; nothing is half done. |
 * | `internal_error` | A bug in the service; the log has the stack trace, the answer has not. |
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
    | "forbidden"
    | "banned"
    | "muted"
    | "muted_by_moderator"
    | "message_not_found"
    | "message_deleted"
    | "too_many_reactions"
    | "rate_limited"
    | "unavailable"
    | "internal_error";
  detail: string;
  errors?: FieldError[];
  /** Whole seconds to wait. */
  retry_after?: number;
  /** The end of a ban, if it has one. */
  until?: string | null;
  [field: string]: unknown;
};
/** The frame named by `ref` was refused and has changed nothing. */
export type ErrorFrame = {
  type: "error";
  /** empty if the room of the connection is unknown */
  roomId: string;
  ts: string;
  /** the `id` this answers */
  ref?: string;
  data: ErrorData;
};
/** One page of the data, in at most 200,000 bytes. A page may be empty. `next`: the cursor of the next page. */
export type Export = { items: ExportItem[]; next: string | null };
/**
 * Something that the service holds about the caller, in the room `room_id` or outside of rooms. `data` follows
 * from `kind`.
 */
export type ExportItem = {
  kind:
    | "profile"
    | "room"
    | "seat"
    | "standing"
    | "actor"
    | "audit"
    | "invite"
    | "knock"
    | "offer"
    | "report"
    | "decision"
    | "marker"
    | "message"
    | "mention"
    | "reaction"
    | "event";
  room_id: string | null;
  data: { [field: string]: unknown };
};
/** One thing that is wrong with a request, and where. */
export type FieldError = { loc: (string | number)[]; msg: string; type: string };
/** The service and its tables answer. */
export type Health = { status: "ok"; version: string };
/**
 * A part of the log, oldest first. It may be smaller than `limit`: it has at most 200,000 bytes.
 *
 * `has_more`: there are more messages in the requested direction.
 */
export type History = { messages: RoomMessage[]; has_more: boolean };
/** WebRTC signalling to one user, to one connection, or to all others. */
export type IceCandidateFrame = {
  type: "ice-candidate";
  /** the client's own name for this frame */
  id?: string | null;
  /** the receiver: a user id or a connection id */
  to?: string | null;
  /** Your own content: any JSON value. */
  data?: unknown;
};
/** What is wrong with the request, and where. */
export type InvalidRequestProblem = {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: "invalid_request";
  errors: FieldError[];
};
/** A new invitation: the role that it gives, how often, and for how many seconds. `null` means the default. */
export type InviteCreate = {
  role?: "moderator" | "member";
  uses?: number | null;
  expires_in?: number | null;
};
/** The valid invitations of a room, newest first. */
export type InviteList = { invites: InviteView[] };
/** The room that an invitation is for, the role that it gives, and when it ends. */
export type InvitePreview = { room: RoomPreview; role: "moderator" | "member"; expires_at: string };
/** An invitation as moderators see it in the list. It has no token: the service keeps only a hash. */
export type InviteView = {
  id: string;
  role: "moderator" | "member";
  uses_left: number;
  expires_at: string;
  created_by: string;
  created_at: string;
};
/** How the client uses its seat. The body may be left out. */
export type JoinRequest = {
  /** true: the seat is held for a minute until the first connection opens */
  expects_socket?: boolean;
  /** the token of an invitation into this room */
  invite?: string | null;
};
/** The caller has a seat. `websocket_url` is the same as `websocket.url`. */
export type JoinRoomResponse = {
  success: true;
  message: "Joined room successfully" | "Already in this room";
  room: RoomDetail;
  websocket: WebsocketAccess;
  websocket_url: string;
};
/** The room that the user knocked on. `can_admit`: a moderator is connected, and was told. */
export type KnockAnswer = {
  state: "waiting" | "admitted" | "refused" | "expired";
  until: string | null;
  room: RoomPreview;
  can_admit: boolean;
};
/** Users who wait for an answer, the first ones first: up to 50. */
export type KnockList = { knocks: KnockView[] };
/** How a knock was answered. `until`: the end of the knock; if it was `admitted`, of the seat that is kept. */
export type KnockState = { state: "waiting" | "admitted" | "refused" | "expired"; until: string | null };
/** A user who waits for an answer. */
export type KnockView = {
  user_id: string;
  name: string;
  avatar: string | null;
  knocked_at: string;
  until: string;
};
/** The user who asks to be let in. */
export type KnockedData = { user_id: string; name: string; avatar: string | null };
/** A user asks to be let in. Only moderators get this frame. */
export type KnockedFrame = {
  type: "knocked";
  roomId: string;
  ts: string;
  /** user id, set by the server */
  from?: string;
  data: KnockedData;
};
/** Gives up the seat; `bye` follows. */
export type LeaveFrame = {
  type: "leave";
  /** the client's own name for this frame */
  id?: string | null;
};
/** The caller, as others see them. */
export type Me = { id: string; name: string; avatar: string | null };
/**
 * The act, its user, and the moderator. `until`: the end of a kick or a ban, null if it has none.
 *
 * `seconds` is the new time between two messages of one person. The `reason` of `kick`, `ban` and `unban` is null for
 * everybody but the user and moderators.
 */
export type MemberModeratedData = {
  action:
    | "kick"
    | "ban"
    | "unban"
    | "mute"
    | "unmute"
    | "mute_all"
    | "lock"
    | "unlock"
    | "slow";
  user_id: string | null;
  by: string | null;
  until: string | null;
  reason: string | null;
  seconds: number | null;
};
/** A moderator has acted. A kick or a ban of somebody with a seat is followed by `user_left`. */
export type MemberModeratedFrame = {
  type: "member_moderated";
  roomId: string;
  ts: string;
  /** user id, set by the server */
  from?: string;
  /** the sequence number in the room's log */
  seq: number;
  data: MemberModeratedData;
};
/** The message, and the user who deleted it. `reason` is null unless it was given one. */
export type MessageDeletedData = { target_seq: number; by: string; reason: string | null };
/** The author or a moderator deleted a message. Its text is gone. */
export type MessageDeletedFrame = {
  type: "message_deleted";
  roomId: string;
  ts: string;
  /** user id, set by the server */
  from?: string;
  /** the sequence number in the room's log */
  seq: number;
  data: MessageDeletedData;
};
/** The message as it is since the edit. */
export type MessageEditedData = { target_seq: number; text: string; edited_at: string; mentions: string[] };
/** The author changed a message. */
export type MessageEditedFrame = {
  type: "message_edited";
  roomId: string;
  ts: string;
  /** user id, set by the server */
  from?: string;
  /** the sequence number in the room's log */
  seq: number;
  data: MessageEditedData;
};
/** The event that a system message reports: a user took a seat, or gave it up. */
export type MessageEvent = { kind: "user_joined" | "user_left"; user_id: string | null; name: string };
/** All reactions to a message, the most frequent first. */
export type MessageReactions = { seq: number; reactions: Reaction[] };
/** A chat message was stored. */
export type MessageSentFrame = {
  type: "message_sent";
  roomId: string;
  ts: string;
  /** user id, set by the server */
  from?: string;
  /** the sequence number in the room's log */
  seq: number;
  data: RoomMessage;
};
/** The content of `mic`. */
export type MicData = { is_muted: boolean };
/** Mutes or unmutes the sender. */
export type MicFrame = {
  type: "mic";
  /** the client's own name for this frame */
  id?: string | null;
  data: MicData;
};
/** Muted or not; a strict boolean. */
export type MicToggleRequest = { is_muted: boolean };
/** The microphone as it is now. */
export type MicToggleResponse = { success: true; is_muted: boolean };
/** The user, and whether they are muted now. */
export type MicToggledData = { user_id: string; is_muted: boolean };
/** A participant muted or unmuted. */
export type MicToggledFrame = {
  type: "mic_toggled";
  roomId: string;
  ts: string;
  /** user id, set by the server */
  from?: string;
  data: MicToggledData;
};
/** The content of `moderate`. */
export type ModerateData = {
  action:
    | "kick"
    | "ban"
    | "unban"
    | "mute"
    | "unmute"
    | "mute_all"
    | "lock"
    | "unlock"
    | "slow";
  user_id?: string | null;
  reason?: string | null;
  /** `kick`, `ban`: how long the user is kept out. `slow`: the time between two messages, up to 3,600. */
  seconds?: number | null;
};
/** An act of a moderator, as over HTTP. */
export type ModerateFrame = {
  type: "moderate";
  /** the client's own name for this frame */
  id?: string | null;
  data: ModerateData;
};
/** The act is done. `until`: the end of a kick or a ban, null if it has none. */
export type Moderated = {
  success: true;
  action:
    | "kick"
    | "ban"
    | "unban"
    | "mute"
    | "unmute"
    | "mute_all"
    | "lock"
    | "unlock"
    | "slow";
  user_id: string | null;
  until: string | null;
};
/**
 * An act of a moderator. `kick`, `ban`, `unban`, `mute` and `unmute` name a user, who may have no seat.
 *
 * A kick without `seconds` keeps the user out for 10 minutes, a ban without `seconds` has no end. `slow` needs
 * `seconds`; 0 ends it.
 */
export type ModerationRequest = {
  action:
    | "kick"
    | "ban"
    | "unban"
    | "mute"
    | "unmute"
    | "mute_all"
    | "lock"
    | "unlock"
    | "slow";
  user_id?: string | null;
  reason?: string | null;
  /** `kick`, `ban`: how long the user is kept out. `slow`: the time between two messages, up to 3,600. */
  seconds?: number | null;
};
/**
 * A room of the caller: the role in it (null without one), and what is new there.
 *
 * `unread`: how many text messages were sent after `read_seq`, the number up to which the caller has read; 0 if
 * the caller has read nothing. `mentions`: how often the caller was mentioned since reading the last mention.
 */
export type MyRoom = {
  room: RoomSummary;
  role: "owner" | "moderator" | "member" | null;
  unread: number;
  mentions: number;
  read_seq: number;
};
/** A new invitation. `token` and `url` are shown only once. */
export type NewInvite = {
  id: string;
  role: "moderator" | "member";
  uses_left: number;
  expires_at: string;
  created_by: string;
  created_at: string;
  /** a link to the page; relative if the service doesn't know the page's address */
  url: string;
  token: string;
};
/** WebRTC signalling to one user, to one connection, or to all others. */
export type OfferFrame = {
  type: "offer";
  /** the client's own name for this frame */
  id?: string | null;
  /** the receiver: a user id or a connection id */
  to?: string | null;
  /** Your own content: any JSON value. */
  data?: unknown;
};
/**
 * The message that a message answers, as it is now: its first 100 characters.
 *
 * If it was deleted, `text` is empty. If it can't be read, `user` is empty, too.
 */
export type Original = { seq: number; user: string; text: string };
/** The user to whom the room is offered, and until when the user can accept. */
export type OwnershipOffer = { user_id: string; until: string };
/** The user to whom the room is offered, the user who offers it, and until when the offer is valid. */
export type OwnershipOfferedData = { user_id: string; by: string; until: string };
/** The room is offered to you. Only your own connections get this frame. */
export type OwnershipOfferedFrame = {
  type: "ownership_offered";
  roomId: string;
  ts: string;
  /** user id, set by the server */
  from?: string;
  data: OwnershipOfferedData;
};
/** The user to whom the room is offered. */
export type OwnershipRequest = { user_id: string };
/** A participant of the room. `id` is the user id. */
export type ParticipantView = {
  id: string;
  name: string;
  avatar: string | null;
  is_muted: boolean;
  is_speaking: boolean;
  is_online: boolean;
  joined_at: string;
  role: "owner" | "moderator" | "member";
  /** the moderator who muted the user: peers play nothing */
  muted_by: string | null;
};
/** The user of the connection. */
export type PeerData = { userId: string };
/** A peer's connection is ready: WebRTC signalling can begin. */
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
/** The content of `ping`. */
export type PingData = { last_seq?: number | null };
/** Sent every 30 s: keeps the seat. */
export type PingFrame = {
  type: "ping";
  /** the client's own name for this frame */
  id?: string | null;
  data?: PingData;
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
/** The user, and whether the user has any connection. */
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
    | "banned"
    | "room_not_found"
    | "message_not_found"
    | "not_in_room"
    | "invite_not_found"
    | "knock_not_found"
    | "report_not_found"
    | "room_full"
    | "room_inactive"
    | "room_locked"
    | "too_many_rooms"
    | "account_closing"
    | "too_many_invites"
    | "muted"
    | "muted_by_moderator"
    | "message_deleted"
    | "too_many_reactions"
    | "report_decided"
    | "rate_limited"
    | "unavailable"
    | "auth_unavailable"
    | "internal_error";
};
/** The name and avatar to show. */
export type ProfileUpdate = {
  /** Trimmed, not blank, and one line without invisible characters. */
  name: string;
  /** An absolute path, or an http(s) URL of an allowed host. */
  avatar?: string | null;
};
/** How long to wait, in whole seconds. */
export type RateLimitedProblem = {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: "rate_limited";
  retry_after: number;
};
/** The content of `react`. */
export type ReactData = {
  seq: number;
  /** Exactly one emoji. */
  emoji: string;
  on: boolean;
};
/** Puts an emoji of the sender on a message, or takes it back. */
export type ReactFrame = {
  type: "react";
  /** the client's own name for this frame */
  id?: string | null;
  data: ReactData;
};
/** How many members reacted to a message with this emoji. `me`: the reader is one of them. */
export type Reaction = { emoji: string; count: number; me: boolean };
/** The user put the emoji on the message (`on`), or took it back. `count` users have it there now. */
export type ReactionsChangedData = {
  target_seq: number;
  emoji: string;
  user_id: string;
  on: boolean;
  count: number;
};
/** A member reacted to a message, or took a reaction back. */
export type ReactionsChangedFrame = {
  type: "reactions_changed";
  roomId: string;
  ts: string;
  /** user id, set by the server */
  from?: string;
  /** the sequence number in the room's log */
  seq: number;
  data: ReactionsChangedData;
};
/** The content of `read`. */
export type ReadData = { seq: number };
/** You have read everything up to `seq`. */
export type ReadFrame = {
  type: "read";
  /** the client's own name for this frame */
  id?: string | null;
  data: ReadData;
};
/** Any other type. It is relayed as it is to the other connections of the room, or to those that `to` names. */
export type RelayFrame = {
  type: string;
  /** the client's own name for this frame */
  id?: string | null;
  /** the receiver: a user id or a connection id */
  to?: string | null;
  /** Your own content: any JSON value. */
  data?: unknown;
};
/** WebRTC signalling to one user, to one connection, or to all others. */
export type RelayedAnswerFrame = {
  type: "answer";
  /** the client's own name for this frame */
  id?: string | null;
  /** the receiver: a user id or a connection id */
  to?: string | null;
  /** Your own content: any JSON value. */
  data?: unknown;
  /** The sender's user id. */
  from: string;
  /** The sender's connection id. */
  connection: string;
  roomId: string;
  ts: string;
};
/** WebRTC signalling to one user, to one connection, or to all others. */
export type RelayedIceCandidateFrame = {
  type: "ice-candidate";
  /** the client's own name for this frame */
  id?: string | null;
  /** the receiver: a user id or a connection id */
  to?: string | null;
  /** Your own content: any JSON value. */
  data?: unknown;
  /** The sender's user id. */
  from: string;
  /** The sender's connection id. */
  connection: string;
  roomId: string;
  ts: string;
};
/** WebRTC signalling to one user, to one connection, or to all others. */
export type RelayedOfferFrame = {
  type: "offer";
  /** the client's own name for this frame */
  id?: string | null;
  /** the receiver: a user id or a connection id */
  to?: string | null;
  /** Your own content: any JSON value. */
  data?: unknown;
  /** The sender's user id. */
  from: string;
  /** The sender's connection id. */
  connection: string;
  roomId: string;
  ts: string;
};
/** Any other type. It is relayed as it is to the other connections of the room, or to those that `to` names. */
export type RelayedRelayFrame = {
  type: string;
  /** the client's own name for this frame */
  id?: string | null;
  /** the receiver: a user id or a connection id */
  to?: string | null;
  /** Your own content: any JSON value. */
  data?: unknown;
  /** The sender's user id. */
  from: string;
  /** The sender's connection id. */
  connection: string;
  roomId: string;
  ts: string;
};
/** The sender starts or stops typing; it is not stored. */
export type RelayedTypingFrame = {
  type: "typing";
  /** the client's own name for this frame */
  id?: string | null;
  /** the receiver: a user id or a connection id */
  to?: string | null;
  data?: TypingData;
  /** The sender's user id. */
  from: string;
  /** The sender's connection id. */
  connection: string;
  roomId: string;
  ts: string;
};
/** `removed`: the message is deleted. `banned`: its author is also kept out of all rooms, without an end. */
export type ReportDecision = { state: "dismissed" | "removed" | "banned" };
/** Reports, the newest first. `cursor`: there are older ones, or null. */
export type ReportList = { reports: ReportView[]; cursor: string | null };
/** Why a message is reported. */
export type ReportRequest = { reason?: string | null };
/**
 * A reported message. `text` is its text at that time, `room_id` and `seq` its place, and `user_id` its author.
 *
 * `reason` and `reported_by` are null after the user who reported it has deleted the account.
 */
export type ReportView = {
  id: string;
  room_id: string;
  seq: number;
  user_id: string;
  user: string;
  text: string;
  reason: string | null;
  reported_by: string | null;
  created_at: string;
  state: "open" | "dismissed" | "removed" | "banned";
  decided_by: string | null;
  decided_at: string | null;
};
/** The user, the role from now on, and the user who gave it. A role of null means that nothing is left of it. */
export type RoleChangedData = {
  user_id: string;
  /** a role that lasts: it stays when the user leaves */
  role: "owner" | "moderator" | "member" | null;
  /** null if this user has deleted the account */
  by: string | null;
};
/** A user was given a role, or lost it. */
export type RoleChangedFrame = {
  type: "role_changed";
  roomId: string;
  ts: string;
  /** user id, set by the server */
  from?: string;
  /** the sequence number in the room's log */
  seq: number;
  data: RoleChangedData;
};
/** A user with a role that lasts, when it was given, and by whom. `name` is the last name that the room knew. */
export type RoleGrant = {
  user_id: string;
  name: string | null;
  role: "owner" | "moderator" | "member";
  granted_at: string | null;
  granted_by: string | null;
};
/**
 * Users with a role that lasts; the owner is on the first page. `cursor`: there are more, or null.
 *
 * A page may be short, or empty, even if there is a next one.
 */
export type RoleList = { roles: RoleGrant[]; cursor: string | null };
/** The role that the user gets. Only the owner and administrators make moderators. */
export type RoleRequest = { role: "moderator" | "member" };
/** `deactivated`: the room may open again. `deleted`: it does not. */
export type RoomClosedData = { reason: "deactivated" | "deleted" };
/** The room was closed; `bye` follows. */
export type RoomClosedFrame = { type: "room_closed"; roomId: string; ts: string; data: RoomClosedData };
/** A new room. `null` means the default. */
export type RoomCreate = {
  /** Trimmed, not blank, and one line without invisible characters. */
  name: string;
  description?: string | null;
  max_participants?: number | null;
  color?: string | null;
  visibility?: RoomVisibility | null;
  /** For how many days the log keeps a message. */
  retention_days?: number | null;
};
/** A room with its participants (oldest first) and its last messages (oldest first): up to 50, in 200,000 bytes. */
export type RoomDetail = {
  id: string;
  name: string;
  description: string;
  status: RoomStatus;
  participant_count: number;
  max_participants: number;
  color: string;
  created_at: string;
  created_by: string | null;
  visibility: RoomVisibility;
  is_locked: boolean;
  slow_seconds: number;
  retention_days: number;
  owner_id: string | null;
  participants: ParticipantView[];
  last_seq: number;
  tasks_completed: number;
  tasks_total: number;
  focus_time: number;
  focus_goal: number;
  messages: RoomMessage[];
  you: Caller;
};
/**
 * A message of a room's log. `user_id` is null and `user` is "System" if the room itself speaks.
 *
 * `avatar` is the author's avatar now: as in the room, or in the profile of an author who has left. `event` says in
 * data what the text of a system message says in English. The text of a deleted message is empty. `mentions` are user
 * ids.
 */
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
  event?: MessageEvent;
  edited_at: string | null;
  deleted: boolean;
  reply_to: Original | null;
  mentions: string[];
  reactions: Reaction[];
};
/** The changes an owner may make. A field that is left out stays as it is. */
export type RoomPatch = {
  /** Trimmed, not blank, and one line without invisible characters. */
  name?: string | null;
  description?: string | null;
  max_participants?: number | null;
  color?: string | null;
  visibility?: RoomVisibility | null;
  /** For how many days the log keeps a message. */
  retention_days?: number | null;
};
/** What people outside of a room may know of it. `owner` is a name; null if there is none. */
export type RoomPreview = {
  id: string;
  name: string;
  owner: string | null;
  participant_count: number;
  max_participants: number;
};
export type RoomStatus = "active" | "inactive";
/**
 * A room in the list.
 *
 * `visibility`: a room that is not `public` is in no list. `is_locked`: nobody new gets in. `slow_seconds`: the time
 * between two messages of one person. `retention_days`: for how long the log keeps a message. `owner_id`: the user who
 * owns the room now; null if it is the service's own, or belongs to nobody.
 */
export type RoomSummary = {
  id: string;
  name: string;
  description: string;
  status: RoomStatus;
  participant_count: number;
  max_participants: number;
  color: string;
  created_at: string;
  created_by: string | null;
  visibility: RoomVisibility;
  is_locked: boolean;
  slow_seconds: number;
  retention_days: number;
  owner_id: string | null;
};
/** The changes an administrator may make. A field that is left out stays as it is. */
export type RoomUpdate = {
  /** Trimmed, not blank, and one line without invisible characters. */
  name?: string | null;
  description?: string | null;
  max_participants?: number | null;
  color?: string | null;
  visibility?: RoomVisibility | null;
  /** For how many days the log keeps a message. */
  retention_days?: number | null;
  status?: RoomStatus | null;
};
/** A setting of the room changed. */
export type RoomUpdatedFrame = {
  type: "room_updated";
  roomId: string;
  ts: string;
  /** user id, set by the server */
  from?: string;
  /** the sequence number in the room's log */
  seq: number;
  data: RoomSummary;
};
export type RoomVisibility = "public" | "unlisted" | "private";
/** The content of `emoji`. */
export type SendEmojiData = {
  /** At least one emoji, and no letters. */
  emoji: string;
};
/** An emoji reaction. */
export type SendEmojiFrame = {
  type: "emoji";
  /** the client's own name for this frame */
  id?: string | null;
  data: SendEmojiData;
};
/** The content of `message`. */
export type SendMessageData = {
  /** Not blank. */
  text: string;
  /** The `seq` of the message that this one answers. */
  reply_to?: number | null;
  /** The ids of users, with or without a seat. */
  mentions?: string[];
};
/** A chat message. */
export type SendMessageFrame = {
  type: "message";
  /** the client's own name for this frame */
  id?: string | null;
  data: SendMessageData;
};
/** A chat message. Existing front ends send `message` instead of `message_text`: the service reads it, too. */
export type SendMessageRequest = {
  /** For `emoji`, the text follows the rules of `/emoji`. */
  message_type?: "text" | "emoji";
  /** Not blank. */
  message_text: string;
  /** The `seq` of the message that this one answers. */
  reply_to?: number | null;
  /** The ids of users, with or without a seat. */
  mentions?: string[];
};
/** The log has no message with this number: do not wait for it. */
export type SeqUnusedFrame = {
  type: "seq_unused";
  roomId: string;
  ts: string;
  /** the sequence number in the room's log */
  seq: number;
};
/**
 * `recovered` means that every entry after the client's `last_seq` is here. Otherwise, `messages` are the last 50.
 *
 * `entries` are the events after the client's `last_seq`, as they were pushed. An event that changed one of `messages`
 * is left out: messages come as they are now. Up to the new `last_seq` the client misses nothing.
 */
export type SnapshotData = {
  room: SnapshotRoom;
  you: You;
  messages: RoomMessage[];
  entries: EntryFrame[];
  recovered: boolean;
  last_seq: number;
};
/** The room as it is now, and what the client missed. */
export type SnapshotFrame = {
  type: "snapshot";
  roomId: string;
  ts: string;
  /** the `id` this answers */
  ref?: string;
  data: SnapshotData;
};
/** The room and its participants, oldest first. */
export type SnapshotRoom = {
  id: string;
  name: string;
  description: string;
  status: RoomStatus;
  participant_count: number;
  max_participants: number;
  color: string;
  created_at: string;
  created_by: string | null;
  visibility: RoomVisibility;
  is_locked: boolean;
  slow_seconds: number;
  retention_days: number;
  owner_id: string | null;
  participants: ParticipantView[];
  last_seq: number;
  tasks_completed: number;
  tasks_total: number;
  focus_time: number;
  focus_goal: number;
};
/** The user, and whether they speak now. */
export type SpeakingChangedData = { user_id: string; is_speaking: boolean };
/** A participant started or stopped speaking. */
export type SpeakingChangedFrame = {
  type: "speaking_changed";
  roomId: string;
  ts: string;
  /** user id, set by the server */
  from?: string;
  data: SpeakingChangedData;
};
/** The content of `speaking`. */
export type SpeakingData = { is_speaking: boolean };
/** The sender starts or stops speaking. */
export type SpeakingFrame = {
  type: "speaking";
  /** the client's own name for this frame */
  id?: string | null;
  data: SpeakingData;
};
/** Speaking or not; a strict boolean. */
export type SpeakingStatusRequest = { is_speaking: boolean };
/** Speaking or not, as it is now. */
export type SpeakingStatusResponse = { success: true; is_speaking: boolean };
/** The new status of the room. */
export type StatusToggled = { success: true; room_id: string; new_status: RoomStatus };
/** The operation is done. */
export type Success = { success: true; message: string };
/** The content of `sync`. */
export type SyncData = { last_seq?: number | null };
/** The first frame, and the request for everything after `last_seq` if something is missing. */
export type SyncFrame = {
  type: "sync";
  /** the client's own name for this frame */
  id?: string | null;
  data?: SyncData;
};
/** The content of `typing`. */
export type TypingData = { is_typing: boolean };
/** The sender starts or stops typing; it is not stored. */
export type TypingFrame = {
  type: "typing";
  /** the client's own name for this frame */
  id?: string | null;
  /** the receiver: a user id or a connection id */
  to?: string | null;
  data: TypingData;
};
/** The new participant, and the system message about it. */
export type UserJoinedData = { participant: ParticipantView; message: RoomMessage };
/** A user took a seat. */
export type UserJoinedFrame = {
  type: "user_joined";
  roomId: string;
  ts: string;
  /** the sequence number in the room's log */
  seq: number;
  data: UserJoinedData;
};
/** The user, the reason, and the system message about it. */
export type UserLeftData = {
  user_id: string;
  reason: "left" | "timed_out" | "removed" | "room_closed";
  message: RoomMessage;
};
/** A user gave up or lost a seat. */
export type UserLeftFrame = {
  type: "user_left";
  roomId: string;
  ts: string;
  /** the sequence number in the room's log */
  seq: number;
  data: UserLeftData;
};
/** Access to the room's WebSocket: `url` opens one connection, once, until `expires_at`. */
export type WebsocketAccess = { url: string; ticket: string; expires_at: string };
/**
 * The client's own user id, connection id and role, and what the role allows.
 *
 * `read_seq`: the user has read everything up to this number; 0 if it is not known.
 */
export type You = {
  user_id: string;
  connection_id: string;
  role: "owner" | "moderator" | "member" | null;
  can:
    | (
      | "kick"
      | "ban"
      | "unban"
      | "mute"
      | "unmute"
      | "mute_all"
      | "lock"
      | "unlock"
      | "slow"
      | "delete_messages"
      | "invite"
      | "admit"
      | "grant_members"
      | "grant_moderators"
      | "offer_ownership"
      | "edit_room"
      | "delete_room"
      | "change_status")[];
  read_seq: number;
};
/** What a client sends. */
export type ClientFrame =
  | SyncFrame
  | PingFrame
  | LeaveFrame
  | SendMessageFrame
  | SendEmojiFrame
  | EditMessageFrame
  | DeleteMessageFrame
  | ReadFrame
  | ReactFrame
  | MicFrame
  | SpeakingFrame
  | ModerateFrame
  | TypingFrame
  | OfferFrame
  | AnswerFrame
  | IceCandidateFrame
  | RelayFrame;
/** What the server sends. */
export type ServerFrame =
  | AckFrame
  | ErrorFrame
  | SnapshotFrame
  | PongFrame
  | UserJoinedFrame
  | UserLeftFrame
  | SeqUnusedFrame
  | PresenceChangedFrame
  | PeerJoinedFrame
  | PeerLeftFrame
  | ByeFrame
  | MessageSentFrame
  | EmojiReactionFrame
  | MessageEditedFrame
  | MessageDeletedFrame
  | ReactionsChangedFrame
  | MicToggledFrame
  | SpeakingChangedFrame
  | RoomUpdatedFrame
  | RoomClosedFrame
  | RoleChangedFrame
  | KnockedFrame
  | OwnershipOfferedFrame
  | MemberModeratedFrame;
/** What the server relays from another client. */
export type RelayedFrame =
  | RelayedTypingFrame
  | RelayedOfferFrame
  | RelayedAnswerFrame
  | RelayedIceCandidateFrame
  | RelayedRelayFrame;
/**
 * The codes of the service's errors.
 *
 * | code | meaning |
 * |---|---|
 * | `account_closing` | The caller deletes the account, and some of its data is left. Until it is gone, nothing new is stored. |
 * | `auth_unavailable` | The keys that verify tokens can't be fetched. |
 * | `banned` | The caller is kept out, of the room or of all rooms; `until` is null if there is no end. |
 * | `forbidden` | The caller is signed in, but not allowed to do this. |
 * | `internal_error` | A bug in the service; the log has the stack trace, the answer has not. |
 * | `invalid_cursor` | The cursor was not made by this server. |
 * | `invalid_frame` | The frame is not a JSON object with a valid `type`. |
 * | `invalid_json` | The body is not JSON. |
 * | `invalid_request` | A body, query or field breaks the contract; `errors` says where. |
 * | `invite_not_found` | No valid invitation has this token: it is wrong, used up, over, revoked, or its maker may not invite any more. |
 * | `knock_not_found` | The user does not wait to be let into the room, or no longer. |
 * | `message_deleted` | The message was deleted: it can't be changed any more. |
 * | `message_not_found` | No message of the room has this number, or it is not kept any more. |
 * | `method_not_allowed` | The path does not have this method; API Gateway normally answers first. |
 * | `muted_by_moderator` | A moderator has muted the caller, and only a moderator can end this. |
 * | `muted` | The caller is muted and can't speak. |
 * | `not_in_room` | The caller is not in the room. |
 * | `payload_too_large` | The body is larger than 64 KB. |
 * | `peer_unavailable` | The addressee of a signal has no connection in the room. |
 * | `rate_limited` | Too many acts in a short time; `retry_after` is in whole seconds. |
 * | `report_decided` | The report was decided before, in another way. |
 * | `report_not_found` | No report has this id, or its author has deleted the account. |
 * | `reserved_type` | Only the server sends this frame type. |
 * | `room_full` | All seats are taken. |
 * | `room_inactive` | The room exists, but is closed for now. |
 * | `room_locked` | Nobody new gets into the room for now. Members come back. |
 * | `room_not_found` | No room has this id. |
 * | `too_large` | The frame has more than 32,000 bytes of UTF-8, or more than 8,000 and goes to all others. |
 * | `too_many_invites` | The room has the highest number of invitations that are valid at the same time. |
 * | `too_many_reactions` | The message has as many reactions, or as many kinds of them, as it can hold. |
 * | `too_many_rooms` | The caller has the highest number of rooms: seats, or rooms of their own. `detail` says which. |
 * | `unauthorized` | The credential is missing, invalid or expired. |
 * | `unavailable` | DynamoDB or another service does not answer; nothing is half done. |
 * | `unsupported_media_type` | The body is not `application/json`. |
 */
export type ErrorCode =
  | "account_closing"
  | "auth_unavailable"
  | "banned"
  | "forbidden"
  | "internal_error"
  | "invalid_cursor"
  | "invalid_frame"
  | "invalid_json"
  | "invalid_request"
  | "invite_not_found"
  | "knock_not_found"
  | "message_deleted"
  | "message_not_found"
  | "method_not_allowed"
  | "muted"
  | "muted_by_moderator"
  | "not_in_room"
  | "payload_too_large"
  | "peer_unavailable"
  | "rate_limited"
  | "report_decided"
  | "report_not_found"
  | "reserved_type"
  | "room_full"
  | "room_inactive"
  | "room_locked"
  | "room_not_found"
  | "too_large"
  | "too_many_invites"
  | "too_many_reactions"
  | "too_many_rooms"
  | "unauthorized"
  | "unavailable"
  | "unsupported_media_type";
