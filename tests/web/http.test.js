import assert from "node:assert/strict";
import { test } from "node:test";
import { Service, problem } from "./fakes.js";

/** Call, with all answers to be given in order. */
async function calling(call, ...answers) {
  const service = new Service();
  service.fetch = ((fetch) => (user, url, init) => {
    service.urls = [...(service.urls ?? []), `${init.method} ${url.replace("https://x/api", "")}`];
    service.inits = [...(service.inits ?? []), init];
    return fetch.call(service, user, url, init);
  })(service.fetch);
  service.intercept = () => answers.shift() ?? Response.json({});
  const { coworking } = service.client("ada");
  const outcome = {};
  call(coworking.api).then((value) => (outcome.value = value), (error) => (outcome.error = error));
  await service.clock.until(() => "value" in outcome || "error" in outcome);
  return { service, ...outcome };
}

const down = () => new TypeError("fetch failed");

for (const [name, call, request, body] of [
  ["me", (api) => api.me(), "GET /coworking/me"],
  ["updateMe", (api) => api.updateMe({ name: "Ada" }), "PUT /coworking/me", { name: "Ada" }],
  ["rooms", (api) => api.rooms({ limit: 2, cursor: "a b" }), "GET /coworking/rooms?limit=2&cursor=a+b"],
  ["createRoom", (api) => api.createRoom({ name: "Owls" }), "POST /coworking/rooms", { name: "Owls" }],
  ["room", (api) => api.room("a/b"), "GET /coworking/rooms/a%2Fb"],
  ["deleteRoom", (api) => api.deleteRoom("x"), "DELETE /coworking/rooms/x"],
  ["join", (api) => api.join("x"), "POST /coworking/rooms/x/join"],
  ["leave", (api) => api.leave("x"), "POST /coworking/rooms/x/leave"],
  ["ticket", (api) => api.ticket("x"), "POST /coworking/rooms/x/ticket"],
  ["history", (api) => api.history("x", { afterSeq: 0, limit: 9 }), "GET /coworking/rooms/x/messages?after_seq=0&limit=9"],
  ["send", (api) => api.send("x", "hi"), "POST /coworking/rooms/x/messages", { message_text: "hi" }],
  ["react", (api) => api.react("x", "👏"), "POST /coworking/rooms/x/emoji", { emoji: "👏" }],
  ["setMuted", (api) => api.setMuted("x", true), "PUT /coworking/rooms/x/mic-toggle", { is_muted: true }],
  ["setSpeaking", (api) => api.setSpeaking("x", false), "PUT /coworking/rooms/x/speaking", { is_speaking: false }],
  ["health", (api) => api.health(), "GET /healthz"],
  ["admin.updateRoom", (api) => api.admin.updateRoom("x", { color: "red" }), "PUT /coworking/admin/rooms/x", { color: "red" }],
  ["admin.toggleRoom", (api) => api.admin.toggleRoom("x"), "PATCH /coworking/admin/rooms/x/status"],
  ["admin.deleteRoom", (api) => api.admin.deleteRoom("x"), "DELETE /coworking/admin/rooms/x"],
]) {
  test(`${name} is ${request}`, async () => {
    const { service, error } = await calling(call);
    assert.ifError(error);
    assert.deepEqual(service.urls, [request]);
    const [{ headers, body: sent }] = service.inits;
    assert.equal(headers.Authorization, name === "health" ? undefined : "Bearer ada");
    assert.deepEqual(sent && JSON.parse(sent), body);
    assert.equal(headers["Content-Type"], body && "application/json");
  });
}

test("a problem becomes an error with all its fields", async () => {
  const errors = [{ loc: ["name"], msg: "must not be blank", type: "value_error" }];
  const { error } = await calling((api) => api.createRoom({ name: "" }), problem(422, "invalid_request", { detail: "name must not be blank", errors }));
  assert.equal(error.name, "CoworkingError");
  assert.equal(error.message, "name must not be blank");
  assert.deepEqual({ ...error }, { name: "CoworkingError", code: "invalid_request", detail: error.message, status: 422, errors, retryAfter: undefined });
});

test("an error of API Gateway becomes an error, too", async () => {
  const { error } = await calling((api) => api.me(), Response.json({ message: "Missing Authentication Token" }, { status: 403 }));
  assert.deepEqual([error.code, error.detail], ["http_403", "Missing Authentication Token"]);
});

test("a call without an answer is repeated with the same key", async () => {
  const { service, value } = await calling((api) => api.send("x", "hi"), down(), problem(503, "unavailable"), Response.json({ seq: 7 }));
  assert.equal(value.seq, 7);
  const keys = service.inits.map(({ headers }) => headers["Idempotency-Key"]);
  assert.equal(keys.length, 3);
  assert.equal(new Set(keys).size, 1);
});

test("a key from the application is sent", async () => {
  const { service } = await calling((api) => api.send("x", "hi", { key: "mine" }));
  assert.equal(service.inits[0].headers["Idempotency-Key"], "mine");
});

test("the third attempt is the last", async () => {
  const { service, error } = await calling((api) => api.me(), down(), down(), down());
  assert.equal(error.code, "network");
  assert.equal(service.urls.length, 3);
});

for (const answer of [problem(429, "rate_limited", { retry_after: 5 }), problem(409, "room_full")]) {
  test(`a refused call is not repeated: ${answer.status}`, async () => {
    const { service, error } = await calling((api) => api.join("x"), answer);
    assert.equal(error.status, answer.status);
    assert.equal(error.retryAfter, answer.status === 429 ? 5 : undefined);
    assert.equal(service.urls.length, 1);
  });
}

test("toggleRoom is never repeated", async () => {
  const { service, error } = await calling((api) => api.admin.toggleRoom("x"), down());
  assert.equal(error.code, "network");
  assert.equal(service.urls.length, 1);
});

test("a repeated leave succeeds if the first one had its effect", async () => {
  const { value } = await calling((api) => api.leave("x"), down(), problem(404, "not_in_room"));
  assert.ok(value.success);
  const { error } = await calling((api) => api.leave("x"), problem(404, "not_in_room"));
  assert.equal(error.code, "not_in_room");
});

test("the answer of a proxy counts as no answer", async () => {
  const page = () => new Response("<h1>Sign in to this hotel's network</h1>");
  const { error } = await calling((api) => api.me(), page(), page(), page());
  assert.equal(error.code, "network");
});

test("a call without an answer times out", async () => {
  const service = new Service();
  service.fetch = (_user, _url, { signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  let failure;
  service.client("ada").coworking.api.admin.toggleRoom("x").catch((error) => (failure = error));
  await service.clock.pass(30_001);
  assert.equal(failure.code, "timeout");
});

test("a call can be aborted", async () => {
  const service = new Service();
  const mind = new AbortController();
  const called = service.client("ada").coworking.api.me({ signal: mind.signal });
  mind.abort();
  await assert.rejects(called, { name: "AbortError" });
});

test("an error of the token function becomes no_token", async () => {
  const service = new Service();
  const token = () => Promise.reject(new Error("no sign-in today"));
  let failure;
  service.client("ada", { token }).coworking.api.me().catch((error) => (failure = error));
  await service.clock.until(() => failure);
  assert.equal(failure.code, "no_token");
  assert.equal(failure.cause.message, "no sign-in today");
  assert.deepEqual(service.calls, []);
});

test("allRooms reads page after page, also an empty last one", async () => {
  const page = (rooms, next) =>
    Response.json(rooms, { headers: next ? { Link: `</api/coworking/rooms?limit=100&cursor=${next}>; rel="next"` } : {} });
  const { service, value } = await calling((api) => api.allRooms(), page([{ id: 1 }], "a%3D"), page([{ id: 2 }], "b"), page([]));
  assert.deepEqual(value, [{ id: 1 }, { id: 2 }]);
  assert.deepEqual(service.urls.map((url) => new URLSearchParams(url.split("?")[1]).get("cursor")), [null, "a=", "b"]);
});
