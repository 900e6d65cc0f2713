/** What goes over the wire, and what applications see of it. Types only: nothing here is ever loaded. */

export interface Profile {
  id: string;
  name: string;
  avatar: string | null;
}

export interface RoomSummary {
  id: string;
  name: string;
  description: string;
  status: "active" | "inactive";
  participant_count: number;
  max_participants: number;
  color: string;
  created_at: string;
  created_by: string | null;
}

export interface ParticipantView extends Profile {
  is_muted: boolean;
  is_speaking: boolean;
  is_online: boolean;
  joined_at: string;
}

export interface RoomMessage {
  id: string;
  seq: number;
  type: "text" | "emoji" | "system";
  user_id: string | null;
  user: string;
  avatar: string | null;
  text: string;
  time: string;
  created_at: string;
}

export interface Focus {
  tasks_completed: number;
  tasks_total: number;
  focus_time: number;
  focus_goal: number;
}

export interface RoomDetail extends RoomSummary, Focus {
  participants: ParticipantView[];
  messages: RoomMessage[];
  last_seq: number;
}

export interface Ticket {
  url: string;
  ticket: string;
  expires_at: string;
}

export interface Joined {
  success: boolean;
  message: string;
  room: RoomDetail;
  websocket: Ticket;
}

export interface NewRoom {
  name: string;
  description?: string;
  max_participants?: number;
  color?: string;
}

export interface RoomChange extends Partial<NewRoom> {
  status?: "active" | "inactive";
}

export interface History {
  messages: RoomMessage[];
  has_more: boolean;
}

export interface FieldError {
  loc: (string | number)[];
  msg: string;
  type: string;
}

/** What went wrong, as the service tells it over HTTP and in `error` frames. */
export interface Problem {
  code: string;
  detail?: string;
  status?: number;
  errors?: FieldError[];
  retry_after?: number;
}

export interface SnapshotData {
  room: RoomSummary & Focus & { participants: ParticipantView[]; last_seq: number };
  you: You;
  messages: RoomMessage[];
  recovered: boolean;
  last_seq: number;
}

export interface You {
  user_id: string;
  connection_id: string;
}

/** A frame from the server. `data` depends on `type`; a relayed frame has what its sender gave it. */
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

/** Whether there is a line to the server. */
export type Connection = "connecting" | "live" | "reconnecting" | "offline" | "ended";

/** Why it is over: the `code` of a `bye` or of an error; `closed` and `left` where that was your own doing. */
export interface Ended {
  code: string;
  reason: string;
  action: string;
}

export interface Participant extends ParticipantView {
  is_you: boolean;
  is_typing: boolean;
}

/** Something of yours that isn't in the log yet. */
export interface Pending {
  key: string;
  text: string;
  kind: "text" | "emoji";
  status: "sending" | "failed";
}

/** A room as it is at one moment. Never changed: what changes is a new one. */
export interface RoomState {
  readonly connection: Connection;
  /** When the next attempt to connect is due, in milliseconds as `Date.now()` has them. */
  readonly retryAt: number | null;
  readonly ended: Ended | null;
  readonly room: (RoomSummary & Partial<Focus>) | null;
  readonly you: You | null;
  /** Oldest first. */
  readonly participants: readonly Participant[];
  /** In order, each once, without holes. */
  readonly messages: readonly RoomMessage[];
  /** Whether the log goes further up than `messages`. */
  readonly hasEarlier: boolean;
  readonly pending: readonly Pending[];
}

export interface RoomEvents {
  /** The next message of the log. */
  message: RoomMessage;
  /** An emoji, as it happens; one that was missed is only a `message`. */
  reaction: RoomMessage;
  /** Somebody took a seat. */
  joined: Participant;
  /** Somebody gave up a seat, or lost it. */
  left: { user_id: string; reason: string };
  /** `offer`, `answer`, `ice-candidate`, `user-joined` and `user-left`. */
  signal: Frame;
  /** A frame of any other name, from another client. */
  frame: Frame;
  /** Back after a break. With `complete` nothing was missed, else `messages` starts anew. */
  recovered: { complete: boolean; messages: readonly RoomMessage[] };
  /** Another connection has taken over, without a break. */
  rotated: You;
  /** A frame that nobody waits for was refused. */
  error: Error;
  ended: Ended;
}

/** A token for the next request; `fresh` where the last one was refused. */
export type TokenProvider = (wanted: { fresh: boolean }) => string | Promise<string>;

/** What a browser's WebSocket is used for. */
export interface SocketLike {
  onopen: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: (() => void) | null;
  send(text: string): void;
  close(): void;
}

/** What the library takes from its surroundings. */
export interface Deps {
  fetch(url: string, init: RequestInit): Promise<Response>;
  connect(url: string): SocketLike;
  setTimeout(call: () => void, milliseconds: number): unknown;
  clearTimeout(timer: any): void;
  now(): number;
  random(): number;
  uuid(): string;
  /** Tells `online` and `offline`. */
  window?: Pick<EventTarget, "addEventListener" | "removeEventListener">;
  /** Tells `visibilitychange`. */
  document?: Pick<EventTarget, "addEventListener" | "removeEventListener"> & { visibilityState: string };
}
