/** The client library of Coworking Rooms. */
import { surroundings } from "./deps.js";
import { createApi } from "./http.js";
import { enter } from "./room.js";
/** @import { Deps, Service } from "./wire.js" */
/** @typedef {import("./wire.js").Api} Api */
/** @typedef {import("./wire.js").Room} Room */
/** @typedef {import("./wire.js").RoomState} RoomState */
/** @typedef {import("./wire.js").RoomMessage} RoomMessage */
/** @typedef {import("./wire.js").RoomSummary} RoomSummary */
/** @typedef {import("./wire.js").Participant} Participant */
export * from "./errors.js";

export class Coworking {
  #deps;

  constructor(/** @type {Service} */ service, /** @type {Partial<Deps>} */ deps = {}) {
    this.#deps = { ...surroundings, ...deps };
    this.api = createApi(service, this.#deps);
  }

  /** Take a seat in a room, and connect. */
  enter(/** @type {string} */ id, /** @type {{signal?: AbortSignal}} */ { signal } = {}) {
    return enter(this.api, id, this.#deps, signal);
  }
}
