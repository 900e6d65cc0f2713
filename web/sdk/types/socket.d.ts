import { Log } from "./log.js";
import type { Deps, Ended, Frame, Hooks, Line, RequestOptions } from "./wire.js";
export declare class RoomSocket {
    #private;
    log: Log;
    constructor(/** @type {Hooks} */ hooks: Hooks, /** @type {Deps} */ deps: Deps);
    /** Open it with a ticket. */
    start(/** @type {string} */ url: string): void;
    /** Send a frame that nobody answers. */
    send(/** @type {Frame} */ frame: Frame): boolean;
    /** Send a frame, and wait for what answers it. */
    request(/** @type {Frame} */ frame: Frame, /** @type {RequestOptions} */ { again, lane, latest, id }?: RequestOptions): Promise<any>;
    /** Ask for what is missing, and for the room as it is. */
    sync(line?: Line | null): void;
    /** It is over, from here or from there; answers when it can't even take a new seat any more. */
    end(/** @type {Ended} */ ended: Ended): Promise<unknown>;
}
