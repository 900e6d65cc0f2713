/** Requests to the HTTP API: with a token, and repeated if there is no answer. */
import { requireType } from "./deps.js";
import { CoworkingError, NetworkError } from "./errors.js";
/** @import { Call } from "./internal.js" */
/** @import { Deps, Service } from "./public.js" */

/** Returns a function that calls a route: its content, and its header `Link`. */
export function createRequest(/** @type {Service} */ { api, token }, /** @type {Deps} */ deps) {
  const ATTEMPTS = 3;
  const TIMEOUT_MS = 30_000;
  const PAUSE_MS = 500;
  requireType("string", "api", api);
  requireType("function", "token", token);
  if (!URL.canParse(api, globalThis.location?.href)) throw new TypeError(`api must be an address like /api or https://HOST/api, not ${api}`);
  const root = api.replace(/\/+$/, "");

  const parse = (/** @type {string} */ text) => {
    try {
      return JSON.parse(text);
    } catch {
      return undefined; // the answer of a proxy
    }
  };

  const authorize = async (/** @type {boolean} */ fresh) => {
    let value;
    try {
      value = await token({ fresh });
    } catch (cause) {
      throw cause instanceof CoworkingError ? cause : new NetworkError({ code: "no_token" }, { cause });
    }
    requireType("string", "The result of token()", value);
    return `Bearer ${value}`;
  };

  const attempt = async (/** @type {string} */ method, /** @type {string} */ path, /** @type {Call} */ call, /** @type {boolean} */ fresh) => {
    const { body, key, signal, isPublic, keepalive } = call;
    const headers = /** @type {Record<string, string>} */ ({});
    if (!isPublic) headers.Authorization = await authorize(fresh);
    if (key) headers["Idempotency-Key"] = key;
    if (body) headers["Content-Type"] = "application/json";
    const timeout = new AbortController();
    const timer = deps.setTimeout(() => timeout.abort(), TIMEOUT_MS);
    try {
      signal?.throwIfAborted();
      const either = AbortSignal.any([timeout.signal, ...(signal ? [signal] : [])]);
      const answer = await deps.fetch(root + path, { method, headers, body: JSON.stringify(body), signal: either, keepalive });
      const content = parse(await answer.text());
      if (!answer.ok) {
        throw new CoworkingError({ code: `http_${answer.status}`, detail: content?.message, ...content, status: answer.status });
      }
      if (!content && answer.status !== 204) throw new TypeError("not JSON");
      return { content, link: answer.headers.get("Link") };
    } catch (cause) {
      if (signal?.aborted) throw signal.reason;
      if (cause instanceof CoworkingError) throw cause;
      throw new NetworkError({ code: timeout.signal.aborted ? "timeout" : "network" }, { cause });
    } finally {
      deps.clearTimeout(timer);
    }
  };

  const request = async (/** @type {string} */ method, /** @type {string} */ path, /** @type {Call} */ call = {}) => {
    let fresh = false;
    for (let tries = 1, mayBeDone = false; ; ) {
      try {
        return await attempt(method, path, call, fresh);
      } catch (error) {
        if (!(error instanceof CoworkingError)) throw error;
        const { status, code } = error;
        if (status === 401 && !fresh && !call.isPublic) {
          fresh = true;
          continue;
        }
        // An earlier attempt did it; its answer was lost.
        if (mayBeDone && status === 404 && (method === "DELETE" || code === "not_in_room")) return { content: { success: true, message: "" }, link: null };
        if (call.once || tries++ === ATTEMPTS || !isTransient(error)) throw error;
        mayBeDone = true;
        await new Promise((resolve) => deps.setTimeout(() => resolve(null), deps.random() * PAUSE_MS * 2 ** tries));
      }
    }
  };

  return request;
}

/** Whether the same call may succeed later. */
export function isTransient(/** @type {CoworkingError} */ error) {
  return error instanceof NetworkError || error.status >= 500;
}
