/** Every route of the HTTP API. */

import { surroundings } from "./deps.js";
import { CoworkingError, NetworkError, TimeoutError } from "./errors.js";

/** @import { Deps, History, Joined, NewRoom, Profile, RoomChange, RoomDetail, RoomMessage, RoomSummary, Ticket, TokenProvider } from "./wire.js" */

const ATTEMPTS = 3;
const TIMEOUT_MS = 30_000;
const PAUSE_MS = 1_000;

/**
 * @typedef {object} Options
 * @property {AbortSignal} [signal]
 * @property {string} [key] names what is to be done, so that it is done once
 */
/** @typedef {Options & {body?: object, open?: boolean, once?: boolean}} Call */

export class Api {
  /**
   * @param {{api: string, token: TokenProvider}} service
   * @param {Partial<Deps>} [deps]
   */
  constructor({ api, token }, deps) {
    this.base = api.replace(/\/+$/, "");
    this.token = token;
    this.deps = { ...surroundings, ...deps };
  }

  /** @returns {Promise<Profile>} */
  me = (/** @type {Options} */ options = {}) => this.#json("GET", "/me", options);

  /** @returns {Promise<Profile>} */
  updateMe = (/** @type {{name: string, avatar?: string | null}} */ body, /** @type {Options} */ options = {}) =>
    this.#json("PUT", "/me", { ...options, body });

  /**
   * A page of the active rooms, oldest first; `next` is the cursor of the next one.
   * @param {{limit?: number, cursor?: string | null, signal?: AbortSignal}} [page]
   * @returns {Promise<{rooms: RoomSummary[], next: string | null}>}
   */
  async rooms({ limit, cursor, signal } = {}) {
    const answer = await this.#call("GET", "/coworking/rooms" + query({ limit, cursor }), { signal });
    const link = /<([^>]*)>;\s*rel="?next/.exec(answer.headers.get("Link") ?? "");
    const next = link && new URL(link[1], "http://_").searchParams.get("cursor");
    return { rooms: await answer.json(), next };
  }

  /** All pages. @param {Options} [options] */
  async allRooms({ signal } = {}) {
    const all = [];
    let /** @type {string | null} */ cursor = null;
    do {
      const /** @type {{rooms: RoomSummary[], next: string | null}} */ page = await this.rooms({ limit: 100, cursor, signal });
      all.push(...page.rooms);
      cursor = page.next;
    } while (cursor);
    return all;
  }

  /** @returns {Promise<RoomSummary>} */
  createRoom = (/** @type {NewRoom} */ body, /** @type {Options} */ options = {}) =>
    this.#json("POST", "/rooms", { ...this.#named(options), body });

  /** @returns {Promise<RoomDetail>} */
  room = (/** @type {string} */ id, /** @type {Options} */ options = {}) => this.#json("GET", room(id), options);

  /** @returns {Promise<{success: boolean, message: string}>} */
  deleteRoom = (/** @type {string} */ id, /** @type {Options} */ options = {}) => this.#json("DELETE", room(id), options);

  /** @returns {Promise<Joined>} */
  join = (/** @type {string} */ id, /** @type {Options} */ options = {}) => this.#json("POST", room(id) + "/join", options);

  /** @returns {Promise<{success: boolean, message: string}>} */
  leave = (/** @type {string} */ id, /** @type {Options} */ options = {}) => this.#json("POST", room(id) + "/leave", options);

  /** @returns {Promise<Ticket>} */
  ticket = (/** @type {string} */ id, /** @type {Options} */ options = {}) =>
    this.#json("POST", room(id) + "/ticket", options);

  /**
   * @param {string} id
   * @param {{beforeSeq?: number, afterSeq?: number, limit?: number, signal?: AbortSignal}} [page]
   * @returns {Promise<History>}
   */
  history = (id, { beforeSeq, afterSeq, limit, signal } = {}) =>
    this.#json("GET", room(id) + "/messages" + query({ before_seq: beforeSeq, after_seq: afterSeq, limit }), { signal });

  /** @returns {Promise<RoomMessage>} */
  send = (/** @type {string} */ id, /** @type {string} */ text, /** @type {Options} */ options = {}) =>
    this.#json("POST", room(id) + "/messages", { ...this.#named(options), body: { message_text: text } });

  /** @returns {Promise<RoomMessage>} */
  react = (/** @type {string} */ id, /** @type {string} */ emoji, /** @type {Options} */ options = {}) =>
    this.#json("POST", room(id) + "/emoji", { ...this.#named(options), body: { emoji } });

  /** @returns {Promise<{success: boolean, is_muted: boolean}>} */
  setMuted = (/** @type {string} */ id, /** @type {boolean} */ is_muted, /** @type {Options} */ options = {}) =>
    this.#json("PUT", room(id) + "/mic-toggle", { ...options, body: { is_muted } });

  /** @returns {Promise<{success: boolean, is_speaking: boolean}>} */
  setSpeaking = (/** @type {string} */ id, /** @type {boolean} */ is_speaking, /** @type {Options} */ options = {}) =>
    this.#json("PUT", room(id) + "/speaking", { ...options, body: { is_speaking } });

  /** For administrators. */
  admin = {
    /** @returns {Promise<RoomSummary>} */
    updateRoom: (/** @type {string} */ id, /** @type {RoomChange} */ body, /** @type {Options} */ options = {}) =>
      this.#json("PUT", "/admin" + room(id), { ...options, body }),
    /** Opens or closes: never repeated by itself. @returns {Promise<{success: boolean, room_id: string, new_status: string}>} */
    toggleRoom: (/** @type {string} */ id, /** @type {Options} */ options = {}) =>
      this.#json("PATCH", `/admin${room(id)}/status`, { ...options, once: true }),
    /** @returns {Promise<void>} */
    deleteRoom: (/** @type {string} */ id, /** @type {Options} */ options = {}) =>
      this.#json("DELETE", "/admin" + room(id), options),
  };

  /** @returns {Promise<{status: string, version: string}>} */
  async health(/** @type {Options} */ options = {}) {
    return (await this.#call("GET", "/healthz", { ...options, open: true })).json();
  }

  /** @param {Options} options */
  #named(options) {
    return { ...options, key: options.key ?? this.deps.uuid() };
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {Call} call
   */
  async #json(method, path, call) {
    const answer = await this.#call(method, "/coworking" + path, call);
    return answer.status === 204 ? undefined : answer.json();
  }

  /**
   * Call until there is an answer that counts; all that is sent may be sent again.
   * @param {string} method
   * @param {string} path
   * @param {Call} call
   */
  async #call(method, path, call) {
    let fresh = false;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#attempt(method, path, call, fresh);
      } catch (error) {
        if (!(error instanceof CoworkingError)) throw error;
        if (error.status === 401 && !fresh && !call.open) {
          fresh = true;
        } else {
          if (attempt > 1 && error.status === 404 && (method === "DELETE" || error.code === "not_in_room")) {
            return Response.json({ success: true, message: "" }); // the first time did it
          }
          if (call.once || attempt >= ATTEMPTS || !isPassing(error)) throw error;
          await this.#pause(this.deps.random() * PAUSE_MS * 2 ** attempt, call.signal);
        }
      }
    }
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {Call} call
   * @param {boolean} fresh
   */
  async #attempt(method, path, { body, key, signal, open }, fresh) {
    signal?.throwIfAborted();
    const /** @type {Record<string, string>} */ headers = {};
    if (!open) headers.Authorization = `Bearer ${await this.#token(fresh)}`;
    if (body) headers["Content-Type"] = "application/json";
    if (key) headers["Idempotency-Key"] = key;
    const overdue = new AbortController();
    const timer = this.deps.setTimeout(() => overdue.abort(new TimeoutError()), TIMEOUT_MS);
    const stop = () => overdue.abort(signal?.reason);
    signal?.addEventListener("abort", stop);
    try {
      const init = { method, headers, body: body && JSON.stringify(body), signal: overdue.signal };
      const answer = await this.deps.fetch(this.base + path, init);
      const text = await answer.text();
      if (!answer.ok) throw problem(answer, text);
      return new Response(answer.status === 204 ? null : text, answer);
    } catch (error) {
      if (overdue.signal.aborted) throw overdue.signal.reason;
      if (error instanceof CoworkingError) throw error;
      throw new NetworkError({ code: "network", detail: "The service can't be reached" }, { cause: error });
    } finally {
      this.deps.clearTimeout(timer);
      signal?.removeEventListener("abort", stop);
    }
  }

  /** @param {boolean} fresh */
  async #token(fresh) {
    try {
      return await this.token({ fresh });
    } catch (error) {
      if (error instanceof CoworkingError) throw error;
      throw new NetworkError({ code: "no_token", detail: "Signing in failed" }, { cause: error });
    }
  }

  /**
   * @param {number} milliseconds
   * @param {AbortSignal} [signal]
   */
  #pause(milliseconds, signal) {
    return new Promise((resolve, reject) => {
      const timer = this.deps.setTimeout(() => resolve(signal?.removeEventListener("abort", stop)), milliseconds);
      const stop = () => reject((this.deps.clearTimeout(timer), signal?.reason));
      signal?.addEventListener("abort", stop, { once: true });
    });
  }
}

/** Whether the same call may well succeed later. @param {CoworkingError} error */
export function isPassing(error) {
  return error instanceof NetworkError || error.status >= 500;
}

/**
 * @param {Response} answer
 * @param {string} text
 */
function problem(answer, text) {
  let /** @type {any} */ body = {};
  try {
    body = JSON.parse(text);
  } catch {
    // not from the service itself, but from something in between
  }
  const retry_after = body.retry_after ?? (Number(answer.headers.get("Retry-After")) || undefined);
  const code = body.code ?? (answer.status === 401 ? "unauthorized" : `http_${answer.status}`);
  return new CoworkingError({ ...body, code, detail: body.detail ?? body.message, status: answer.status, retry_after });
}

/** @param {string} id */
function room(id) {
  return `/rooms/${encodeURIComponent(id)}`;
}

/** @param {Record<string, string | number | null | undefined>} fields */
function query(fields) {
  const given = Object.entries(fields).filter(([, value]) => value != null);
  return given.length ? `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}` : "";
}
