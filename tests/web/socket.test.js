import assert from "node:assert/strict";
import { test } from "node:test";
import { Service, createRandom, enterRoom, findPerson, ids, problem, settle, texts } from "./fakes.js";

// Entering

for (const [code, status] of [["room_full", 409], ["room_inactive", 409], ["room_not_found", 404], ["forbidden", 403]])
  test(`enter fails with the code of the service: ${code}`, async () => {
    const service = new Service();
    service.intercept = () => problem(status, code);
    await assert.rejects(service.enter("ada"), { name: "CoworkingError", code, status });
    assert.deepEqual([service.connections, service.paths], [[], ["/join"]]);
  });

for (const [name, hasConnected, disturb] of [
  ["connects", true, (service, abort) => {
    service.refuseSockets = true;
    service.clock.set(abort, 1000);
  }],
  ["joins", false, (service, abort) => service.clock.set(abort, 10)],
])
  test(`enter can be aborted while it ${name}`, async () => {
    const service = new Service();
    const controller = new AbortController();
    disturb(service, () => controller.abort());
    const entered = service.client("ada").coworking.enter("room", { signal: controller.signal });
    await assert.rejects(service.wait(entered), { name: "AbortError" });
    const { length } = service.openedAt;
    assert.equal(length > 0, hasConnected);
    await service.clock.pass(120_000);
    assert.equal(service.openedAt.length, length);
    assert.deepEqual([[...service.seats], service.paths.at(-1)], [[], "/leave"]);
  });

for (const [name, disturb, seconds] of [
  ["is refused", (service) => (service.refuseSockets = true), 10],
  ["hangs", (service) => (service.connect = () => ({ close() {} })), 21],
])
  test(`enter says that WebSockets are blocked, if each ${name}`, async () => {
    const service = new Service();
    disturb(service);
    const start = service.clock.now;
    await assert.rejects(service.enter("ada"), { code: "websocket_blocked", message: /^Your network seems to block WebSockets/ });
    assert.ok(service.clock.now - start <= seconds * 1000);
    await service.clock.pass(60_000);
    assert.deepEqual([[...service.seats], service.paths.filter((path) => path === "/leave").length], [[], 1]);
  });

test("enter keeps no seat where WebSocket is missing, as in Node 20", async () => {
  const service = new Service();
  service.connect = () => {
    throw new ReferenceError("WebSocket is not defined");
  };
  await assert.rejects(service.enter("ada"), ReferenceError);
  await service.clock.pass(1_000);
  assert.deepEqual([...service.seats], []);
});

test("a seat that the user had before is kept if connecting fails", async () => {
  const service = new Service();
  service.seat("ada");
  service.refuseSockets = true;
  await assert.rejects(service.enter("ada"));
  await service.clock.pass(60_000);
  assert.deepEqual([...service.seats], ["ada"]);
});

test("an enter after an aborted one keeps its seat", async () => {
  const service = new Service();
  service.latency = (path) => (path === "/leave" ? 500 : 20);
  const { coworking } = service.client("ada");
  const controller = new AbortController();
  const first = assert.rejects(coworking.enter("room", { signal: controller.signal }), { name: "AbortError" });
  await service.clock.pass(10);
  controller.abort();
  const second = coworking.enter("room");
  await first;
  await assert.rejects(coworking.enter("room", { signal: controller.signal }), { name: "AbortError" });
  assert.equal((await service.wait(second)).state.connection, "live");
  await service.clock.pass(60_000);
  assert.deepEqual([[...service.seats], service.paths], [["ada"], ["/join", "/leave", "/join"]]);
});

test("a page that closes while it connects gives up the seat", async () => {
  const service = new Service();
  const { coworking, window } = service.client("ada");
  service.divert("sync");
  const entered = assert.rejects(coworking.enter("room"), { code: "closed" });
  await service.clock.pass(1_000);
  window.dispatchEvent(new Event("pagehide"));
  await entered;
  const [join, { path, keepalive }] = service.calls;
  assert.deepEqual([join.body, path, keepalive], ['{"expects_socket":true}', "/leave", true]);
});

test("a page that closes with a new seat in a room gives it up", async () => {
  const { service, window } = await enterRoom();
  service.divert("sync");
  service.unseat("ada", "timed_out");
  await service.clock.until(() => service.paths.length === 2);
  await service.clock.pass(1_000);
  window.dispatchEvent(new Event("pagehide"));
  await service.clock.pass(1_000);
  assert.deepEqual([service.paths, [...service.seats]], [["/join", "/join", "/leave"], []]);
});

test("a page that closes in a room keeps the seat for the grace", async () => {
  const { service, window, room } = await enterRoom();
  window.dispatchEvent(new Event("pagehide"));
  await service.clock.pass(1_000);
  assert.deepEqual([room.state.connection, service.paths], ["live", ["/join"]]);
});

test("a room works without Promise.withResolvers", async (context) => {
  const { withResolvers } = Promise;
  context.after(() => (Promise.withResolvers = withResolvers));
  delete Promise.withResolvers;
  const { service, room } = await enterRoom();
  assert.equal((await service.wait(room.say("Tea?"))).text, "Tea?");
});

test("enter fails if the room does not answer", async () => {
  const service = new Service();
  service.divert("sync");
  await assert.rejects(service.enter("ada"), { code: "timeout" });
  assert.deepEqual(service.connections, []);
});

test("the first frame is a sync with the room id", async () => {
  const { service, room } = await enterRoom();
  const sent = service.frames.map(({ type, roomId, data }) => ({ type, roomId, data }));
  assert.deepEqual(sent, [{ type: "sync", roomId: room.id, data: { last_seq: null } }]);
});

// Pings and syncs

test("a ping every 30 s keeps the seat; every tenth causes a sync", async () => {
  const { service } = await enterRoom();
  const entered = service.clock.now;
  await service.clock.pass(601_000);
  const seconds = service.sent("ping").map(({ at }) => Math.floor((at - entered) / 1000));
  assert.deepEqual(seconds, Array.from({ length: 20 }, (_, n) => 30 * (n + 1)));
  assert.equal(service.sent("sync").length, 3);
});

test("a hidden page with late timers pings when a frame comes", async () => {
  const { service } = await enterRoom();
  service.clock.sleep(30_000);
  const sent = [];
  service.carry = (direction) => sent.push(direction);
  for (let time = 0; time < 2; time++) service.connections[0].onmessage({ data: '{"type": "wave"}' });
  assert.deepEqual(sent, ["up"]);
});

test("a refused ping is an answer", async () => {
  const { service } = await enterRoom();
  service.refuse("ping", Infinity, { code: "unavailable" });
  await service.clock.pass(300_000);
  assert.equal(service.openedAt.length, 1);
});

test("after a sleep, another ping tests the connection", async () => {
  const { service, room } = await enterRoom();
  await service.clock.until(() => service.sent("ping").length);
  service.clock.sleep(50_000); // the pong and the timer that waits for it are both due
  await service.clock.pass(5_000);
  assert.equal(room.state.connection, "live");
  assert.equal(service.openedAt.length, 1);
});

test("after two sleeps without a pong, the connection is given up", async () => {
  const { service, room } = await enterRoom();
  service.network = () => [];
  await service.clock.pass(30_000);
  for (let time = 0; time < 2; time++) {
    service.clock.sleep(60_000);
    await service.clock.pass(1);
  }
  assert.equal(room.state.connection, "reconnecting");
});

test("a snapshot for another sync is ignored", async () => {
  const { service, room } = await enterRoom();
  service.divert("sync", 1, (connection, frame) => {
    const data = { room: { participants: [] }, you: {}, messages: [], recovered: false, last_seq: 0 };
    service.post(connection, { type: "snapshot", ref: "another", data });
    service.network = () => [50];
    service.receive(connection, frame);
  });
  service.allocate();
  service.say("grace", "hi");
  await service.clock.pass(240);
  assert.deepEqual(ids(room), ["ada"]);
});

// Reconnecting

test("a lost connection is replaced, and the seat stays", async () => {
  const { service, room, until } = await enterRoom();
  service.dropAll();
  service.say("grace", "meanwhile");
  await settle();
  assert.equal(room.state.connection, "reconnecting");
  assert.ok(room.state.retryAt >= service.clock.now);
  await until("live");
  assert.equal(room.state.retryAt, null);
  assert.deepEqual(service.paths, ["/join", "/ticket"]);
  assert.deepEqual(service.sent("sync").map(({ data }) => data.last_seq), [null, 1]);
  assert.equal(texts(room).at(-1), "meanwhile");
});

const changeVisibility = (document) => document.dispatchEvent(new Event("visibilitychange"));

for (const [code, seconds, act] of [
  ["transport_closed", 0, ({ service }) => service.dropAll()],
  ["no_pong", 40, ({ service }) => (service.network = () => [])],
  ["no_pong", 4, ({ service, document }) => ((service.network = () => []), changeVisibility(document))],
  ["rate_limited", 0, ({ service }) => service.bye(service.connections[0], "rate_limited", "reconnect")],
  ["not_in_room", 3, ({ service, room }) => (service.seats.delete("ada"), room.send("wave"))],
  ["no_snapshot", 20, ({ service }) => (service.dropAll(), service.divert("sync"))],
  ["network", 0, ({ service }) => (service.dropAll(), (service.isUp = false))],
])
  test(`the state has the reason of a loss: ${code}, ${seconds} s`, async () => {
    const entered = await enterRoom();
    const { service, room, until } = entered;
    service.random = () => 0;
    assert.equal(room.state.reason, null);
    const start = service.clock.now;
    act(entered);
    await service.clock.until(() => room.state.reason === code);
    assert.equal(Math.floor((service.clock.now - start) / 1000), seconds);
    assert.equal(room.state.connection, "reconnecting");
    Object.assign(service, { network: () => [5], hook: () => false, isUp: true });
    await until("live");
    assert.equal(room.state.reason, null);
    room.close();
    assert.equal(room.state.reason, "closed");
  });

test("the delay is random, and its limit grows to 30 seconds", async () => {
  const { service, room } = await enterRoom();
  const draws = [...Array(8).fill(0.999), 0.1];
  service.random = () => draws[0];
  service.refuseSockets = true;
  service.dropAll();
  const waits = [];
  for (; draws.length; draws.shift()) {
    await service.clock.until(() => room.state.retryAt);
    waits.push(Math.round((room.state.retryAt - service.clock.now) / 1000));
    await service.clock.until(() => !room.state.retryAt);
  }
  assert.deepEqual(waits, [2, 4, 8, 16, 30, 30, 30, 30, 3]);
});

test("200 disconnected clients reconnect spread over time", async () => {
  const service = new Service();
  service.network = (direction, { type }) => (direction === "up" || type === "snapshot" || type === "pong" ? [5] : []);
  const users = Array.from({ length: 200 }, (_, n) => service.client(`user ${n}`).coworking.enter("room"));
  const rooms = await service.wait(Promise.all(users));
  service.openedAt.length = service.calls.length = 0;
  service.isUp = false;
  service.dropAll();
  await service.clock.pass(60_000);
  assert.ok(service.calls.length < 200 * 20, `${service.calls.length} calls`);
  service.isUp = true;
  await service.clock.until(() => rooms.every(({ state }) => state.connection === "live"));
  const seconds = Object.values(Object.groupBy(service.openedAt, (at) => Math.floor(at / 1000)));
  assert.ok(seconds.every(({ length }) => length < 60), `${seconds.map(({ length }) => length)}`);
});

test("after a stable minute the delays start again", async () => {
  const { service, room, until } = await enterRoom();
  service.random = () => 0.999;
  const waits = [];
  for (const minutes of [0, 0, 1, 0]) {
    service.dropAll();
    await settle();
    waits.push(Math.round((room.state.retryAt - service.clock.now) / 1000));
    await until("live");
    await service.clock.pass(minutes * 61_000);
  }
  assert.deepEqual(waits, [2, 4, 8, 2]);
});

for (const [status, code] of [[409, "room_full"], [409, "room_inactive"], [404, "room_not_found"]])
  test(`a room ends with the code of a failed rejoin: ${code}`, async () => {
    const { service, room, until } = await enterRoom();
    service.seats.delete("ada");
    service.intercept = ({ path }) => (path === "/join" ? problem(status, code) : undefined);
    service.dropAll();
    await until("ended");
    assert.deepEqual(room.state.ended, { code, reason: code, action: "stop" });
    const { length } = service.calls;
    await service.clock.pass(600_000);
    assert.equal(service.calls.length, length);
  });

for (const [name, refused, connection, code] of [
  ["a fresh token reconnects", ["Bearer old"], "live", undefined],
  ["a second refused token ends the room", ["Bearer old", "Bearer new"], "ended", "unauthorized"],
])
  test(name, async () => {
    const asked = [];
    const token = ({ fresh }) => (asked.push(fresh), fresh ? "new" : "old");
    const { service, room, until } = await enterRoom({ token });
    const refusal = () => problem(401, "unauthorized");
    service.intercept = ({ headers }) => (refused.includes(headers.Authorization) ? refusal() : undefined);
    service.dropAll();
    await until("reconnecting");
    await until(connection);
    assert.equal(room.state.ended?.code, code);
    assert.deepEqual(asked, [false, false, true]);
  });

test("after 429 the next attempt waits as long as the service says", async () => {
  const { service, until } = await enterRoom();
  const answers = [problem(429, "rate_limited", { retry_after: 40 })];
  service.intercept = () => answers.pop();
  service.dropAll();
  await until("live");
  const [, one, other] = service.calls;
  assert.ok(other.at - one.at >= 40_000);
});

// Events of the browser

test("offline makes no attempts; online connects at once", async () => {
  const { service, room, window, until } = await enterRoom();
  service.isUp = false;
  window.dispatchEvent(new Event("offline"));
  await service.clock.pass(5_000);
  assert.equal(room.state.connection, "offline");
  const { length } = service.calls;
  await service.clock.pass(600_000);
  assert.equal(service.calls.length, length);
  service.isUp = true;
  window.dispatchEvent(new Event("online"));
  await service.clock.pass(100);
  assert.equal(room.state.connection, "live");
});

test("offline stops the timer of the next attempt", async () => {
  const { service, room, window } = await enterRoom();
  service.isUp = false;
  service.dropAll();
  await service.clock.until(() => room.state.retryAt);
  window.dispatchEvent(new Event("offline"));
  await settle();
  assert.deepEqual([room.state.connection, room.state.retryAt], ["offline", null]);
});

test("a wrong offline event changes nothing", async () => {
  const { service, room, window, until } = await enterRoom();
  window.dispatchEvent(new Event("offline"));
  await service.clock.pass(60_000);
  assert.equal(room.state.connection, "live");
  service.dropAll();
  await until("live");
});

test("a page that becomes visible connects at once", async () => {
  const { service, room, document } = await enterRoom();
  service.random = () => 0.999;
  service.isUp = false;
  service.dropAll();
  await service.clock.pass(100_000);
  await service.clock.until(() => room.state.retryAt);
  service.isUp = true;
  for (const [visibilityState, connection] of [["hidden", "reconnecting"], ["visible", "live"]]) {
    document.visibilityState = visibilityState;
    changeVisibility(document);
    await service.clock.pass(100);
    assert.equal(room.state.connection, connection);
  }
});

test("a room that has ended ignores events of the browser", async () => {
  const { service, room, window, document } = await enterRoom();
  room.close();
  window.dispatchEvent(new Event("online"));
  changeVisibility(document);
  await service.clock.pass(60_000);
  assert.deepEqual([service.openedAt.length, service.calls.length], [1, 1]);
});

// bye

test("bye with rejoin takes a new seat, which is muted", async () => {
  const { service, room, until } = await enterRoom();
  await service.wait(room.setMuted(false));
  service.unseat("ada", "timed_out");
  await until("reconnecting");
  await until("live");
  await service.clock.pass(5_000);
  assert.deepEqual([findPerson(room, "ada").is_muted, service.sent("mic").length], [true, 1]);
  service.dropAll();
  await until("reconnecting");
  await until("live");
  assert.deepEqual(service.paths, ["/join", "/join", "/ticket"]);
});

test("bye with rate_limited reconnects after a longer delay", async () => {
  const { service, room, until } = await enterRoom();
  service.random = () => 0.999;
  service.bye(service.connections[0], "rate_limited", "reconnect");
  await service.clock.until(() => room.state.retryAt);
  assert.ok(room.state.retryAt - service.clock.now > 10_000);
  await until("live");
});

test("bye with stop ends the room, also soon after not_in_room", async () => {
  const { service, room } = await enterRoom();
  service.seats.delete("ada");
  room.send("wave");
  await service.clock.pass(2_900);
  service.bye(service.connections[0], "left", "stop");
  await service.clock.pass(600_000);
  assert.deepEqual(room.state.ended, { code: "left", reason: "left", action: "stop" });
  assert.equal(service.openedAt.length, 1);
});

test("after not_in_room without a bye, it reconnects and joins", async () => {
  const { service, room } = await enterRoom();
  service.seats.delete("ada");
  const { text } = await service.wait(room.say("still here"));
  assert.equal(text, "still here");
  assert.deepEqual(service.paths, ["/join", "/ticket", "/join"]);
});

// Acknowledgements

test("a message without an ack is sent again with the same id", async () => {
  const { service, room } = await enterRoom();
  let lost = 2;
  service.network = (direction) => (direction === "down" && lost-- > 0 ? [] : [5]);
  await service.wait(room.say("Tea?"));
  const [one, other, ...more] = service.sent("message");
  assert.deepEqual([one.id, more], [other.id, []]);
  assert.equal(service.sent("ping").length, 1); // the timeout causes a ping
  assert.deepEqual(texts(room), ["ada joined the room", "Tea?"]);
});

test("messages from an outage go over the next connection", async () => {
  const { service, room } = await enterRoom();
  service.dropAll();
  const said = Promise.all([room.say("one"), room.say("two"), room.react("🍵")]);
  assert.equal(room.state.pending.length, 3);
  assert.deepEqual((await service.wait(said)).map(({ seq }) => seq), [2, 3, 4]);
  await service.clock.pass(100);
  assert.deepEqual(texts(room).slice(1), ["one", "two", "🍵"]);
});

test("a message whose ack was lost is sent again, and stored once", async () => {
  const { service, room, until } = await enterRoom();
  service.network = (direction) => (direction === "up" ? [5] : []);
  const said = room.say("Tea?");
  await service.clock.pass(100);
  service.dropAll();
  service.network = () => [5];
  const shown = new Set();
  room.subscribe(({ messages, pending }) => shown.add(messages.length + pending.length));
  assert.equal((await service.wait(said)).seq, 2);
  await service.clock.pass(50);
  assert.deepEqual([...shown], [2]);
  assert.deepEqual(texts(room), ["ada joined the room", "Tea?"]);
});

test("messages wait as long as rate_limited says", async () => {
  const { service, room } = await enterRoom();
  service.refuse("message", 1, { code: "rate_limited", retry_after: 7 });
  const said = Promise.all([room.say("one"), room.say("two")]);
  await service.clock.pass(6_900);
  assert.equal(service.sent("message").length, 1);
  await service.wait(said);
  assert.deepEqual(texts(room).slice(1), ["one", "two"]);
});

for (const code of ["unavailable", "internal_error"])
  test(`a message is repeated after ${code}`, async () => {
    const { service, room } = await enterRoom();
    service.refuse("message", 3, { code });
    await service.wait(room.say("Tea?"));
    assert.equal(new Set(service.sent("message").map(({ id }) => id)).size, 1);
  });

test("API Gateway's own frame is shown as an error", async () => {
  const { service, room } = await enterRoom();
  const errors = [];
  room.on("error", ({ code, detail }) => errors.push([code, detail]));
  service.connections[0].deliver({ message: "Internal server error", connectionId: "c", requestId: "r" });
  await service.clock.pass(100);
  assert.deepEqual(errors, [["internal_error", "API Gateway: Internal server error (request r)"]]);
});

test("a refused message fails, and can be retried or discarded", async () => {
  const { service, room } = await enterRoom();
  const errors = [{ loc: ["text"], msg: "no", type: "x" }];
  service.refuse("message", 2, { code: "invalid_request", errors });
  await assert.rejects(service.wait(room.say("one")), { code: "invalid_request", errors });
  await assert.rejects(service.wait(room.say("two")));
  const [one, two] = room.state.pending;
  assert.deepEqual([one.text, one.status, two.text, two.status], ["one", "failed", "two", "failed"]);
  room.discard(two.key);
  const said = room.retry(one.key);
  await assert.rejects(room.retry(two.key), { code: "unknown_key" });
  await service.wait(said);
  assert.deepEqual([room.state.pending, texts(room).slice(1)], [[], ["one"]]);
});

test("a frame that is too large is not sent", async () => {
  const { service, room } = await enterRoom();
  await assert.rejects(room.say("🍵".repeat(9000)), { code: "too_large" });
  assert.throws(() => room.send("wave", "x".repeat(32_000)), { code: "too_large" });
  await service.clock.pass(100);
  assert.equal(service.frames.length, 1);
});

test("an unrepeated request fails with its error or connection", async () => {
  const { service, room } = await enterRoom();
  service.divert("wave");
  await assert.rejects(service.wait(room.request("wave")), { code: "timeout" });
  service.refuse("offer", 1, { code: "peer_unavailable" });
  await assert.rejects(service.wait(room.request("offer", {}, { to: "x" })), { code: "peer_unavailable" });
  service.divert("wave");
  const cut = room.request("wave");
  service.dropAll();
  await assert.rejects(cut, { name: "CoworkingError", code: "closed" });
  await assert.rejects(room.request("wave"), { code: "closed" });
  assert.equal(room.send("wave"), false);
});

test("of several waiting setMuted calls only the last is sent", async () => {
  const { service, room } = await enterRoom();
  await service.wait(Promise.all([true, false, true, false, true].map((isMuted) => room.setMuted(isMuted))));
  assert.deepEqual(service.sent("mic").map(({ data }) => data.is_muted), [true, true]);
});

for (const [name, code, sent, cut] of [
  ["that can't be sent", "closed", [], (service) => (service.dropAll(), (service.refuseSockets = true))],
  ["without an answer", "timeout", [false, true], (service) => (service.network = (direction) => (direction === "up" ? [5] : []))],
])
  test(`an unmute ${name} lapses after 5 s, and is not repeated`, async () => {
    const { service, room, until } = await enterRoom();
    cut(service);
    const start = service.clock.now;
    await assert.rejects(service.wait(room.setMuted(false)), { code });
    assert.equal(service.clock.now - start, 5_000);
    Object.assign(service, { network: () => [5], refuseSockets: false });
    await until("live");
    await service.clock.pass(60_000);
    assert.deepEqual([...new Set(service.sent("mic").map(({ data }) => data.is_muted))], sent);
    assert.ok(findPerson(room, "ada").is_muted);
  });

test("a mute cancels an unmute that the room has not confirmed", async () => {
  const { service, room } = await enterRoom();
  service.network = () => [];
  const both = Promise.all([room.setMuted(false), room.setMuted(true)]);
  await service.clock.pass(1_000);
  service.network = () => [5];
  service.dropAll();
  await service.wait(both);
  assert.deepEqual(service.sent("mic").map(({ data }) => data.is_muted), [true]);
});

test("an acknowledgement is enough to show a message", async () => {
  const { service, room } = await enterRoom();
  let isFirst = true;
  service.network = (direction) => (direction === "down" && isFirst ? ((isFirst = false), []) : [5]);
  room.say("Tea?");
  await service.clock.pass(50);
  assert.deepEqual(texts(room).slice(1), ["Tea?"]);
});

// Rotation

async function startRotation(prepare = () => {}) {
  const entered = await enterRoom();
  const { service } = entered;
  prepare(entered);
  service.rotate = true;
  await service.clock.pass(30_040);
  service.rotate = false;
  return entered;
}

test("rotation replaces the connection, and the room stays live", async () => {
  const states = new Set();
  const watch = ({ room }) => room.subscribe(({ connection }) => states.add(connection));
  const { service, room } = await startRotation(watch);
  await service.clock.pass(1_000);
  assert.deepEqual(service.connections.map(({ id }) => id), [room.state.you.connection_id]);
  await service.clock.pass(60_000);
  assert.equal(service.openedAt.length, 2);
  assert.deepEqual([...states], ["live"]);
});

test("during rotation no frame is lost or comes twice", async () => {
  const heard = [], told = [];
  const { service, room } = await startRotation(({ service, room }) => {
    room.on("frame", ({ data }) => heard.push(data.n));
    room.on("message", ({ text }) => told.push(text));
  });
  for (let n = 0; n < 40; n++) {
    service.push({ type: "wave", from: "grace", data: { n } });
    service.say("grace", `line ${n}`);
    await service.clock.pass(5);
  }
  await service.clock.pass(1_000);
  assert.deepEqual(heard, [...Array(40).keys()]);
  assert.deepEqual(told, heard.map((n) => `line ${n}`));
  assert.deepEqual(room.state.messages, service.log);
});

test("the old connection stays until its requests are answered", async () => {
  const { service, room } = await startRotation();
  let answer;
  service.divert("message", 1, (...waiting) => (answer = () => service.receive(...waiting)));
  const said = room.say("Tea?");
  await service.clock.pass(1_000);
  assert.equal(service.connections.length, 2);
  answer();
  assert.equal((await service.wait(said)).text, "Tea?");
  const [one, other] = service.sent("message");
  assert.deepEqual([one.id, one.connection], [other.id, other.connection]);
  assert.equal(service.connections.length, 1);
});

test("a third connection closes the first and its requests", async () => {
  const { service, room } = await startRotation();
  service.divert("message");
  room.say("Tea?");
  await service.clock.pass(1_000);
  assert.equal(service.connections.length, 2);
  service.random = () => 0;
  service.drop(service.connections[1]);
  await service.clock.pass(1_000);
  assert.deepEqual(service.connections.map(({ id }) => id), [room.state.you.connection_id]);
});

test("requests that the old connection loses are repeated", async () => {
  const { service, room } = await startRotation();
  service.divert("message", 1);
  assert.equal((await service.wait(room.say("Tea?"))).text, "Tea?");
  assert.equal(new Set(service.sent("message").map(({ connection }) => connection)).size, 2);
  assert.equal(service.connections.length, 1);
});

test("a failed rotation is repeated after the next pong", async () => {
  const { service, room } = await startRotation(({ service }) => (service.refuseSockets = true));
  await service.clock.pass(1_000);
  assert.equal(room.state.connection, "live");
  service.refuseSockets = false;
  service.rotate = true;
  await service.clock.pass(31_000);
  assert.deepEqual([service.openedAt.length, service.connections.length, room.state.connection], [3, 1, "live"]);
});

for (const [name, end] of [
  ["a connection that breaks in a rotation is replaced", (service, old) => service.drop(old)],
  ["a replaced old connection does not end the room", (service, old) => service.bye(old, "replaced", "stop")],
])
  test(name, async () => {
    const { service, room } = await startRotation();
    assert.equal(service.openedAt.length, 2);
    end(service, service.connections[0]);
    await service.clock.pass(1_000);
    assert.deepEqual([service.openedAt.length, room.state.connection], [2, "live"]);
  });

// Random faults

for (let seed = 1; seed <= 12; seed++)
  test(`with random faults the log is complete in the end (${seed})`, async () => {
    const roll = createRandom(seed);
    const service = new Service();
    service.random = roll;
    const { room } = await service.enter("ada");
    const told = [], said = [];
    room.on("message", (message) => told.push(message));
    service.network = () => {
      const copies = roll() < 0.15 ? 0 : roll() < 0.15 ? 2 : 1;
      return Array.from({ length: copies }, () => roll() * 400);
    };
    for (let step = 0; step < 300; step++) {
      const act = roll();
      if (act < 0.35) service.say("grace", `g${step}`, { late: roll() < 0.2 ? roll() * 20_000 : 0 });
      else if (act < 0.5) said.push(room.say(`a${step}`));
      else if (act < 0.53) service.allocate();
      else if (act < 0.56) service.dropAll();
      else if (act < 0.58) service.rotate = !service.rotate;
      else if (act < 0.585) service.unseat("ada", "timed_out");
      else if (act < 0.6) (service.seats.has("grace") ? service.unseat("grace", "left") : service.seat("grace"));
      await service.clock.pass(roll() * 1_500);
    }
    service.rotate = false;
    service.network = () => [5];
    await service.clock.pass(300_000);
    assert.deepEqual(room.state.messages, service.log);
    assert.deepEqual(told, service.log.slice(1));
    assert.deepEqual(await Promise.all(said), service.log.filter(({ user_id }) => user_id === "ada"));
    assert.deepEqual(new Set(ids(room)), service.seats);
    assert.deepEqual(room.state.pending, []);
    assert.equal(service.connections.length, 1);
    assert.ok(service.sent("sync").length < 400, `${service.sent("sync").length} syncs`);
  });
