/** What the library takes from its surroundings, a browser or Node. Tests bring their own. */
/** @import { Deps } from "./wire.js" */
import type { Deps } from "./wire.js";
/** @type {Deps} */
export declare const surroundings: Deps;
/** Timers with names: setting one again replaces it. */
export declare class Timers {
    #private;
    constructor(/** @type {Pick<Deps, "setTimeout" | "clearTimeout">} */ deps: Pick<Deps, "setTimeout" | "clearTimeout">);
    has(/** @type {unknown} */ name: unknown): boolean;
    set(/** @type {unknown} */ name: unknown, /** @type {number} */ delay: number, /** @type {() => void} */ call: () => void): void;
    /** One, or all. */
    clear(/** @type {unknown} */ name?: unknown): void;
}
