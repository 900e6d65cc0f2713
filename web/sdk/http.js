/** The HTTP API. */
import { CoworkingError, NetworkError } from "./errors.js";
/** @import { Api, Call, Deps, RoomSummary, Service } from "./wire.js" */

const ATTEMPTS = 3;
const TIMEOUT_MS = 30_000;
const PAUSE_MS = 500;

/** @returns {Api} */
export function createApi(/** @type {Service} */ { api, token }, /** @type {Deps} */ deps) {
  const root = api.replace(/\/+$/, "");

  async function authorize(/** @type {boolean} */ fresh) {
    try {
      return `Bearer ${await token({ fresh })}`;
    } catch (cause) {
      throw cause instanceof CoworkingError ? cause : new NetworkError({ code: "no_token", detail: "Signing in failed" }, { cause });
    }
  }

  async function attempt(/** @type {string} */ method, /** @type {string} */ path, /** @type {Call} */ call, /** @type {boolean} */ fresh) {
    const { body, key, signal, isOpen } = call;
    const headers = /** @type {Record<string, string>} */ ({});
    if (!isOpen) headers.Authorization = await authorize(fresh);
    if (key) headers["Idempotency-Key"] = key;
    if (body) headers["Content-Type"] = "application/json";
    const overdue = new AbortController();
    const timer = deps.setTimeout(() => overdue.abort(), TIMEOUT_MS);
    try {
      signal?.throwIfAborted();
      const either = AbortSignal.any([overdue.signal, ...(signal ? [signal] : [])]);
      const answer = await deps.fetch(root + path, { method, headers, body: JSON.stringify(body), signal: either });
      const content = parse(await answer.text());
      if (!answer.ok) {
        throw new CoworkingError({ code: `http_${answer.status}`, detail: content?.message, ...content, status: answer.status });
      }
      if (!content && answer.status !== 204) throw new TypeError("not JSON");
      return { content, link: answer.headers.get("Link") };
    } catch (cause) {
      if (signal?.aborted) throw signal.reason;
      if (cause instanceof CoworkingError) throw cause;
      const code = overdue.signal.aborted ? "timeout" : "network";
      throw new NetworkError({ code, detail: "The service can't be reached" }, { cause });
    } finally {
      deps.clearTimeout(timer);
    }
  }

  async function request(/** @type {string} */ method, /** @type {string} */ path, /** @type {Call} */ call = {}) {
    let fresh = false;
    for (let tries = 1, isDoubtful = false; ; ) {
      try {
        return await attempt(method, path, call, fresh);
      } catch (error) {
        if (!(error instanceof CoworkingError)) throw error;
        const { status, code } = error;
        if (status === 401 && !fresh && !call.isOpen) {
          fresh = true;
          continue;
        }
        // The first time did it, just nobody heard.
        if (isDoubtful && status === 404 && (method === "DELETE" || code === "not_in_room")) return { content: { success: true, message: "" }, link: null };
        if (call.once || tries++ === ATTEMPTS || !isPassing(error)) throw error;
        isDoubtful = true;
        await new Promise((resolve) => deps.setTimeout(() => resolve(null), deps.random() * PAUSE_MS * 2 ** tries));
      }
    }
  }

  const ask = async (/** @type {string} */ method, /** @type {string} */ path, /** @type {Call} */ call = {}) =>
    (await request(method, "/coworking" + path, call)).content;
  const at = (/** @type {string} */ id) => `/rooms/${encodeURIComponent(id)}`;
  const named = (/** @type {Call | undefined} */ options, /** @type {unknown} */ body) => ({ key: deps.uuid(), ...options, body });

  /** @type {Api} */
  const routes = {
    me: (options) => ask("GET", "/me", options),
    updateMe: (body, options) => ask("PUT", "/me", { ...options, body }),
    async rooms({ limit, cursor, signal } = {}) {
      const { content, link } = await request("GET", "/coworking/rooms" + query({ limit, cursor }), { signal });
      const next = /<([^>]*)>;\s*rel="?next/.exec(link ?? "")?.[1];
      return { rooms: content, next: next ? new URL(next, "http://_").searchParams.get("cursor") : null };
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
    createRoom: (room, options) => ask("POST", "/rooms", named(options, room)),
    room: (id, options) => ask("GET", at(id), options),
    deleteRoom: (id, options) => ask("DELETE", at(id), options),
    join: (id, options) => ask("POST", at(id) + "/join", options),
    leave: (id, options) => ask("POST", at(id) + "/leave", options),
    ticket: (id, options) => ask("POST", at(id) + "/ticket", options),
    history: (id, { beforeSeq, afterSeq, limit, signal } = {}) =>
      ask("GET", `${at(id)}/messages${query({ before_seq: beforeSeq, after_seq: afterSeq, limit })}`, { signal }),
    send: (id, message_text, options) => ask("POST", at(id) + "/messages", named(options, { message_text })),
    react: (id, emoji, options) => ask("POST", at(id) + "/emoji", named(options, { emoji })),
    setMuted: (id, is_muted, options) => ask("PUT", at(id) + "/mic-toggle", { ...options, body: { is_muted } }),
    setSpeaking: (id, is_speaking, options) => ask("PUT", at(id) + "/speaking", { ...options, body: { is_speaking } }),
    health: async (options) => (await request("GET", "/healthz", { ...options, isOpen: true })).content,
    admin: {
      updateRoom: (id, body, options) => ask("PUT", "/admin" + at(id), { ...options, body }),
      toggleRoom: (id, options) => ask("PATCH", `/admin${at(id)}/status`, { ...options, once: true }),
      deleteRoom: async (id, options) => void (await ask("DELETE", "/admin" + at(id), options)),
    },
  };
  return routes;
}

/** Whether the same call may well succeed later. */
export function isPassing(/** @type {CoworkingError} */ error) {
  return error instanceof NetworkError || error.status >= 500;
}

function parse(/** @type {string} */ text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // from something in between
  }
}

function query(/** @type {Record<string, string | number | undefined>} */ fields) {
  const given = Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]]));
  return given.length ? `?${new URLSearchParams(given)}` : "";
}
