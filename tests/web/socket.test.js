import assert from "node:assert/strict";
import { test } from "node:test";
import { Service, createRandom, enterRoom, numbers, problem, settle, texts } from "./fakes.js";

const types = (service, wanted) => service.frames.filter(({ type }) => type === wanted);

async function rejected(service, promise) {
  let failure;
  promise.catch((error) => (failure = error));
  await service.clock.until(() => failure);
  return failure;
}

// Entering

for (const [code, status] of [["room_full", 409], ["room_inactive", 409], ["room_not_found", 404], ["forbidden", 403]]) {
  test(`enter fails with the code of the service: ${code}`, async () => {
    const service = new Service();
    service.intercept = () => problem(status, code);
    await assert.rejects(service.enter("ada"), { name: "CoworkingError", code, status });
    assert.deepEqual(service.connections, []);
  });
}

test("enter can be aborted while it connects", async () => {
  const service = new Service();
  service.refuseSockets = true;
  const { coworking } = service.client("ada");
  const mind = new AbortController();
  const entered = coworking.enter("room", { signal: mind.signal });
  await service.clock.pass(1000);
  mind.abort();
  await assert.rejects(entered, { name: "AbortError" });
  const { length } = service.openedAt;
  await service.clock.pass(120_000);
  assert.equal(service.openedAt.length, length);
});

test("enter can be aborted while it joins", async () => {
  const service = new Service();
  const mind = new AbortController();
  service.intercept = () => mind.abort();
  const entered = service.client("ada").coworking.enter("room", { signal: mind.signal });
  entered.catch(() => {});
  await service.clock.pass(1000);
  await assert.rejects(entered, { name: "AbortError" });
  assert.deepEqual(service.openedAt, []);
});

test("enter fails if the room does not answer", async () => {
  const service = new Service();
  service.hook = () => true;
  await assert.rejects(service.enter("ada"), { code: "timeout" });
  assert.deepEqual(service.connections, []);
});

test("the first frame is a sync with the room id", async () => {
  const { service, room } = await enterRoom();
  assert.deepEqual(service.frames.map(({ type, data }) => [type, data]), [["sync", { last_seq: null }]]);
  assert.equal(service.frames[0].roomId, room.id);
});

// Pings and syncs

test("a ping every 30 s keeps the seat", async () => {
  const { service } = await enterRoom();
  await service.clock.pass(601_000);
  const pings = types(service, "ping").map(({ at }) => at);
  assert.equal(pings.length, 20);
  for (let n = 1; n < pings.length; n++) assert.equal(pings[n] - pings[n - 1], 30_000);
});

test("every tenth ping makes a sync", async () => {
  const { service } = await enterRoom();
  await service.clock.pass(601_000);
  assert.equal(types(service, "sync").length, 3);
});

test("a hidden page with late timers pings when a frame comes", async () => {
  const { service } = await enterRoom();
  service.clock.sleep(30_000);
  const hear = () => service.connections[0].socket.onmessage({ data: JSON.stringify({ type: "wave" }) });
  const sent = [];
  service.carry = (_, direction) => sent.push(direction);
  hear();
  hear();
  assert.deepEqual(sent, ["up"]);
});

test("a connection without a pong is given up", async () => {
  const { service, room } = await enterRoom();
  service.network = () => [];
  await service.clock.pass(39_000);
  assert.equal(room.state.connection, "live");
  await service.clock.pass(2_000);
  assert.equal(room.state.connection, "reconnecting");
  service.network = () => [5];
  await service.clock.until(() => room.state.connection === "live");
});

test("a refused ping is an answer", async () => {
  const { service } = await enterRoom();
  service.hook = (connection, { type, id }) =>
    type === "ping" && (service.post(connection, { type: "error", ref: id, data: { code: "unavailable", detail: "" } }), true);
  await service.clock.pass(300_000);
  assert.equal(service.openedAt.length, 1);
});

test("after a sleep, one more ping decides", async () => {
  const { service, room } = await enterRoom();
  await service.clock.pass(29_990);
  const before = types(service, "ping").length;
  await service.clock.until(() => types(service, "ping").length > before);
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
  service.hook = (connection, frame) => {
    service.hook = () => false;
    const data = { room: { participants: [] }, you: {}, messages: [], recovered: false, last_seq: 0 };
    service.post(connection, { type: "snapshot", ref: "another", data });
    service.network = () => [50];
    service.receive(connection, frame);
    return true;
  };
  service.allocate();
  service.say("grace", "hi");
  await service.clock.pass(240);
  assert.deepEqual(room.state.participants.map(({ id }) => id), ["ada"]);
});

test("each new gap makes a sync soon, also the fifth", async () => {
  const { service, room } = await enterRoom();
  for (let gap = 0; gap < 5; gap++) {
    service.network = () => [];
    service.say("grace", "lost");
    service.network = () => [5];
    service.say("grace", `found ${gap}`);
    await service.clock.pass(300);
    assert.equal(texts(room).at(-1), `found ${gap}`);
  }
});

// Reconnecting

test("a broken connection comes back with a ticket, and keeps the seat", async () => {
  const { service, room } = await enterRoom();
  service.dropAll();
  service.say("grace", "meanwhile");
  await settle();
  assert.equal(room.state.connection, "reconnecting");
  assert.ok(room.state.retryAt >= service.clock.now);
  await service.clock.until(() => room.state.connection === "live");
  assert.equal(room.state.retryAt, null);
  assert.deepEqual(service.calls.map(({ path }) => path), ["/join", "/ticket"]);
  assert.deepEqual(types(service, "sync").map(({ data }) => data.last_seq), [null, 1]);
  assert.equal(texts(room).at(-1), "meanwhile");
});

for (const [code, act] of Object.entries({
  transport_closed: ({ service }) => service.dropAll(),
  no_pong: ({ service }) => (service.network = () => []),
  rate_limited: ({ service }) => service.bye(service.connections[0], "rate_limited", "reconnect"),
  not_in_room: ({ service, room }) => (service.seats.delete("ada"), room.send("wave")),
  no_snapshot: ({ service }) => (service.dropAll(), (service.hook = () => true)),
  network: ({ service }) => (service.dropAll(), (service.isUp = false)),
})) {
  test(`the state says why the connection is not live: ${code}`, async () => {
    const entered = await enterRoom();
    const { service, room } = entered;
    assert.equal(room.state.reason, null);
    act(entered);
    await service.clock.until(() => room.state.reason === code);
    assert.equal(room.state.connection, "reconnecting");
    Object.assign(service, { network: () => [5], hook: () => false, isUp: true });
    await service.clock.until(() => room.state.connection === "live");
    assert.equal(room.state.reason, null);
    room.close();
    assert.equal(room.state.reason, "closed");
  });
}

test("the delay is random, and its limit grows to 30 seconds", async () => {
  const { service, room } = await enterRoom();
  service.random = () => 0.999;
  service.refuseSockets = true;
  service.dropAll();
  const waits = [];
  for (let n = 0; n < 8; n++) {
    await service.clock.until(() => room.state.retryAt);
    waits.push(Math.round((room.state.retryAt - service.clock.now) / 1000));
    await service.clock.until(() => !room.state.retryAt);
  }
  assert.deepEqual(waits, [2, 4, 8, 16, 30, 30, 30, 30]);
  service.random = () => 0.1;
  await service.clock.until(() => room.state.retryAt);
  await service.clock.until(() => !room.state.retryAt);
  await service.clock.until(() => room.state.retryAt);
  assert.equal(Math.round(room.state.retryAt - service.clock.now), 3000);
});

test("200 clients that are cut off at once come back spread over time", async () => {
  const service = new Service();
  service.capacity = 1000;
  service.network = (_, direction) => (direction === "up" ? [5] : []); // no frames from the service
  const clients = [];
  for (let n = 0; n < 200; n++) {
    const { coworking } = service.client(`user ${n}`);
    coworking.enter("room").then((room) => clients.push(room), () => {});
  }
  service.post = function (connection, frame) {
    if (["snapshot", "pong"].includes(frame.type)) this.clock.set(() => connection.socket.onmessage?.({ data: JSON.stringify(frame) }), 5);
  };
  await service.clock.until(() => clients.length === 200);
  service.openedAt.length = 0;
  const cut = service.clock.now;
  service.isUp = false;
  service.dropAll();
  await service.clock.pass(60_000);
  const attempts = service.calls.filter(({ at }) => at >= cut);
  assert.ok(attempts.length < 200 * 20, `${attempts.length} calls`);
  service.isUp = true;
  await service.clock.until(() => clients.every(({ state }) => state.connection === "live"));
  const seconds = new Map();
  for (const at of service.openedAt) seconds.set(Math.floor(at / 1000), (seconds.get(Math.floor(at / 1000)) ?? 0) + 1);
  assert.ok(Math.max(...seconds.values()) < 60, `${[...seconds.values()]}`);
});

test("after a stable minute the delays start anew", async () => {
  const { service, room } = await enterRoom();
  service.random = () => 0.999;
  const cut = async () => {
    service.dropAll();
    await settle();
    const wait = Math.round((room.state.retryAt - service.clock.now) / 1000);
    await service.clock.until(() => room.state.connection === "live");
    return wait;
  };
  assert.deepEqual([await cut(), await cut(), await cut()], [2, 4, 8]);
  await service.clock.pass(61_000);
  assert.equal(await cut(), 2);
});

test("a lost seat is taken again", async () => {
  const { service, room } = await enterRoom();
  service.dropAll();
  service.unseat("ada", "timed_out");
  await service.clock.until(() => room.state.connection === "live");
  assert.deepEqual(service.calls.map(({ path }) => path), ["/join", "/ticket", "/join"]);
  assert.equal(texts(room).filter((text) => text === "ada joined the room").length, 2);
});

for (const [status, code] of [[409, "room_full"], [409, "room_inactive"], [404, "room_not_found"]]) {
  test(`a room ends with the code that prevents a return: ${code}`, async () => {
    const service = new Service();
    const { room } = await service.enter("ada");
    service.seats.delete("ada");
    service.intercept = ({ path }) => path === "/join" && problem(status, code);
    service.intercept = ((inner) => (call) => inner(call) || undefined)(service.intercept);
    service.dropAll();
    await service.clock.until(() => room.state.connection === "ended");
    assert.deepEqual(room.state.ended, { code, reason: code, action: "stop" });
    const { length } = service.calls;
    await service.clock.pass(600_000);
    assert.equal(service.calls.length, length);
  });
}

test("a second refused token ends the room", async () => {
  const service = new Service();
  const asked = [];
  const token = ({ fresh }) => asked.push(fresh);
  const { room } = await service.enter("ada", { token });
  service.intercept = () => problem(401, "unauthorized");
  service.dropAll();
  await service.clock.until(() => room.state.connection === "ended");
  assert.equal(room.state.ended.code, "unauthorized");
  assert.deepEqual(asked, [false, false, true]);
});

test("a fresh token reconnects", async () => {
  const service = new Service();
  let isFresh = false;
  const { room } = await service.enter("ada", { token: ({ fresh }) => ((isFresh ||= fresh), fresh ? "new" : "old") });
  service.intercept = ({ headers }) => (headers.Authorization === "Bearer old" ? problem(401, "unauthorized") : undefined);
  service.dropAll();
  await service.clock.until(() => room.state.connection === "live");
  assert.ok(isFresh);
});

test("after 429 the next attempt waits as long as the service says", async () => {
  const { service, room } = await enterRoom();
  let isFirst = true;
  service.intercept = () => (isFirst ? ((isFirst = false), problem(429, "rate_limited", { retry_after: 40 })) : undefined);
  service.dropAll();
  await service.clock.until(() => room.state.connection === "live");
  const [, one, other] = service.calls;
  assert.ok(other.at - one.at >= 40_000);
});

test("attempts go on until the service is up", async () => {
  const { service, room } = await enterRoom();
  service.isUp = false;
  service.dropAll();
  await service.clock.pass(300_000);
  assert.equal(room.state.connection, "reconnecting");
  service.isUp = true;
  await service.clock.until(() => room.state.connection === "live");
});

// Events of the browser

test("offline makes no attempts; online connects at once", async () => {
  const { service, room, window } = await enterRoom();
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
  assert.equal(room.state.connection, "offline");
  assert.equal(room.state.retryAt, null);
});

test("a wrong offline event changes nothing", async () => {
  const { service, room, window } = await enterRoom();
  window.dispatchEvent(new Event("offline"));
  await service.clock.pass(60_000);
  assert.equal(room.state.connection, "live");
  service.dropAll();
  await service.clock.until(() => room.state.connection === "live");
});

test("a page that becomes visible connects at once", async () => {
  const { service, room, document } = await enterRoom();
  service.random = () => 0.999;
  service.isUp = false;
  service.dropAll();
  await service.clock.pass(100_000);
  await service.clock.until(() => room.state.retryAt);
  service.isUp = true;
  document.visibilityState = "hidden";
  document.dispatchEvent(new Event("visibilitychange"));
  await service.clock.pass(100);
  assert.equal(room.state.connection, "reconnecting");
  document.visibilityState = "visible";
  document.dispatchEvent(new Event("visibilitychange"));
  await service.clock.pass(100);
  assert.equal(room.state.connection, "live");
});

test("a page that becomes visible probes its connection", async () => {
  const { service, room, document } = await enterRoom();
  service.network = () => [];
  document.dispatchEvent(new Event("visibilitychange"));
  await service.clock.pass(4_100);
  assert.equal(room.state.connection, "reconnecting");
});

test("a room that has ended ignores events of the browser", async () => {
  const { service, room, window, document } = await enterRoom();
  room.close();
  window.dispatchEvent(new Event("online"));
  document.dispatchEvent(new Event("visibilitychange"));
  await service.clock.pass(60_000);
  assert.deepEqual([service.openedAt.length, service.calls.length], [1, 1]);
});

// bye

test("bye with stop ends the room", async () => {
  const { service, room } = await enterRoom();
  service.bye(service.connections[0], "room_closed", "stop");
  await service.clock.pass(600_000);
  assert.deepEqual(room.state.ended, { code: "room_closed", reason: "room_closed", action: "stop" });
  assert.equal(service.openedAt.length, 1);
});

test("bye with rejoin joins without asking for a ticket", async () => {
  const { service, room } = await enterRoom();
  service.unseat("ada", "timed_out");
  await service.clock.until(() => room.state.connection === "reconnecting");
  await service.clock.until(() => room.state.connection === "live");
  service.dropAll();
  await service.clock.until(() => room.state.connection === "reconnecting");
  await service.clock.until(() => room.state.connection === "live");
  assert.deepEqual(service.calls.map(({ path }) => path), ["/join", "/join", "/ticket"]);
});

test("a new seat is muted as the old one was", async () => {
  const { service, room } = await enterRoom();
  room.setMuted(false);
  await service.clock.pass(100);
  service.unseat("ada", "timed_out");
  await service.clock.until(() => room.state.connection === "reconnecting");
  await service.clock.until(() => room.state.connection === "live");
  await service.clock.pass(100);
  assert.equal(room.state.participants[0].is_muted, false);
});

test("bye with rate_limited reconnects after a longer delay", async () => {
  const { service, room } = await enterRoom();
  service.random = () => 0.999;
  service.bye(service.connections[0], "rate_limited", "reconnect");
  await service.clock.until(() => room.state.retryAt);
  assert.ok(room.state.retryAt - service.clock.now > 10_000);
  await service.clock.until(() => room.state.connection === "live");
});

test("after not_in_room, a bye within three seconds says why", async () => {
  const { service, room } = await enterRoom();
  service.seats.delete("ada");
  room.send("wave");
  await service.clock.pass(1_000);
  service.bye(service.connections[0], "left", "stop");
  await service.clock.pass(1_000);
  assert.equal(room.state.ended.code, "left");
});

test("after not_in_room without a bye, it reconnects and joins", async () => {
  const { service, room } = await enterRoom();
  service.seats.delete("ada");
  const said = room.say("still here");
  await service.clock.pass(2_000);
  assert.equal(room.state.connection, "live");
  await service.clock.pass(20_000);
  assert.equal(room.state.connection, "live");
  assert.equal((await said).text, "still here");
  assert.deepEqual(service.calls.map(({ path }) => path), ["/join", "/ticket", "/join"]);
});

// Acknowledgements

test("a message without an acknowledgement is sent again with the same id", async () => {
  const { service, room } = await enterRoom();
  let lost = 2;
  service.network = (_, direction) => (direction === "down" && lost-- > 0 ? [] : [5]);
  const said = room.say("Tea?");
  await service.clock.pass(15_000);
  await said;
  const sent = types(service, "message");
  assert.equal(sent.length, 2);
  assert.equal(sent[0].id, sent[1].id);
  assert.equal(types(service, "ping").length, 1); // the timeout makes a ping
  assert.deepEqual(texts(room), ["ada joined the room", "Tea?"]);
});

test("messages from an outage go over the next connection", async () => {
  const { service, room } = await enterRoom();
  service.dropAll();
  const said = Promise.all([room.say("one"), room.say("two"), room.react("🍵")]);
  assert.equal(room.state.pending.length, 3);
  await service.clock.until(() => room.state.connection === "live");
  await service.clock.pass(100);
  assert.deepEqual((await said).map(({ seq }) => seq), [2, 3, 4]);
  assert.deepEqual(texts(room).slice(1), ["one", "two", "🍵"]);
});

test("a message whose acknowledgement was lost is sent again, and stored once", async () => {
  const { service, room } = await enterRoom();
  service.network = (_, direction) => (direction === "up" ? [5] : []);
  const said = room.say("Tea?");
  await service.clock.pass(100);
  service.dropAll();
  service.network = () => [5];
  const shown = [];
  room.subscribe(({ messages, pending }) => shown.push(messages.length + pending.length));
  await service.clock.until(() => room.state.connection === "live");
  await service.clock.pass(50);
  assert.equal((await said).seq, 2);
  assert.deepEqual([...new Set(shown)], [2]);
  assert.deepEqual(texts(room), ["ada joined the room", "Tea?"]);
});

test("after rate_limited the message and its successors wait as long as the service says", async () => {
  const { service, room } = await enterRoom();
  let isFirst = true;
  service.hook = (connection, { type, id }) => {
    if (type !== "message" || !isFirst) return false;
    isFirst = false;
    service.post(connection, { type: "error", ref: id, data: { code: "rate_limited", detail: "", retry_after: 7 } });
    return true;
  };
  const said = Promise.all([room.say("one"), room.say("two")]);
  await service.clock.pass(6_900);
  assert.equal(types(service, "message").length, 1);
  await service.clock.pass(5_000);
  await said;
  assert.deepEqual(texts(room).slice(1), ["one", "two"]);
});

for (const code of ["unavailable", "internal_error"]) {
  test(`a message is repeated after ${code}`, async () => {
    const service = new Service();
    const { room } = await service.enter("ada");
    let failures = 3;
    service.hook = (connection, { type, id }) => {
      if (type !== "message" || failures-- <= 0) return false;
      service.post(connection, { type: "error", ref: id, data: { code, detail: "" } });
      return true;
    };
    const said = room.say("Tea?");
    await service.clock.pass(60_000);
    await said;
    assert.equal(new Set(types(service, "message").map(({ id }) => id)).size, 1);
  });
}

test("a refused message fails, and can be retried or discarded", async () => {
  const { service, room } = await enterRoom();
  let isRefusing = true;
  service.hook = (connection, { type, id }) => {
    if (type !== "message" || !isRefusing) return false;
    service.post(connection, { type: "error", ref: id, data: { code: "invalid_request", detail: "no", errors: [{ loc: ["text"], msg: "no", type: "x" }] } });
    return true;
  };
  const error = await rejected(service, room.say("one"));
  assert.equal(error.code, "invalid_request");
  assert.deepEqual(error.errors[0].loc, ["text"]);
  await rejected(service, room.say("two"));
  assert.deepEqual(room.state.pending.map(({ text, status }) => [text, status]), [["one", "failed"], ["two", "failed"]]);
  isRefusing = false;
  const [one, two] = room.state.pending;
  room.discard(two.key);
  const said = room.retry(one.key);
  await assert.rejects(room.retry(two.key), { code: "unknown_key" });
  await service.clock.pass(100);
  await said;
  assert.deepEqual(room.state.pending, []);
  assert.deepEqual(texts(room).slice(1), ["one"]);
});

test("a frame that is too large is not sent", async () => {
  const { service, room } = await enterRoom();
  await assert.rejects(room.say("🍵".repeat(9000)), { code: "too_large" });
  assert.throws(() => room.send("wave", "x".repeat(32_000)), { code: "too_large" });
  await service.clock.pass(100);
  assert.equal(service.frames.length, 1);
});

test("a request that is not repeated fails with its connection, or without an answer", async () => {
  const { service, room } = await enterRoom();
  service.hook = (_, { type }) => type === "wave";
  assert.equal((await rejected(service, room.request("wave"))).code, "timeout");
  const cut = room.request("wave");
  service.dropAll();
  await assert.rejects(cut, { name: "CoworkingError", code: "closed" });
  await assert.rejects(room.request("wave"), { code: "closed" });
  assert.equal(room.send("wave"), false);
});

test("a request to an absent peer fails with peer_unavailable", async () => {
  const { service, room } = await enterRoom();
  service.hook = (connection, { type, id }) =>
    type === "offer" && (service.post(connection, { type: "error", ref: id, data: { code: "peer_unavailable", detail: "" } }), true);
  assert.equal((await rejected(service, room.request("offer", {}, { to: "x" }))).code, "peer_unavailable");
});

test("of several waiting setMuted calls only the last is sent", async () => {
  const { service, room } = await enterRoom();
  const done = Promise.all([true, false, true, false, true].map((isMuted) => room.setMuted(isMuted)));
  await service.clock.pass(1_000);
  await done;
  assert.deepEqual(types(service, "mic").map(({ data }) => data.is_muted), [true, true]);
});

test("an acknowledgement is enough to show a message", async () => {
  const { service, room } = await enterRoom();
  let isFirst = true;
  service.network = (_, direction) => (direction === "down" && isFirst ? ((isFirst = false), []) : [5]);
  room.say("Tea?");
  await service.clock.pass(50);
  assert.deepEqual(texts(room).slice(1), ["Tea?"]);
});

// Rotation

async function rotating(prepare = () => {}) {
  const service = new Service();
  const client = await service.enter("ada");
  prepare(service, client);
  service.rotate = true;
  await service.clock.pass(30_040);
  service.rotate = false;
  return { service, ...client };
}

test("rotation replaces the connection, and the room stays live", async () => {
  const states = [];
  const { service, room } = await rotating((_, client) => client.room.subscribe(({ connection }) => states.push(connection)));
  await service.clock.pass(1_000);
  assert.equal(service.openedAt.length, 2);
  assert.equal(service.connections.length, 1);
  assert.equal(room.state.you.connection_id, service.connections[0].id);
  assert.deepEqual(new Set(states), new Set(["live"]));
  await service.clock.pass(60_000);
  assert.equal(service.openedAt.length, 2);
});

test("during rotation no frame is lost or comes twice", async () => {
  const heard = [], told = [];
  const { service, room } = await rotating((service, { room }) => {
    room.on("frame", ({ data }) => heard.push(data.n));
    room.on("message", ({ text }) => told.push(text));
    service.hook = (_, { type }) => type === "wave";
  });
  for (let n = 0; n < 40; n++) {
    service.push({ type: "wave", from: "grace", data: { n } });
    service.say("grace", `line ${n}`);
    await service.clock.pass(5);
  }
  await service.clock.pass(1_000);
  assert.deepEqual(heard, [...Array(40).keys()]);
  assert.deepEqual(told, [...Array(40).keys()].map((n) => `line ${n}`));
  assert.deepEqual(numbers(room), service.log.map(({ seq }) => seq));
});

test("the old connection stays open until its requests are answered", async () => {
  const { service, room } = await rotating();
  let waiting;
  service.hook = (connection, frame) => frame.type === "message" && !waiting && ((waiting = [connection, frame]), true);
  const said = room.say("Tea?");
  await service.clock.pass(1_000);
  assert.equal(service.connections.length, 2);
  service.receive(...waiting);
  await service.clock.pass(100);
  assert.equal((await said).text, "Tea?");
  assert.equal(types(service, "message").filter(({ id }) => id === waiting[1].id).length, 2);
  assert.equal(new Set(types(service, "message").map(({ connection }) => connection)).size, 1);
  assert.equal(service.connections.length, 1);
});

test("a third connection closes the first, though a request is open on it", async () => {
  const { service, room } = await rotating();
  service.hook = (_, { type }) => type === "message";
  room.say("Tea?");
  await service.clock.pass(1_000);
  assert.equal(service.connections.length, 2);
  service.random = () => 0;
  service.drop(service.connections[1]);
  await service.clock.pass(1_000);
  assert.equal(service.connections.length, 1);
  assert.equal(service.connections[0].id, room.state.you.connection_id);
});

test("a request that the old connection does not answer is repeated on the new one", async () => {
  const { service, room } = await rotating();
  let isFirst = true;
  service.hook = (_, { type }) => type === "message" && isFirst && !(isFirst = false);
  const said = room.say("Tea?");
  await service.clock.pass(15_000);
  assert.equal((await said).text, "Tea?");
  assert.equal(new Set(types(service, "message").map(({ connection }) => connection)).size, 2);
  assert.equal(service.connections.length, 1);
});

test("a failed rotation is repeated after the next pong", async () => {
  const { service, room } = await rotating((service) => (service.refuseSockets = true));
  await service.clock.pass(1_000);
  assert.equal(room.state.connection, "live");
  service.refuseSockets = false;
  service.rotate = true;
  await service.clock.pass(31_000);
  assert.equal(service.openedAt.length, 3);
  assert.equal(service.connections.length, 1);
  assert.equal(room.state.connection, "live");
});

test("a connection that breaks during rotation is replaced by the next one", async () => {
  const { service, room } = await rotating();
  service.drop(service.connections[0]);
  await service.clock.pass(1_000);
  assert.equal(room.state.connection, "live");
  assert.equal(service.openedAt.length, 2);
});

test("a bye with replaced on the old connection does not end the room", async () => {
  const { service, room } = await rotating();
  const [old] = service.connections;
  assert.equal(service.openedAt.length, 2);
  service.bye(old, "replaced", "stop");
  await service.clock.pass(1_000);
  assert.equal(room.state.connection, "live");
});

// Random faults

for (let seed = 1; seed <= 12; seed++) {
  test(`with random faults of the network the log is complete in the end (${seed})`, async () => {
    const service = new Service();
    const roll = createRandom(seed);
    service.random = roll;
    const { room } = await service.enter("ada");
    const told = [], said = [];
    room.on("message", ({ seq }) => told.push(seq));
    service.network = () => {
      const copies = roll() < 0.15 ? 0 : roll() < 0.15 ? 2 : 1;
      return Array.from({ length: copies }, () => roll() * 400);
    };
    for (let step = 0; step < 300; step++) {
      const act = roll();
      if (act < 0.35) service.say("grace", `g${step}`, false, roll() < 0.2 ? roll() * 20_000 : 0);
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
    const stored = await Promise.all(said);
    assert.deepEqual(room.state.messages.map(({ seq, text }) => [seq, text]), service.log.map(({ seq, text }) => [seq, text]));
    assert.deepEqual(told, service.log.slice(1).map(({ seq }) => seq));
    assert.deepEqual(stored.map(({ seq }) => seq), stored.map(({ seq }) => seq).sort((one, other) => one - other));
    assert.equal(service.log.filter(({ user_id }) => user_id === "ada").length, said.length);
    assert.deepEqual(new Set(room.state.participants.map(({ id }) => id)), service.seats);
    assert.deepEqual(room.state.pending, []);
    assert.equal(service.connections.length, 1);
    assert.ok(types(service, "sync").length < 400, `${types(service, "sync").length} syncs`);
  });
}
