/** The client library of Coworking Rooms. */
import { defaultDeps } from "./deps.js";
import { createApi } from "./http.js";
import { enter } from "./room.js";
/** @import { Deps, Service } from "./public.js" */
/** @typedef {import("./public.js").Api} Api */
/** @typedef {import("./public.js").Room} Room */
/** @typedef {import("./public.js").RoomState} RoomState */
/** @typedef {import("./public.js").Participant} Participant */
/** @typedef {import("./wire.js").RoomMessage} RoomMessage */
/** @typedef {import("./wire.js").RoomSummary} RoomSummary */
export * from "./errors.js";

export class Coworking {
  #deps;

  constructor(/** @type {Service} */ service, /** @type {Partial<Deps>} */ deps = {}) {
    this.#deps = { ...defaultDeps, ...deps };
    this.api = createApi(service, this.#deps);
  }

  /** Take a seat in a room and connect to it. */
  enter(/** @type {string} */ id, /** @type {{signal?: AbortSignal}} */ { signal } = {}) {
    return enter(this.api, id, this.#deps, signal);
  }
}
