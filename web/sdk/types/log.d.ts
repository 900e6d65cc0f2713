/** @import { Entry, Frame, RoomMessage, SnapshotData } from "./wire.js" */
import type { Entry, Frame, RoomMessage, SnapshotData } from "./wire.js";
/** A room's log as far as it is here: in order, each message once, without holes but for those that the server has too. */
export declare class Log {
    #private;
    /** Up to this number nothing is missing; null before the first snapshot. */
    whole: number | null;
    /** What there is to see. It takes a minute until a number is known to be unused: what comes after it is seen before its turn. */
    messages: readonly RoomMessage[];
    get hasGap(): boolean;
    /** Whether its turn is over. */
    has(/** @type {number} */ seq: number): boolean;
    /** Whether it is to be seen. */
    shows(/** @type {number} */ seq: number): boolean;
    /** Take a message that came by itself; answers what has its turn now. */
    add(/** @type {RoomMessage} */ message: RoomMessage, /** @type {Frame | undefined} */ frame?: Frame | undefined): Entry[];
    /** Take a snapshot that was asked for with the number `asked`. */
    settle(/** @type {SnapshotData} */ { messages, last_seq, recovered }: SnapshotData, /** @type {number | null} */ asked: number | null): {
        complete: boolean;
        shown: Entry[];
    };
    prepend(/** @type {readonly RoomMessage[]} */ earlier: readonly RoomMessage[]): void;
}
