/** What the library shows and what goes over the wire. Types only: nothing here is ever loaded. */

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

export interface Done {
  success: boolean;
  message: string;
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
  /** `messages` had been missed. Without `complete` so were others, and `state.messages` starts anew. */
  recovered: { complete: boolean; messages: readonly RoomMessage[] };
  /** Another connection has taken over. */
  reconnected: You;
  /** What nobody waits for was refused. */
  error: Error;
  ended: Ended;
}

/** A token for the next request; `fresh` where the last one was refused. */
export type TokenProvider = (wanted: { fresh: boolean }) => string | Promise<string>;

export interface Service {
  /** Where the HTTP API is: `/api`, or `https://HOST/api`. */
  api: string;
  token: TokenProvider;
}

export interface CallOptions {
  signal?: AbortSignal;
}

export interface KeyOptions extends CallOptions {
  /** Names what is to be done: with the same key it is done once. A new one unless given. */
  key?: string;
}

/**
 * Every route of the HTTP API. What fails throws a `CoworkingError`. What may or may not have arrived is sent again, under
 * the same key, some times.
 */
export interface Api {
  me(options?: CallOptions): Promise<Profile>;
  updateMe(profile: { name: string; avatar?: string | null }, options?: CallOptions): Promise<Profile>;
  /** A page of the active rooms, oldest first, and the cursor of the next one. */
  rooms(page?: CallOptions & { limit?: number; cursor?: string }): Promise<{ rooms: RoomSummary[]; next: string | null }>;
  allRooms(options?: CallOptions): Promise<RoomSummary[]>;
  createRoom(room: NewRoom, options?: KeyOptions): Promise<RoomSummary>;
  room(id: string, options?: CallOptions): Promise<RoomDetail>;
  deleteRoom(id: string, options?: CallOptions): Promise<Done>;
  join(id: string, options?: CallOptions): Promise<Joined>;
  leave(id: string, options?: CallOptions): Promise<Done>;
  ticket(id: string, options?: CallOptions): Promise<Ticket>;
  history(
    id: string,
    page?: CallOptions & { beforeSeq?: number; afterSeq?: number; limit?: number },
  ): Promise<{ messages: RoomMessage[]; has_more: boolean }>;
  send(id: string, text: string, options?: KeyOptions): Promise<RoomMessage>;
  react(id: string, emoji: string, options?: KeyOptions): Promise<RoomMessage>;
  setMuted(id: string, isMuted: boolean, options?: CallOptions): Promise<{ success: boolean; is_muted: boolean }>;
  setSpeaking(id: string, isSpeaking: boolean, options?: CallOptions): Promise<{ success: boolean; is_speaking: boolean }>;
  health(options?: CallOptions): Promise<{ status: string; version: string }>;
  /** For administrators. */
  admin: {
    updateRoom(id: string, change: RoomChange, options?: CallOptions): Promise<RoomSummary>;
    /** Opens or closes. Never sent again by itself. */
    toggleRoom(id: string, options?: CallOptions): Promise<{ success: boolean; room_id: string; new_status: string }>;
    deleteRoom(id: string, options?: CallOptions): Promise<void>;
  };
}

/** A room that was entered. */
export interface Room {
  readonly id: string;
  readonly api: Api;
  readonly state: RoomState;
  /** Be told of the state, now and once for all changes of a turn; what is returned ends it. */
  subscribe(watch: (state: RoomState) => void): () => void;
  /** Be told of what happens; what is returned ends it. */
  on<K extends keyof RoomEvents>(name: K, listener: (detail: RoomEvents[K]) => void): () => void;
  /**
   * Say something. It is sent again until it is acknowledged, over whatever connection, and stored once; until then it is
   * in `state.pending`. What was refused stays there as `failed`.
   */
  say(text: string): Promise<RoomMessage>;
  /** The same with an emoji. */
  react(emoji: string): Promise<RoomMessage>;
  /** Send again what failed. */
  retry(key: string): Promise<RoomMessage>;
  /** Forget what failed. */
  discard(key: string): void;
  setMuted(isMuted: boolean): Promise<void>;
  setSpeaking(isSpeaking: boolean): void;
  /** For each key pressed, as often as you like, and with false when the text is gone. */
  setTyping(isTyping: boolean): void;
  /**
   * Send a frame of your own to the others, or a signal to a user or a connection. It may get lost. Answers whether there
   * is a connection.
   */
  send(type: string, data?: unknown, options?: { to?: string }): boolean;
  /** The same, and wait until it was passed on. Fails with `peer_unavailable` where `to` isn't there. */
  request(type: string, data?: unknown, options?: { to?: string }): Promise<void>;
  /** Read the log further up. Answers whether there is more. */
  loadEarlier(): Promise<boolean>;
  /** Give up the seat. */
  leave(): Promise<void>;
  /** Drop the connection. The seat stays for some seconds. */
  close(): void;
}

/** What a browser's WebSocket is used for. */
export interface SocketLike {
  onopen: ((event: any) => void) | null;
  onmessage: ((event: any) => void) | null;
  onclose: ((event: any) => void) | null;
  send(text: string): void;
  close(): void;
}

type Listened = Pick<EventTarget, "addEventListener" | "removeEventListener">;

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
  window?: Listened;
  /** Tells `visibilitychange`. */
  document?: Listened & { readonly visibilityState: string };
}

// Inside the library

export interface Call extends KeyOptions {
  body?: unknown;
  /** Needs no token. */
  isOpen?: boolean;
  /** Must not be repeated. */
  once?: boolean;
}

/** A message, and the frame that brought it, unless a snapshot did. */
export interface Entry {
  message: RoomMessage;
  frame?: Frame;
}

/** What a room has to do with its socket. */
export interface Hooks {
  roomId: string;
  ticket(): Promise<Ticket>;
  join(): Promise<Joined>;
  status(connection: Connection, retryAt: number | null): void;
  /** `shown` is what was missed; `complete` says whether that is all. */
  snapshot(data: SnapshotData, shown: Entry[], complete: boolean): void;
  /** What has its turn. */
  shown(entries: Entry[]): void;
  /** A numbered frame whose turn is over. */
  late(frame: Frame): void;
  /** Everything else. */
  frame(frame: Frame): void;
  ended(ended: Ended): void;
}

/** One WebSocket. */
export interface Line {
  socket: SocketLike;
  timers: import("./deps.js").Timers;
  isGone: boolean;
  /** The sync under way, and the number with which it asked. */
  sync: { id: string; asked: number | null } | null;
  /** The last ping: its name, and when. */
  ping: string;
  pinged: number;
  pings: number;
  /** How often it was us who came too late to hear a pong. */
  doubts: number;
}

export interface RequestOptions {
  /** Repeat it until it is answered, over whatever line. */
  again?: boolean;
  /** Those of one lane go one after the other. */
  lane?: string;
  /** In place of what waits in the lane with the same type. */
  latest?: boolean;
  id?: string;
}

export interface Pledge {
  frame: Frame & { id: string };
  again: boolean;
  lane: string | undefined;
  tries: number;
  /** Over which it went, and is waited for. */
  line: Line | null;
  resolve(data: any): void;
  reject(error: Error): void;
}
