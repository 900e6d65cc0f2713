/**
 * Coworking Rooms for browsers.
 *
 *     const coworking = new Coworking({ api: "/api", token: () => "JWT" });
 *     const room = await coworking.enter(id);
 *     room.subscribe((state) => console.log(state.messages));
 *     await room.say("Hello");
 */

import { surroundings } from "./deps.js";
import { Api } from "./http.js";
import { Room } from "./room.js";

/** @import { Deps, TokenProvider } from "./wire.js" */
/** @typedef {import("./wire.js").RoomState} RoomState */
/** @typedef {import("./wire.js").RoomMessage} RoomMessage */
/** @typedef {import("./wire.js").RoomSummary} RoomSummary */
/** @typedef {import("./wire.js").Participant} Participant */

export * from "./errors.js";
export { Api, Room };

export class Coworking {
  /**
   * @param {{api: string, token: TokenProvider}} service where the API is, and a token for each request
   * @param {Partial<Deps>} [deps]
   */
  constructor(service, deps) {
    this.deps = { ...surroundings, ...deps };
    this.api = new Api(service, this.deps);
  }

  /**
   * Take a seat in a room and connect.
   * @param {string} roomId
   * @param {{signal?: AbortSignal}} [options]
   */
  enter(roomId, options) {
    return Room.enter(this.api, roomId, this.deps, options);
  }
}
