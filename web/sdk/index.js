/** The client library of Coworking Rooms. */
import { defaultDeps } from "./deps.js";
import { enter } from "./room.js";
import { createApi } from "./routes.js";
/** @import { Deps, Service } from "./public.js" */
export * from "./errors.js";

/** The service: its HTTP API, and how to enter a room. */
export class Coworking {
  #deps;
  /** The seats that are being given up, by room id. */
  #leaving = /** @type {Map<string, Promise<void>>} */ (new Map());

  /** `deps` replaces parts of the browser: tests use it. */
  constructor(/** @type {Service} */ service, /** @type {Partial<Deps>} */ deps = {}) {
    this.#deps = { ...defaultDeps, ...deps };
    /** Every route of the HTTP API. */
    this.api = createApi(service, this.#deps);
  }

  /**
   * Take a seat in a room and connect to it. `signal` cancels this. If that fails or is aborted, no seat is kept. `invite` is the
   * token of an invitation.
   */
  enter(/** @type {string} */ id, /** @type {{signal?: AbortSignal, invite?: string}} */ options = {}) {
    return enter(this.api, id, this.#deps, this.#leaving, options);
  }
}
