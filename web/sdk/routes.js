/** The routes of the HTTP API. */
import { createRequest } from "./http.js";
import { muted, speaking } from "./participant.js";
/** @import { Call } from "./internal.js" */
/** @import { Api, Deps, Service } from "./public.js" */
/** @import { RoomSummary } from "./wire.js" */

function query(/** @type {Record<string, string | number | undefined>} */ fields) {
  const given = new URLSearchParams(JSON.parse(JSON.stringify(fields))); // without those that are undefined
  return given.size ? `?${given}` : "";
}

/** @returns {Api} */
export function createApi(/** @type {Service} */ service, /** @type {Deps} */ deps) {
  const request = createRequest(service, deps);
  const callRoute = async (/** @type {string} */ method, /** @type {string} */ path, /** @type {Call} */ call = {}) =>
    (await request(method, "/coworking" + path, call)).content;
  const roomPath = (/** @type {string} */ id) => `/rooms/${encodeURIComponent(id)}`;
  const messagePath = (/** @type {string} */ id, /** @type {number} */ seq) => `${roomPath(id)}/messages/${seq}`;
  const userPath = (/** @type {string} */ id, /** @type {string} */ kind, /** @type {string} */ user) => `${roomPath(id)}/${kind}/${encodeURIComponent(user)}`;
  /** A route of a room, without a body. */
  const inRoom = (/** @type {string} */ method, path = "") => (/** @type {string} */ id, /** @type {Call=} */ options) => callRoute(method, roomPath(id) + path, options);
  const withKey = (/** @type {Call | undefined} */ options, /** @type {unknown} */ body) => ({ key: deps.uuid(), ...options, body });

  /** @type {Api} */
  const routes = {
    me: (options) => callRoute("GET", "/me", options),
    updateMe: (body, options) => callRoute("PUT", "/me", { ...options, body }),
    exportMe: ({ cursor, signal } = {}) => callRoute("GET", "/me/export" + query({ cursor }), { signal }),
    deleteMe: (options) => callRoute("DELETE", "/me", options),
    myRooms: (options) => callRoute("GET", "/me/rooms", options),
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
    updateRoom: (id, body, options) => callRoute("PATCH", roomPath(id), { ...options, body }),
    deleteRoom: inRoom("DELETE"),
    join: (id, { expectsSocket, invite, ...options } = {}) =>
      callRoute("POST", roomPath(id) + "/join", { ...options, body: (expectsSocket || invite) && { expects_socket: expectsSocket, invite } }),
    leave: inRoom("POST", "/leave"),
    ticket: inRoom("POST", "/ticket"),
    history: (id, { beforeSeq, afterSeq, limit, signal } = {}) =>
      callRoute("GET", `${roomPath(id)}/messages${query({ before_seq: beforeSeq, after_seq: afterSeq, limit })}`, { signal }),
    entries: (id, { afterSeq, limit, signal } = {}) =>
      callRoute("GET", `${roomPath(id)}/entries${query({ after_seq: afterSeq, limit })}`, { signal }),
    send: (id, message_text, { replyTo: reply_to, mentions, ...options } = {}) =>
      callRoute("POST", roomPath(id) + "/messages", withKey(options, { message_text, reply_to, mentions })),
    editMessage: (id, seq, message_text, { mentions, ...options } = {}) =>
      callRoute("PATCH", messagePath(id, seq), withKey(options, { message_text, mentions })),
    deleteMessage: async (id, seq, options) => void (await callRoute("DELETE", messagePath(id, seq), options)),
    reactTo: (id, seq, emoji, on = true, options = {}) =>
      callRoute(on ? "PUT" : "DELETE", `${messagePath(id, seq)}/reactions/${encodeURIComponent(emoji)}`, options),
    report: (id, seq, { reason, ...options } = {}) => callRoute("POST", messagePath(id, seq) + "/report", withKey(options, { reason })),
    react: (id, emoji, options) => callRoute("POST", roomPath(id) + "/emoji", withKey(options, { emoji })),
    setMuted: (id, isMuted, options) => callRoute("PUT", roomPath(id) + "/mic-toggle", { ...options, body: muted(isMuted) }),
    setSpeaking: (id, isSpeaking, options) => callRoute("PUT", roomPath(id) + "/speaking", { ...options, body: speaking(isSpeaking) }),
    roles: (id, { cursor, signal } = {}) => callRoute("GET", `${roomPath(id)}/roles${query({ cursor })}`, { signal }),
    setRole: (id, user, role, options) => callRoute("PUT", userPath(id, "roles", user), { ...options, body: { role } }),
    removeRole: async (id, user, options) => void (await callRoute("DELETE", userPath(id, "roles", user), options)),
    offerOwner: (id, user_id, options) => callRoute("POST", roomPath(id) + "/owner", { ...options, body: { user_id } }),
    acceptOwner: inRoom("POST", "/owner/accept"),
    moderate: (id, action, { userId: user_id, reason, seconds, ...options } = {}) =>
      callRoute("POST", roomPath(id) + "/moderation", { ...options, body: { action, user_id, reason, seconds } }),
    bans: (id, { cursor, signal } = {}) => callRoute("GET", `${roomPath(id)}/bans${query({ cursor })}`, { signal }),
    audit: (id, { cursor, limit, signal } = {}) => callRoute("GET", `${roomPath(id)}/audit${query({ cursor, limit })}`, { signal }),
    invites: inRoom("GET", "/invites"),
    createInvite: (id, { role, uses, expiresIn: expires_in, ...options } = {}) =>
      callRoute("POST", roomPath(id) + "/invites", { ...options, body: { role, uses, expires_in } }),
    revokeInvite: async (id, invite, options) => void (await callRoute("DELETE", userPath(id, "invites", invite), options)),
    invite: (token, options) => callRoute("GET", `/invites/${encodeURIComponent(token)}`, options),
    knock: inRoom("POST", "/knock"),
    knockState: inRoom("GET", "/knock"),
    knocks: inRoom("GET", "/knocks"),
    answerKnock: (id, user, admit, options) => callRoute("POST", userPath(id, "knocks", user), { ...options, body: { admit } }),
    health: async (options) => (await request("GET", "/healthz", { ...options, isPublic: true })).content,
    admin: {
      updateRoom: (id, body, options) => callRoute("PUT", "/admin" + roomPath(id), { ...options, body }),
      toggleRoom: (id, options) => callRoute("PATCH", `/admin${roomPath(id)}/status`, { ...options, once: true }),
      deleteRoom: async (id, options) => void (await callRoute("DELETE", "/admin" + roomPath(id), options)),
      bans: ({ cursor, signal } = {}) => callRoute("GET", "/admin/bans" + query({ cursor }), { signal }),
      ban: (user, { reason, seconds, ...options } = {}) =>
        callRoute("PUT", `/admin/bans/${encodeURIComponent(user)}`, { ...options, body: { reason, seconds } }),
      reports: ({ state, cursor, limit, signal } = {}) =>
        callRoute("GET", "/admin/reports" + query({ state, cursor, limit }), { signal }),
      decideReport: (report, state, options) =>
        callRoute("POST", `/admin/reports/${encodeURIComponent(report)}`, { ...options, body: { state } }),
      unban: async (user, options) => void (await callRoute("DELETE", `/admin/bans/${encodeURIComponent(user)}`, options)),
    },
  };
  return routes;
}
