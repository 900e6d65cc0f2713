import type { Deps, Service } from "../public.js";
export type Api = import("../public.js").Api;
export type Room = import("../public.js").Room;
export type RoomState = import("../public.js").RoomState;
export type Participant = import("../public.js").Participant;
export type RoomMessage = import("../wire.js").RoomMessage;
export type RoomSummary = import("../wire.js").RoomSummary;
/** @import { Deps, Service } from "../public.js" */
/** @typedef {import("../public.js").Api} Api */
/** @typedef {import("../public.js").Room} Room */
/** @typedef {import("../public.js").RoomState} RoomState */
/** @typedef {import("../public.js").Participant} Participant */
/** @typedef {import("../wire.js").RoomMessage} RoomMessage */
/** @typedef {import("../wire.js").RoomSummary} RoomSummary */
export * from "./errors.js";
export declare class Coworking {
    #private;
    api: import("../public.js").Api;
    constructor(/** @type {Service} */ service: Service, /** @type {Partial<Deps>} */ deps?: Partial<Deps>);
    /** Take a seat in a room and connect to it. */
    enter(/** @type {string} */ id: string, /** @type {{signal?: AbortSignal}} */ { signal }?: {
        signal?: AbortSignal;
    }): Promise<import("../public.js").Room>;
}
