import assert from "node:assert/strict";
import { test } from "node:test";
import { Service, problem } from "./fakes.js";

/** Call a service that gives these answers in order. Returns the calls, and the outcome of the last one. */
async function runCall(call, ...answers) {
  const service = new Service();
  service.intercept = () => answers.shift() ?? Response.json({});
  const { coworking } = service.client("ada");
  const [{ value, reason: error }] = await service.wait(Promise.allSettled([call(coworking.api)]));
  return { calls: service.calls, value, error };
}

const send = (api) => api.send("x", "hi");
const join = (api) => api.join("x");
const leave = (api) => api.leave("x");
const toggle = (api) => api.admin.toggleRoom("x");
const down = () => new TypeError("fetch failed");
const proxyPage = () => new Response("<h1>Sign in to this hotel's network</h1>");

for (const [name, call, request, body] of [
  ["me", (api) => api.me(), "GET /coworking/me"],
  ["updateMe", (api) => api.updateMe({ name: "Ada" }), "PUT /coworking/me", { name: "Ada" }],
  ["myRooms", (api) => api.myRooms(), "GET /coworking/me/rooms"],
  ["rooms", (api) => api.rooms({ limit: 2, cursor: "a b" }), "GET /coworking/rooms?limit=2&cursor=a+b"],
  ["createRoom", (api) => api.createRoom({ name: "Owls" }), "POST /coworking/rooms", { name: "Owls" }],
  ["room", (api) => api.room("a/b"), "GET /coworking/rooms/a%2Fb"],
  ["updateRoom", (api) => api.updateRoom("x", { color: "red" }), "PATCH /coworking/rooms/x", { color: "red" }],
  ["deleteRoom", (api) => api.deleteRoom("x"), "DELETE /coworking/rooms/x"],
  ["join", (api) => api.join("x"), "POST /coworking/rooms/x/join"],
  ["join of a page", (api) => api.join("x", { expectsSocket: true }), "POST /coworking/rooms/x/join", { expects_socket: true }],
  ["join with an invitation", (api) => api.join("x", { invite: "T" }), "POST /coworking/rooms/x/join", { invite: "T" }],
  ["leave", (api) => api.leave("x"), "POST /coworking/rooms/x/leave"],
  ["ticket", (api) => api.ticket("x"), "POST /coworking/rooms/x/ticket"],
  ["history", (api) => api.history("x", { afterSeq: 0 }), "GET /coworking/rooms/x/messages?after_seq=0"],
  ["entries", (api) => api.entries("x", { afterSeq: 7, limit: 2 }), "GET /coworking/rooms/x/entries?after_seq=7&limit=2"],
  ["send", (api) => api.send("x", "hi"), "POST /coworking/rooms/x/messages", { message_text: "hi" }],
  ["send of a reply", (api) => api.send("x", "hi", { replyTo: 7, mentions: ["ben"] }), "POST /coworking/rooms/x/messages",
    { message_text: "hi", reply_to: 7, mentions: ["ben"] }],
  ["editMessage", (api) => api.editMessage("x", 7, "hi", { mentions: [] }), "PATCH /coworking/rooms/x/messages/7",
    { message_text: "hi", mentions: [] }],
  ["deleteMessage", (api) => api.deleteMessage("x", 7), "DELETE /coworking/rooms/x/messages/7"],
  ["reactTo", (api) => api.reactTo("x", 7, "👏"), "PUT /coworking/rooms/x/messages/7/reactions/%F0%9F%91%8F"],
  ["reactTo, taken back", (api) => api.reactTo("x", 7, "👏", false), "DELETE /coworking/rooms/x/messages/7/reactions/%F0%9F%91%8F"],
  ["report", (api) => api.report("x", 7, { reason: "spam" }), "POST /coworking/rooms/x/messages/7/report", { reason: "spam" }],
  ["react", (api) => api.react("x", "👏"), "POST /coworking/rooms/x/emoji", { emoji: "👏" }],
  ["setMuted", (api) => api.setMuted("x", true), "PUT /coworking/rooms/x/mic-toggle", { is_muted: true }],
  ["setSpeaking", (api) => api.setSpeaking("x", false), "PUT /coworking/rooms/x/speaking", { is_speaking: false }],
  ["exportMe", (api) => api.exportMe({ cursor: "c" }), "GET /coworking/me/export?cursor=c"],
  ["deleteMe", (api) => api.deleteMe(), "DELETE /coworking/me"],
  ["roles", (api) => api.roles("x", { cursor: "c" }), "GET /coworking/rooms/x/roles?cursor=c"],
  ["setRole", (api) => api.setRole("x", "a/b", "moderator"), "PUT /coworking/rooms/x/roles/a%2Fb", { role: "moderator" }],
  ["removeRole", (api) => api.removeRole("x", "ben"), "DELETE /coworking/rooms/x/roles/ben"],
  ["offerOwner", (api) => api.offerOwner("x", "ben"), "POST /coworking/rooms/x/owner", { user_id: "ben" }],
  ["acceptOwner", (api) => api.acceptOwner("x"), "POST /coworking/rooms/x/owner/accept"],
  ["moderate", (api) => api.moderate("x", "kick", { userId: "ben", reason: "no", seconds: 9 }), "POST /coworking/rooms/x/moderation",
    { action: "kick", user_id: "ben", reason: "no", seconds: 9 }],
  ["bans", (api) => api.bans("x", { cursor: "c" }), "GET /coworking/rooms/x/bans?cursor=c"],
  ["audit", (api) => api.audit("x", { limit: 9 }), "GET /coworking/rooms/x/audit?limit=9"],
  ["invites", (api) => api.invites("x"), "GET /coworking/rooms/x/invites"],
  ["createInvite", (api) => api.createInvite("x", { uses: 5, expiresIn: 60 }), "POST /coworking/rooms/x/invites", { uses: 5, expires_in: 60 }],
  ["revokeInvite", (api) => api.revokeInvite("x", "i"), "DELETE /coworking/rooms/x/invites/i"],
  ["invite", (api) => api.invite("T"), "GET /coworking/invites/T"],
  ["knock", (api) => api.knock("x"), "POST /coworking/rooms/x/knock"],
  ["knockState", (api) => api.knockState("x"), "GET /coworking/rooms/x/knock"],
  ["knocks", (api) => api.knocks("x"), "GET /coworking/rooms/x/knocks"],
  ["answerKnock", (api) => api.answerKnock("x", "eve", true), "POST /coworking/rooms/x/knocks/eve", { admit: true }],
  ["health", (api) => api.health(), "GET /healthz"],
  ["admin.updateRoom", (api) => api.admin.updateRoom("x", { color: "red" }), "PUT /coworking/admin/rooms/x",
    { color: "red" }],
  ["admin.toggleRoom", (api) => api.admin.toggleRoom("x"), "PATCH /coworking/admin/rooms/x/status"],
  ["admin.bans", (api) => api.admin.bans({ cursor: "c" }), "GET /coworking/admin/bans?cursor=c"],
  ["admin.ban", (api) => api.admin.ban("eve", { reason: "spam" }), "PUT /coworking/admin/bans/eve", { reason: "spam" }],
  ["admin.reports", (api) => api.admin.reports({ state: "open", cursor: "c" }), "GET /coworking/admin/reports?state=open&cursor=c"],
  ["admin.decideReport", (api) => api.admin.decideReport("r", "removed"), "POST /coworking/admin/reports/r", { state: "removed" }],
  ["admin.unban", (api) => api.admin.unban("eve"), "DELETE /coworking/admin/bans/eve"],
  ["admin.deleteRoom", (api) => api.admin.deleteRoom("x"), "DELETE /coworking/admin/rooms/x"],
])
  test(`${name} is ${request}`, async () => {
    const { calls, error } = await runCall(call);
    assert.ifError(error);
    const sent = calls.map(({ method, path, headers, body }) => [
      `${method} ${path}`, body && JSON.parse(body), headers.Authorization, headers["Content-Type"],
    ]);
    const authorization = name === "health" ? undefined : "Bearer ada";
    assert.deepEqual(sent, [[request, body, authorization, body && "application/json"]]);
  });

test("a problem becomes an error with all its fields", async () => {
  const errors = [{ loc: ["name"], msg: "must not be blank", type: "value_error" }];
  const [code, detail] = ["invalid_request", "name must not be blank"];
  const { error } = await runCall(join, problem(422, code, { detail, errors }));
  assert.equal(error.message, detail);
  assert.deepEqual({ ...error }, { name: "CoworkingError", code, detail, status: 422, errors, retryAfter: undefined, until: undefined });
});

for (const [name, call, answers, error, calls] of [
  ["an error of API Gateway becomes a CoworkingError", join, [Response.json({ message: "No" }, { status: 403 })],
    { code: "http_403", detail: "No" }, 1],
  ["the third attempt is the last", join, [down(), down(), down()], { code: "network" }, 3],
  ["a limited call is not repeated", join, [problem(429, "rate_limited", { retry_after: 5 })],
    { status: 429, retryAfter: 5 }, 1],
  ["a refused call is not repeated", join, [problem(409, "room_full")], { status: 409, retryAfter: undefined }, 1],
  ["toggleRoom is never repeated", toggle, [down()], { code: "network" }, 1],
  ["a leave without a seat fails", leave, [problem(404, "not_in_room")], { code: "not_in_room" }, 1],
  ["the answer of a proxy counts as no answer", join, [proxyPage(), proxyPage(), proxyPage()], { code: "network" }, 3],
])
  test(name, async () => {
    const outcome = await runCall(call, ...answers);
    await assert.rejects(Promise.reject(outcome.error), error);
    assert.equal(outcome.calls.length, calls);
  });

for (const [name, options] of [
  ["without an api", { api: undefined }],
  ["with an api that is no address", { api: "http://" }],
  ["with a path, where there is no page", { api: "/api" }],
  ["with a token instead of a function", { token: "eyJ..." }],
])
  test(`a client ${name} is a TypeError`, () => assert.throws(() => new Service().client("ada", options), TypeError));

for (const token of [undefined, "", { access_token: "x" }])
  test(`a token() that gives ${JSON.stringify(token)} is a TypeError, and asked once`, async () => {
    const service = new Service();
    let asked = 0;
    const { coworking } = service.client("ada", { token: () => (asked++, token) });
    await assert.rejects(coworking.enter("room"), { name: "TypeError", message: /token\(\)/ });
    assert.deepEqual([asked, service.calls], [1, []]);
  });

test("a repeated leave succeeds if the first one had its effect", async () => {
  const { value } = await runCall(leave, down(), problem(404, "not_in_room"));
  assert.ok(value.success);
});

test("a call without an answer is repeated with the same key", async () => {
  const { calls, value } = await runCall(send, down(), problem(503, "unavailable"), Response.json({ seq: 7 }));
  assert.equal(value.seq, 7);
  const keys = calls.map(({ headers }) => headers["Idempotency-Key"]);
  assert.deepEqual([keys.length, new Set(keys).size], [3, 1]);
});

test("a key from the application is sent", async () => {
  const { calls } = await runCall((api) => api.send("x", "hi", { key: "mine" }));
  assert.equal(calls[0].headers["Idempotency-Key"], "mine");
});

test("a call without an answer times out", async () => {
  const service = new Service();
  service.latency = () => 100_000;
  const called = service.wait(service.client("ada").coworking.api.admin.toggleRoom("x"));
  await assert.rejects(called, { code: "timeout" });
  assert.equal(service.clock.now - service.calls[0].at, 30_000);
});

test("a call can be aborted", async () => {
  const controller = new AbortController();
  const called = new Service().client("ada").coworking.api.me({ signal: controller.signal });
  controller.abort();
  await assert.rejects(called, { name: "AbortError" });
});

test("an error of the token function becomes no_token", async () => {
  const service = new Service();
  const cause = new Error("no sign-in today");
  const { coworking } = service.client("ada", { token: () => Promise.reject(cause) });
  await assert.rejects(service.wait(coworking.api.me()), { code: "no_token", cause });
  assert.deepEqual(service.calls, []);
});

test("allRooms reads all pages, also an empty last one", async () => {
  const link = (cursor) => `</api/coworking/rooms?limit=100&cursor=${cursor}>; rel="next"`;
  const page = (rooms, next) => Response.json(rooms, { headers: next ? { Link: link(next) } : {} });
  const { calls, value } = await runCall((api) => api.allRooms(), page([1], "a%3D"), page([2], "b"), page([]));
  assert.deepEqual(value, [1, 2]);
  assert.deepEqual(calls.map(({ path }) => new URLSearchParams(path.split("?")[1]).get("cursor")), [null, "a=", "b"]);
});
