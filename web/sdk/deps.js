/** What the library takes from its surroundings, a browser or Node. Tests bring their own. */
/** @import { Deps } from "./wire.js" */

/** @type {Deps} */
export const surroundings = {
  fetch: (url, init) => fetch(url, init),
  connect: (url) => new WebSocket(url),
  setTimeout: (call, delay) => setTimeout(call, delay),
  clearTimeout: (timer) => clearTimeout(timer),
  now: () => Date.now(),
  random: () => Math.random(),
  // randomUUID is missing where a page came over plain HTTP.
  uuid: () => crypto.getRandomValues(new Uint32Array(4)).join("-"),
  window: globalThis.window,
  document: globalThis.document,
};

/** Timers with names: setting one again replaces it. */
export class Timers {
  #running = /** @type {Map<unknown, unknown>} */ (new Map());
  #deps;

  constructor(/** @type {Pick<Deps, "setTimeout" | "clearTimeout">} */ deps) {
    this.#deps = deps;
  }

  has(/** @type {unknown} */ name) {
    return this.#running.has(name);
  }

  set(/** @type {unknown} */ name, /** @type {number} */ delay, /** @type {() => void} */ call) {
    this.clear(name);
    const fire = () => {
      this.#running.delete(name);
      call();
    };
    this.#running.set(name, this.#deps.setTimeout(fire, delay));
  }

  /** One, or all. */
  clear(/** @type {unknown} */ name = undefined) {
    for (const one of name === undefined ? [...this.#running.keys()] : [name]) {
      this.#deps.clearTimeout(this.#running.get(one));
      this.#running.delete(one);
    }
  }
}
