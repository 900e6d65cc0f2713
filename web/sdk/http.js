/** The HTTP API. */
import { requireType } from "./deps.js";
import { CoworkingError, NetworkError } from "./errors.js";
import { muted, speaking } from "./participant.js";
/** @import { Call } from "./internal.js" */
/** @import { Api, Deps, Service } from "./public.js" */
/** @import { RoomSummary } from "./wire.js" */

/** @returns {Api} */
export function createApi(/** @type {Service} */ { api, token }, /** @type {Deps} */ deps) {
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

  const query = (/** @type {Record<string, string | number | undefined>} */ fields) => {
    const given = new URLSearchParams(JSON.parse(JSON.stringify(fields))); // without those that are undefined
    return given.size ? `?${given}` : "";
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

  const callRoute = async (/** @type {string} */ method, /** @type {string} */ path, /** @type {Call} */ call = {}) =>
    (await request(method, "/coworking" + path, call)).content;
  const roomPath = (/** @type {string} */ id) => `/rooms/${encodeURIComponent(id)}`;
  /** A route of a room, without a body. */
  const inRoom = (/** @type {string} */ method, path = "") => (/** @type {string} */ id, /** @type {Call=} */ options) => callRoute(method, roomPath(id) + path, options);
  const withKey = (/** @type {Call | undefined} */ options, /** @type {unknown} */ body) => ({ key: deps.uuid(), ...options, body });

  /** @type {Api} */
  const routes = {
    me: (options) => callRoute("GET", "/me", options),
    updateMe: (body, options) => callRoute("PUT", "/me", { ...options, body }),
    async rooms({ limit, cursor, signal } = {}) {
      const { content, link } = await request("GET", "/coworking/rooms" + query({ limit, cursor }), { signal });
      const next = /[?&]cursor=([^&>]*)[^>]*>;\s*rel="?next/.exec(link ?? "")?.[1];
      return { rooms: content, next: next ? decodeURIComponent(next) : null };
    },
    async allRooms(options) {
      const all = /** @type {RoomSummary[]} */ ([]);
      for (let cursor = /** @type {string | null | undefined} */ (undefined); cursor !== null; ) {
        const page = await routes.rooms({ ...options, limit: 100, cursor });
        all.push(...page.rooms);
        cursor = page.next;
      }
      return all;
    },
    createRoom: (room, options) => callRoute("POST", "/rooms", withKey(options, room)),
    room: inRoom("GET"),
    deleteRoom: inRoom("DELETE"),
    join: (id, { expectsSocket, ...options } = {}) => callRoute("POST", roomPath(id) + "/join", { ...options, body: expectsSocket && { expects_socket: true } }),
    leave: inRoom("POST", "/leave"),
    ticket: inRoom("POST", "/ticket"),
    history: (id, { beforeSeq, afterSeq, limit, signal } = {}) =>
      callRoute("GET", `${roomPath(id)}/messages${query({ before_seq: beforeSeq, after_seq: afterSeq, limit })}`, { signal }),
    send: (id, message_text, options) => callRoute("POST", roomPath(id) + "/messages", withKey(options, { message_text })),
    react: (id, emoji, options) => callRoute("POST", roomPath(id) + "/emoji", withKey(options, { emoji })),
    setMuted: (id, isMuted, options) => callRoute("PUT", roomPath(id) + "/mic-toggle", { ...options, body: muted(isMuted) }),
    setSpeaking: (id, isSpeaking, options) => callRoute("PUT", roomPath(id) + "/speaking", { ...options, body: speaking(isSpeaking) }),
    health: async (options) => (await request("GET", "/healthz", { ...options, isPublic: true })).content,
    admin: {
      updateRoom: (id, body, options) => callRoute("PUT", "/admin" + roomPath(id), { ...options, body }),
      toggleRoom: (id, options) => callRoute("PATCH", `/admin${roomPath(id)}/status`, { ...options, once: true }),
      deleteRoom: async (id, options) => void (await callRoute("DELETE", "/admin" + roomPath(id), options)),
    },
  };
  return routes;
}

/** Whether the same call may succeed later. */
export function isTransient(/** @type {CoworkingError} */ error) {
  return error instanceof NetworkError || error.status >= 500;
}
