import type { Api, Deps, Room } from "./wire.js";
/** Take a seat, and wait until the room is here. */
export declare function enter(/** @type {Api} */ api: Api, /** @type {string} */ id: string, /** @type {Deps} */ deps: Deps, /** @type {AbortSignal | undefined} */ signal: AbortSignal | undefined): Promise<Room>;
