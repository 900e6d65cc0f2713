/** A room as one value, what changes it, and a store to watch it. */
/** @import { Frame, Participant, ParticipantView, RoomState, SnapshotData } from "./wire.js" */
import type { Frame, RoomState, SnapshotData } from "./wire.js";
/** @type {RoomState} */
export declare const EMPTY: RoomState;
/** Whether it tells how somebody or something is now. */
export declare const isState: (/** @type {string} */ type: string) => boolean;
/** A snapshot replaces what was. */
export declare function replace(/** @type {RoomState} */ state: RoomState, /** @type {SnapshotData} */ { room: { participants, ...room }, you }: SnapshotData): RoomState;
/** An event refines it; any other frame leaves it as it is. */
export declare function refine(/** @type {RoomState} */ state: RoomState, /** @type {Frame} */ frame: Frame): RoomState;
/**
 * A value to watch. Who subscribes is called at once, and then once for all changes of a turn.
 * @template T
 */
export declare class Store<T> {
    #private;
    value: Readonly<T>;
    constructor(/** @type {T} */ value: T);
    set(/** @type {T} */ value: T): void;
    subscribe(/** @type {(value: T) => void} */ watch: (value: T) => void): () => undefined;
}
/**
 * Call listeners whose errors are their own.
 * @template T
 */
export declare function call<T>(/** @type {Iterable<(value: T) => void>} */ listeners: Iterable<(value: T) => void>, /** @type {T} */ value: T): void;
