import type { Deps, Service } from "../public.js";
/** @import { Deps, Service } from "../public.js" */
export * from "./errors.js";
/** The service: its HTTP API, and how to enter a room. */
export declare class Coworking {
    #private;
    /** Every route of the HTTP API. */
    api: import("../public.js").Api;
    /** `deps` replaces parts of the browser: tests use it. */
    constructor(/** @type {Service} */ service: Service, /** @type {Partial<Deps>} */ deps?: Partial<Deps>);
    /**
     * Take a seat in a room and connect to it. `signal` cancels this. If that fails or is aborted, no seat is kept. `invite` is the
     * token of an invitation.
     */
    enter(/** @type {string} */ id: string, /** @type {{signal?: AbortSignal, invite?: string}} */ options?: {
        signal?: AbortSignal;
        invite?: string;
    }): Promise<import("../public.js").Room>;
}
export type * from "../public.js";
