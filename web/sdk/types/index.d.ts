import type { Deps, Service } from "./wire.js";
export type Api = import("./wire.js").Api;
export type Room = import("./wire.js").Room;
export type RoomState = import("./wire.js").RoomState;
export type RoomMessage = import("./wire.js").RoomMessage;
export type RoomSummary = import("./wire.js").RoomSummary;
export type Participant = import("./wire.js").Participant;
/** @import { Deps, Service } from "./wire.js" */
/** @typedef {import("./wire.js").Api} Api */
/** @typedef {import("./wire.js").Room} Room */
/** @typedef {import("./wire.js").RoomState} RoomState */
/** @typedef {import("./wire.js").RoomMessage} RoomMessage */
/** @typedef {import("./wire.js").RoomSummary} RoomSummary */
/** @typedef {import("./wire.js").Participant} Participant */
export * from "./errors.js";
export declare class Coworking {
    #private;
    api: import("./wire.js").Api;
    constructor(/** @type {Service} */ service: Service, /** @type {Partial<Deps>} */ deps?: Partial<Deps>);
    /** Take a seat in a room, and connect. */
    enter(/** @type {string} */ id: string, /** @type {{signal?: AbortSignal}} */ { signal }?: {
        signal?: AbortSignal;
    }): Promise<import("./wire.js").Room>;
}
