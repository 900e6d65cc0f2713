import assert from "node:assert/strict";
import { test } from "node:test";
import { Service, dice, numbers, problem, settle, texts } from "./fakes.js";

const types = (service, wanted) => service.frames.filter(({ type }) => type === wanted);

async function rejected(service, promise) {
  let failure;
  promise.catch((error) => (failure = error));
  await service.clock.until(() => failure);
  return failure;
}

// Coming in

for (const [code, status] of [["room_full", 409], ["room_inactive", 409], ["room_not_found", 404], ["forbidden", 403]]) {
  test(`who can't come in is told why: ${code}`, async () => {
    const service = new Service();
    service.intercept = () => problem(status, code);
    await assert.rejects(service.enter("ada"), { name: "CoworkingError", code, status });
    assert.deepEqual(service.lines, []);
  });
}

test("who has changed their mind doesn't come in", async () => {
  const service = new Service();
  service.refuseSockets = true;
  const { coworking } = service.client("ada");
  const mind = new AbortController();
  const entered = coworking.enter("room", { signal: mind.signal });
  await service.clock.pass(1000);
  mind.abort();
  await assert.rejects(entered, { name: "AbortError" });
  const { length } = service.openings;
  await service.clock.pass(120_000);
  assert.equal(service.openings.length, length);
});

test("whose mind changes with the answer doesn't come in either", async () => {
  const service = new Service();
  const mind = new AbortController();
  service.intercept = () => mind.abort();
  const entered = service.client("ada").coworking.enter("room", { signal: mind.signal });
  entered.catch(() => {});
  await service.clock.pass(1000);
  await assert.rejects(entered, { name: "AbortError" });
  assert.deepEqual(service.openings, []);
});

test("a room that doesn't answer is not entered", async () => {
  const service = new Service();
  service.hook = () => true;
  await assert.rejects(service.enter("ada"), { code: "timeout" });
  assert.deepEqual(service.lines, []);
});

test("the first frame is sync, and names the room", async () => {
  const service = new Service();
  const { room } = await service.enter("ada");
  assert.deepEqual(service.frames.map(({ type, data }) => [type, data]), [["sync", { last_seq: null }]]);
  assert.equal(service.frames[0].roomId, room.id);
});

// Heartbeat

test("a ping every 30 s keeps the seat", async () => {
  const service = new Service();
  await service.enter("ada");
  await service.clock.pass(601_000);
  const pings = types(service, "ping").map(({ at }) => at);
  assert.equal(pings.length, 20);
  for (let n = 1; n < pings.length; n++) assert.equal(pings[n] - pings[n - 1], 30_000);
});

test("states that were lost are found some pings later", async () => {
  const service = new Service();
  await service.enter("ada");
  await service.clock.pass(601_000);
  assert.equal(types(service, "sync").length, 3);
});

test("a hidden page, whose timers are late, pings when something comes", async () => {
  const service = new Service();
  await service.enter("ada");
  service.clock.sleep(30_000);
  const hear = () => service.lines[0].socket.onmessage({ data: JSON.stringify({ type: "wave" }) });
  const sent = [];
  service.carry = (_, direction) => sent.push(direction);
  hear();
  hear();
  assert.deepEqual(sent, ["up"]);
});

test("a connection without a pong is dead", async () => {
  const service = new Service();
  const { room } = await service.enter("ada");
  service.network = () => [];
  await service.clock.pass(39_000);
  assert.equal(room.state.connection, "live");
  await service.clock.pass(2_000);
  assert.equal(room.state.connection, "reconnecting");
  service.network = () => [5];
  await service.clock.until(() => room.state.connection === "live");
});

test("a ping that was refused is an answer", async () => {
  const service = new Service();
  await service.enter("ada");
  service.hook = (line, { type, id }) =>
    type === "ping" && (service.post(line, { type: "error", ref: id, data: { code: "unavailable", detail: "" } }), true);
  await service.clock.pass(300_000);
  assert.equal(service.openings.length, 1);
});

test("who slept asks once more before giving the connection up", async () => {
  const service = new Service();
  const { room } = await service.enter("ada");
  await service.clock.pass(29_990);
  const before = types(service, "ping").length;
  await service.clock.until(() => types(service, "ping").length > before);
  service.clock.sleep(50_000); // the pong is on its way, and so is the timer that waits for it
  await service.clock.pass(5_000);
  assert.equal(room.state.connection, "live");
  assert.equal(service.openings.length, 1);
});

test("who slept with a dead connection asks no more than once", async () => {
  const service = new Service();
  const { room } = await service.enter("ada");
  service.network = () => [];
  await service.clock.pass(30_000);
  for (let time = 0; time < 2; time++) {
    service.clock.sleep(60_000);
    await service.clock.pass(1);
  }
  assert.equal(room.state.connection, "reconnecting");
});

test("an answer to another sync is none", async () => {
  const service = new Service();
  const { room } = await service.enter("ada");
  service.hook = (line, frame) => {
    service.hook = () => false;
    const data = { room: { participants: [] }, you: {}, messages: [], recovered: false, last_seq: 0 };
    service.post(line, { type: "snapshot", ref: "another", data });
    service.network = () => [50];
    service.receive(line, frame);
    return true;
  };
  service.allocate();
  service.say("grace", "hi");
  await service.clock.pass(240);
  assert.deepEqual(room.state.participants.map(({ id }) => id), ["ada"]);
});

test("every gap is asked about soon, the fifth as well as the first", async () => {
  const service = new Service();
  const { room } = await service.enter("ada");
  for (let gap = 0; gap < 5; gap++) {
    service.network = () => [];
    service.say("grace", "lost");
    service.network = () => [5];
    service.say("grace", `found ${gap}`);
    await service.clock.pass(300);
    assert.equal(texts(room).at(-1), `found ${gap}`);
  }
});

// Coming back

test("who is cut off comes back with a ticket, and keeps the seat", async () => {
  const service = new Service();
  const { room } = await service.enter("ada");
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

test("it waits a random time that grows, up to a limit", async () => {
  const service = new Service();
  const { room } = await service.enter("ada");
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

test("a thousand who are cut off at once don't come back at once, and not too often", async () => {
  const service = new Service();
  service.capacity = 1000;
  service.network = (_, direction) => (direction === "up" ? [5] : []); // nobody hears of anybody
  const clients = [];
  for (let n = 0; n < 200; n++) {
    const { coworking } = service.client(`user ${n}`);
    coworking.enter("room").then((room) => clients.push(room), () => {});
  }
  service.post = function (line, frame) {
    if (["snapshot", "pong"].includes(frame.type)) this.clock.set(() => line.socket.onmessage?.({ data: JSON.stringify(frame) }), 5);
  };
  await service.clock.until(() => clients.length === 200);
  service.openings.length = 0;
  const cut = service.clock.now;
  service.isUp = false;
  service.dropAll();
  await service.clock.pass(60_000);
  const attempts = service.calls.filter(({ at }) => at >= cut);
  assert.ok(attempts.length < 200 * 20, `${attempts.length} calls`);
  service.isUp = true;
  await service.clock.until(() => clients.every(({ state }) => state.connection === "live"));
  const seconds = new Map();
  for (const at of service.openings) seconds.set(Math.floor(at / 1000), (seconds.get(Math.floor(at / 1000)) ?? 0) + 1);
  assert.ok(Math.max(...seconds.values()) < 60, `${[...seconds.values()]}`);
});

test("after a stable minute it is as patient as at first", async () => {
  const service = new Service();
  const { room } = await service.enter("ada");
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

test("a seat that was lost meanwhile is taken again", async () => {
  const service = new Service();
  const { room } = await service.enter("ada");
  service.dropAll();
  service.unseat("ada", "timed_out");
  await service.clock.until(() => room.state.connection === "live");
  assert.deepEqual(service.calls.map(({ path }) => path), ["/join", "/ticket", "/join"]);
  assert.equal(texts(room).filter((text) => text === "ada joined the room").length, 2);
});

for (const [status, code] of [[409, "room_full"], [409, "room_inactive"], [404, "room_not_found"]]) {
  test(`who can't come back is told why: ${code}`, async () => {
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

test("a token that was refused is replaced once, and then it is over", async () => {
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

test("a fresh token is enough", async () => {
  const service = new Service();
  let isFresh = false;
  const { room } = await service.enter("ada", { token: ({ fresh }) => ((isFresh ||= fresh), fresh ? "new" : "old") });
  service.intercept = ({ headers }) => (headers.Authorization === "Bearer old" ? problem(401, "unauthorized") : undefined);
  service.dropAll();
  await service.clock.until(() => room.state.connection === "live");
  assert.ok(isFresh);
});

test("who comes back too often waits as long as told", async () => {
  const service = new Service();
  const { room } = await service.enter("ada");
  let isFirst = true;
  service.intercept = () => (isFirst ? ((isFirst = false), problem(429, "rate_limited", { retry_after: 40 })) : undefined);
  service.dropAll();
  await service.clock.until(() => room.state.connection === "live");
  const [, one, other] = service.calls;
  assert.ok(other.at - one.at >= 40_000);
});

test("a service that is down is tried until it is up", async () => {
  const service = new Service();
  const { room } = await service.enter("ada");
  service.isUp = false;
  service.dropAll();
  await service.clock.pass(300_000);
  assert.equal(room.state.connection, "reconnecting");
  service.isUp = true;
  await service.clock.until(() => room.state.connection === "live");
});

// What the browser tells

test("offline it waits for the network, and is back at once with it", async () => {
  const service = new Service();
  const { room, window } = await service.enter("ada");
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

test("offline ends the waiting for the next attempt", async () => {
  const service = new Service();
  const { room, window } = await service.enter("ada");
  service.isUp = false;
  service.dropAll();
  await service.clock.until(() => room.state.retryAt);
  window.dispatchEvent(new Event("offline"));
  await settle();
  assert.equal(room.state.connection, "offline");
  assert.equal(room.state.retryAt, null);
});

test("an offline that isn't true changes nothing", async () => {
  const service = new Service();
  const { room, window } = await service.enter("ada");
  window.dispatchEvent(new Event("offline"));
  await service.clock.pass(60_000);
  assert.equal(room.state.connection, "live");
  service.dropAll();
  await service.clock.until(() => room.state.connection === "live");
});

test("a page that is looked at again doesn't wait", async () => {
  const service = new Service();
  const { room, document } = await service.enter("ada");
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

test("a page that is looked at again finds out whether its connection is", async () => {
  const service = new Service();
  const { room, document } = await service.enter("ada");
  service.network = () => [];
  document.dispatchEvent(new Event("visibilitychange"));
  await service.clock.pass(4_100);
  assert.equal(room.state.connection, "reconnecting");
});

test("a room that is over listens to nothing", async () => {
  const service = new Service();
  const { room, window, document } = await service.enter("ada");
  room.close();
  window.dispatchEvent(new Event("online"));
  document.dispatchEvent(new Event("visibilitychange"));
  await service.clock.pass(60_000);
  assert.deepEqual([service.openings.length, service.calls.length], [1, 1]);
});

// bye

test("stop is the end", async () => {
  const service = new Service();
  const { room } = await service.enter("ada");
  service.bye(service.lines[0], "room_closed", "stop");
  await service.clock.pass(600_000);
  assert.deepEqual(room.state.ended, { code: "room_closed", reason: "room_closed", action: "stop" });
  assert.equal(service.openings.length, 1);
});

test("rejoin takes a new seat without asking for a ticket", async () => {
  const service = new Service();
  const { room } = await service.enter("ada");
  service.unseat("ada", "timed_out");
  await service.clock.until(() => room.state.connection === "reconnecting");
  await service.clock.until(() => room.state.connection === "live");
  service.dropAll();
  await service.clock.until(() => room.state.connection === "reconnecting");
  await service.clock.until(() => room.state.connection === "live");
  assert.deepEqual(service.calls.map(({ path }) => path), ["/join", "/join", "/ticket"]);
});

test("in a new seat one is muted as before", async () => {
  const service = new Service();
  const { room } = await service.enter("ada");
  room.setMuted(false);
  await service.clock.pass(100);
  service.unseat("ada", "timed_out");
  await service.clock.until(() => room.state.connection === "reconnecting");
  await service.clock.until(() => room.state.connection === "live");
  await service.clock.pass(100);
  assert.equal(room.state.participants[0].is_muted, false);
});

test("reconnect does so, more slowly where it was too fast", async () => {
  const service = new Service();
  const { room } = await service.enter("ada");
  service.random = () => 0.999;
  service.bye(service.lines[0], "rate_limited", "reconnect");
  await service.clock.until(() => room.state.retryAt);
  assert.ok(room.state.retryAt - service.clock.now > 10_000);
  await service.clock.until(() => room.state.connection === "live");
});

test("a seat that seems to be gone waits for the bye that says why", async () => {
  const service = new Service();
  const { room } = await service.enter("ada");
  service.seats.delete("ada");
  room.send("wave");
  await service.clock.pass(1_000);
  service.bye(service.lines[0], "left", "stop");
  await service.clock.pass(1_000);
  assert.equal(room.state.ended.code, "left");
});

test("where that bye is lost, it asks", async () => {
  const service = new Service();
  const { room } = await service.enter("ada");
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

test("what nobody acknowledged is sent again under the same id", async () => {
  const service = new Service();
  const { room } = await service.enter("ada");
  let lost = 2;
  service.network = (_, direction) => (direction === "down" && lost-- > 0 ? [] : [5]);
  const said = room.say("Tea?");
  await service.clock.pass(15_000);
  await said;
  const sent = types(service, "message");
  assert.equal(sent.length, 2);
  assert.equal(sent[0].id, sent[1].id);
  assert.equal(types(service, "ping").length, 1); // is anybody there?
  assert.deepEqual(texts(room), ["ada joined the room", "Tea?"]);
});

test("what was said while the line was down goes over the next", async () => {
  const service = new Service();
  const { room } = await service.enter("ada");
  service.dropAll();
  const said = Promise.all([room.say("one"), room.say("two"), room.react("🍵")]);
  assert.equal(room.state.pending.length, 3);
  await service.clock.until(() => room.state.connection === "live");
  await service.clock.pass(100);
  assert.deepEqual((await said).map(({ seq }) => seq), [2, 3, 4]);
  assert.deepEqual(texts(room).slice(1), ["one", "two", "🍵"]);
});

test("what was on its way when the line broke is sent again, and stored once", async () => {
  const service = new Service();
  const { room } = await service.enter("ada");
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

test("too fast waits as long as told, and what follows waits too", async () => {
  const service = new Service();
  const { room } = await service.enter("ada");
  let isFirst = true;
  service.hook = (line, { type, id }) => {
    if (type !== "message" || !isFirst) return false;
    isFirst = false;
    service.post(line, { type: "error", ref: id, data: { code: "rate_limited", detail: "", retry_after: 7 } });
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
  test(`what failed for no fault of its own is tried again: ${code}`, async () => {
    const service = new Service();
    const { room } = await service.enter("ada");
    let failures = 3;
    service.hook = (line, { type, id }) => {
      if (type !== "message" || failures-- <= 0) return false;
      service.post(line, { type: "error", ref: id, data: { code, detail: "" } });
      return true;
    };
    const said = room.say("Tea?");
    await service.clock.pass(60_000);
    await said;
    assert.equal(new Set(types(service, "message").map(({ id }) => id)).size, 1);
  });
}

test("what is refused fails, can be tried again, and forgotten", async () => {
  const service = new Service();
  const { room } = await service.enter("ada");
  let isRefusing = true;
  service.hook = (line, { type, id }) => {
    if (type !== "message" || !isRefusing) return false;
    service.post(line, { type: "error", ref: id, data: { code: "invalid_request", detail: "no", errors: [{ loc: ["text"], msg: "no", type: "x" }] } });
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

test("a frame that is too large isn't even sent", async () => {
  const service = new Service();
  const { room } = await service.enter("ada");
  await assert.rejects(room.say("🍵".repeat(9000)), { code: "too_large" });
  assert.throws(() => room.send("wave", "x".repeat(32_000)), { code: "too_large" });
  await service.clock.pass(100);
  assert.equal(service.frames.length, 1);
});

test("a request that can't be repeated fails with its line, or without an answer", async () => {
  const service = new Service();
  const { room } = await service.enter("ada");
  service.hook = (_, { type }) => type === "wave";
  assert.equal((await rejected(service, room.request("wave"))).code, "timeout");
  const cut = room.request("wave");
  service.dropAll();
  await assert.rejects(cut, { name: "CoworkingError", code: "closed" });
  await assert.rejects(room.request("wave"), { code: "closed" });
  assert.equal(room.send("wave"), false);
});

test("a peer that isn't there is told of", async () => {
  const service = new Service();
  const { room } = await service.enter("ada");
  service.hook = (line, { type, id }) =>
    type === "offer" && (service.post(line, { type: "error", ref: id, data: { code: "peer_unavailable", detail: "" } }), true);
  assert.equal((await rejected(service, room.request("offer", {}, { to: "x" }))).code, "peer_unavailable");
});

test("of what one mutes and unmutes meanwhile only the last counts", async () => {
  const service = new Service();
  const { room } = await service.enter("ada");
  const done = Promise.all([true, false, true, false, true].map((isMuted) => room.setMuted(isMuted)));
  await service.clock.pass(1_000);
  await done;
  assert.deepEqual(types(service, "mic").map(({ data }) => data.is_muted), [true, true]);
});

test("an acknowledgement is enough to show a message", async () => {
  const service = new Service();
  const { room } = await service.enter("ada");
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

test("asked to, it moves to another connection, and nobody notices", async () => {
  const states = [];
  const { service, room } = await rotating((_, client) => client.room.subscribe(({ connection }) => states.push(connection)));
  await service.clock.pass(1_000);
  assert.equal(service.openings.length, 2);
  assert.equal(service.lines.length, 1);
  assert.equal(room.state.you.connection_id, service.lines[0].id);
  assert.deepEqual(new Set(states), new Set(["live"]));
  await service.clock.pass(60_000);
  assert.equal(service.openings.length, 2);
});

test("while it moves, nothing is lost and nothing comes twice", async () => {
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

test("what is on its way is awaited before the old connection is closed", async () => {
  const { service, room } = await rotating();
  let waiting;
  service.hook = (line, frame) => frame.type === "message" && !waiting && ((waiting = [line, frame]), true);
  const said = room.say("Tea?");
  await service.clock.pass(1_000);
  assert.equal(service.lines.length, 2);
  service.receive(...waiting);
  await service.clock.pass(100);
  assert.equal((await said).text, "Tea?");
  assert.equal(types(service, "message").filter(({ id }) => id === waiting[1].id).length, 2);
  assert.equal(new Set(types(service, "message").map(({ line }) => line)).size, 1);
  assert.equal(service.lines.length, 1);
});

test("a third connection ends the first, whatever that still owes", async () => {
  const { service, room } = await rotating();
  service.hook = (_, { type }) => type === "message";
  room.say("Tea?");
  await service.clock.pass(1_000);
  assert.equal(service.lines.length, 2);
  service.random = () => 0;
  service.drop(service.lines[1]);
  await service.clock.pass(1_000);
  assert.equal(service.lines.length, 1);
  assert.equal(service.lines[0].id, room.state.you.connection_id);
});

test("what the old connection doesn't bring, the new one does", async () => {
  const { service, room } = await rotating();
  let isFirst = true;
  service.hook = (_, { type }) => type === "message" && isFirst && !(isFirst = false);
  const said = room.say("Tea?");
  await service.clock.pass(15_000);
  assert.equal((await said).text, "Tea?");
  assert.equal(new Set(types(service, "message").map(({ line }) => line)).size, 2);
  assert.equal(service.lines.length, 1);
});

test("a move that fails is tried again with the next pong", async () => {
  const { service, room } = await rotating((service) => (service.refuseSockets = true));
  await service.clock.pass(1_000);
  assert.equal(room.state.connection, "live");
  service.refuseSockets = false;
  service.rotate = true;
  await service.clock.pass(31_000);
  assert.equal(service.openings.length, 3);
  assert.equal(service.lines.length, 1);
  assert.equal(room.state.connection, "live");
});

test("a line that breaks while it moves is replaced by the new one", async () => {
  const { service, room } = await rotating();
  service.drop(service.lines[0]);
  await service.clock.pass(1_000);
  assert.equal(room.state.connection, "live");
  assert.equal(service.openings.length, 2);
});

test("the oldest connection that the service closes for the new one is just the old one", async () => {
  const { service, room } = await rotating();
  const [old] = service.lines;
  assert.equal(service.openings.length, 2);
  service.bye(old, "replaced", "stop");
  await service.clock.pass(1_000);
  assert.equal(room.state.connection, "live");
});

// Everything at once

for (let seed = 1; seed <= 12; seed++) {
  test(`whatever the network does, everybody has the same log in the end (${seed})`, async () => {
    const service = new Service();
    const roll = dice(seed);
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
    assert.equal(service.lines.length, 1);
    assert.ok(types(service, "sync").length < 400, `${types(service, "sync").length} syncs`);
  });
}
