/** What the library takes from its surroundings: a browser, or Node. Tests bring their own. */

/** @import { Deps, SocketLike } from "./wire.js" */

/** @type {Deps} */
export const surroundings = {
  fetch: (url, init) => globalThis.fetch(url, init),
  connect: (url) => /** @type {SocketLike} */ (/** @type {unknown} */ (new WebSocket(url))),
  setTimeout: (call, milliseconds) => globalThis.setTimeout(call, milliseconds),
  clearTimeout: (timer) => globalThis.clearTimeout(timer),
  now: () => Date.now(),
  random: () => Math.random(),
  uuid: () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join(""),
  window: globalThis.window,
  document: globalThis.document,
};
