/** What the library uses of a browser or of Node, and small tools: timers, delays, limits, checks. */
/** @import { Deps } from "./public.js" */

/** @type {Deps} */
export const defaultDeps = {
  fetch: (url, init) => fetch(url, init),
  connect: (url) => new WebSocket(url),
  setTimeout: (call, delay) => setTimeout(call, delay),
  clearTimeout: (timer) => clearTimeout(timer),
  now: () => Date.now(),
  random: () => Math.random(),
  // Pages on plain HTTP have no randomUUID.
  uuid: () => crypto.getRandomValues(new Uint32Array(4)).join("-"),
  window: globalThis.window,
  document: globalThis.document,
};

/** A random delay. Its limit doubles with each attempt, up to 30 seconds. */
export const backoff = (/** @type {Deps} */ deps, /** @type {number} */ attempt) =>
  deps.random() * Math.min(30_000, 1_000 * 2 ** attempt);

/** Returns a function that allows an act at most `count` times in `milliseconds`, for each key. */
export function createLimit(/** @type {Pick<Deps, "now">} */ deps, /** @type {number} */ count, /** @type {number} */ milliseconds) {
  let acts = /** @type {{key: string, at: number}[]} */ ([]);

  return (key = "") => {
    const now = deps.now();
    acts = acts.filter(({ at }) => at <= now && now - at < milliseconds);
    if (acts.filter((act) => act.key === key).length >= count) return false;
    acts.push({ key, at: now });
    return true;
  };
}

/** The same as `Promise.withResolvers`, which Node 20 lacks. */
export function withResolvers() {
  const resolvers = /** @type {any} */ ({});
  resolvers.promise = new Promise((resolve, reject) => Object.assign(resolvers, { resolve, reject }));
  return /** @type {{promise: Promise<any>, resolve: (value: any) => void, reject: (error: unknown) => void}} */ (resolvers);
}

/** Throw a `TypeError` for an argument of a wrong type: it is a mistake in a program, and a repetition does not help. */
export function requireType(/** @type {"string" | "function" | "boolean" | "number"} */ type, /** @type {string} */ name, /** @type {unknown} */ value) {
  if (typeof value !== type || value === "") throw new TypeError(`${name} must be a ${value === "" ? "non-empty " : ""}${type}`);
}

/** Timers with names. A new timer replaces the timer with the same name. */
export function createTimers(/** @type {Pick<Deps, "setTimeout" | "clearTimeout">} */ deps) {
  const running = /** @type {Map<unknown, unknown>} */ (new Map());

  /** Stop one timer. Without a name, stop all. */
  function clear(/** @type {unknown} */ name = undefined) {
    for (const one of name === undefined ? [...running.keys()] : [name]) {
      deps.clearTimeout(running.get(one));
      running.delete(one);
    }
  }

  return {
    clear,
    has: (/** @type {unknown} */ name) => running.has(name),

    set(/** @type {unknown} */ name, /** @type {number} */ delay, /** @type {() => void} */ call) {
      clear(name);
      const fire = () => {
        running.delete(name);
        call();
      };
      running.set(name, deps.setTimeout(fire, delay));
    },
  };
}
