/** The types inside the library. */
import type { Speech } from "./levels.js";
import type { Peer } from "./peer.js";
import type { Deps, Ended, Frame, KeyOptions, LibraryCode, RoomState } from "./public.js";
import type {
  AckFrame, ByeFrame, ErrorFrame, JoinRoomResponse, PongFrame, RoomMessage, ServerFrame, SnapshotData, SnapshotFrame, WebsocketAccess,
} from "./wire.js";

/** How to call a route. */
export interface Call extends KeyOptions {
  body?: unknown;
  /** The call goes on if the page is closed. */
  keepalive?: boolean;
  /** The route needs no token. */
  isPublic?: boolean;
  /** The call is never repeated. */
  once?: boolean;
}

/** An entry of the log, and the frame that brought it. An entry from a snapshot has no frame. */
export interface Entry {
  seq: number;
  message?: RoomMessage;
  frame?: Frame;
}

/** An event that changes a message. `data` depends on `type`. */
export interface ChangeFrame {
  type: string;
  seq: number;
  data: any;
}

/** What a room does for its socket. */
export interface SocketEvents {
  roomId: string;
  ticket(): Promise<WebsocketAccess>;
  join(): Promise<JoinRoomResponse>;
  status(change: Partial<RoomState>): void;
  /** `entries` are the missed messages. `isComplete` is false if more were missed. */
  snapshot(data: SnapshotData, entries: Entry[], isComplete: boolean): void;
  /** An entry came for the first time. It may wait for the entries before it. */
  arrived(entry: Entry): void;
  /** The log has changed. These entries are next in it: none if an entry waits. */
  entries(entries: Entry[]): void;
  /** A numbered frame that came after a snapshot with its number. */
  late(frame: Frame): void;
  /** Any other frame. */
  frame(frame: Frame): void;
  ended(ended: Ended): void;
}

export type SocketState = "admitting" | "opening" | "live" | "rotating" | "waiting" | "offline" | "ended";

/** What a connection tells. */
export interface ConnectionEvents {
  /** It needs a snapshot: it is open, or some time has passed. */
  sync(connection: Connection): void;
  /** A sync was not answered. */
  syncTimeout(): void;
  receive(connection: Connection, text: string): void;
  /** The connection has worked for a minute. */
  stable(): void;
  /** The connection is unusable. */
  lost(connection: Connection, code: LibraryCode): void;
}

/** The events of a connector, and the calls that it needs. */
export interface ConnectorEvents
  extends Pick<SocketEvents, "ticket" | "join" | "status" | "ended">, Pick<ConnectionEvents, "sync" | "syncTimeout" | "receive"> {
  closed(connection: Connection): void;
}

export interface Connection {
  isClosed: boolean;
  /** The WebSocket was open at some time. */
  wasOpen: boolean;
  send(frame: object): void;
  /** Start to ping: the first snapshot is here. */
  activate(): void;
  close(): void;
  /** Send a ping. Without an answer after 10 seconds, the connection is lost. */
  ping(): void;
  /** The same with 4 seconds. */
  probe(): void;
  /** Ping if it is time. The timers of hidden pages are late; frames are not. */
  pingIfDue(): void;
  /** The ping was answered. */
  endPing(): void;
  /** The service has refused the frame with the id `ref`. */
  refuse(ref: string, code: string): void;
  isSyncing(): boolean;
  /** Ask for the room's state, and for all messages after `asked`. */
  sync(roomId: string, asked: number | null): void;
  /** End the sync that a snapshot answers. Returns null if the snapshot came too late or twice. */
  endSync(ref: string | undefined): { asked: number | null } | null;
}

type HandledFrame = SnapshotFrame | PongFrame | AckFrame | ErrorFrame | ByeFrame;
/** One function for each frame that the socket understands. */
export type Handlers = { [F in HandledFrame as F["type"]]: (connection: Connection, frame: F) => void };

export interface RequestOptions {
  /** Send it again, on any connection, until it is answered. */
  repeat?: boolean;
  /** The requests of one queue are sent one after the other. */
  queue?: string;
  /** It replaces a request of the same type that waits in the queue. */
  latest?: boolean;
  /** After this time without an answer, in milliseconds, it fails and is never sent again. */
  within?: number;
}

export interface PendingRequest {
  frame: Frame & { id: string };
  options: RequestOptions;
  /** How often the service put it off. */
  delays: number;
  /** The connection on which it awaits an answer. */
  connection: Connection | null;
  /** It was sent at least once. */
  isSent: boolean;
  /** The answer to a newer request of the same type. If there is one, the older request is not sent again. */
  successor?: Promise<any>;
  resolve(data: any): void;
  reject(error: Error): void;
}

// Voice

/**
 * What one side of a pair tells the other. `id` numbers its descriptions. `re` is the offer that an answer belongs to; `of` is
 * the description that candidates belong to. An empty signal asks for an offer.
 */
export interface Signal {
  description?: RTCSessionDescriptionInit | null;
  id?: number;
  re?: number;
  candidates?: RTCIceCandidateInit[];
  of?: number;
}

export interface PeerEvents {
  /** Send a signal to the other side. */
  signal(signal: Signal): void;
  /** Their sound arrives. */
  track(track: MediaStreamTrack): void;
  /** `state` may have changed. */
  change(): void;
  /** The connection can't be made or repaired. */
  end(error?: unknown): void;
}

export interface PeerOptions {
  /** The polite side drops its own offer if both sides offer. The other side makes the first offer. */
  polite: boolean;
  /** The sound that they get from us. */
  track: MediaStreamTrack | null;
  on: PeerEvents;
  deps: Pick<Deps, "setTimeout" | "clearTimeout">;
}

/** The loudspeaker for one page. */
export interface Player {
  userId: string;
  isAudible: boolean;
  /** Play their sound. */
  start(track: MediaStreamTrack): void;
  /** Whether to let their sound through. */
  setAudible(isAudible: boolean): void;
  stop(): void;
}

/** This page and another page that it talks to. */
export interface Pair {
  key: string;
  userId: string;
  /** The connection id and the number of their newest frame. */
  connection: string;
  n: number;
  /** The numbers of our attempt to connect and of theirs; 0 if it is not known. */
  session: number;
  remoteSession: number;
  peer: Peer;
  player: Player;
  speech: Speech;
}
