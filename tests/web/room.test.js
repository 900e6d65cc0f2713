import assert from "node:assert/strict";
import { test } from "node:test";
import { Service, enterRoom, numbers, settle, texts } from "./fakes.js";

test("enter returns the room, its participants and its last messages", async () => {
  const service = new Service();
  service.seat("grace");
  service.say("grace", "hi");
  const { room } = await service.enter("ada");
  assert.equal(room.state.connection, "live");
  assert.deepEqual(texts(room), ["grace joined the room", "hi", "ada joined the room"]);
  assert.deepEqual(room.state.participants.map(({ id, is_you }) => [id, is_you]), [["grace", false], ["ada", true]]);
  assert.equal(room.state.hasEarlier, false);
});

test("a message is shown once, though it comes as a frame and as an acknowledgement", async () => {
  const { service, room } = await enterRoom();
  const said = room.say("Tea?");
  assert.deepEqual(room.state.pending.map(({ text, status }) => [text, status]), [["Tea?", "sending"]]);
  await service.clock.pass(50);
  assert.equal((await said).seq, 2);
  assert.deepEqual(texts(room), ["ada joined the room", "Tea?"]);
  assert.deepEqual(room.state.pending, []);
});

test("messages are stored in the order of say, even if frames overtake each other", async () => {
  const { service, room } = await enterRoom();
  let delay = 100;
  service.network = () => [(delay -= 10)];
  for (const text of ["one", "two", "three"]) room.say(text);
  delay = 100;
  await service.clock.pass(2000);
  assert.deepEqual(service.log.map(({ text }) => text).slice(1), ["one", "two", "three"]);
});

test("a message that comes before its acknowledgement is no longer pending", async () => {
  const { service, room } = await enterRoom();
  service.network = (_, direction) => [direction === "down" ? 5 : 5];
  const shown = [];
  room.subscribe(({ messages, pending }) => shown.push(messages.length + pending.length));
  const said = room.say("Tea?");
  service.hook = (connection, frame) => {
    const message = service.say("ada", frame.data.text);
    service.clock.set(() => service.post(connection, { type: "ack", ref: frame.id, data: message }), 500);
    return true;
  };
  await service.clock.pass(1000);
  await said;
  assert.ok(shown.every((count) => count <= 2), shown.join());
});

test("one gap makes one sync", async () => {
  const { service, room } = await enterRoom();
  service.network = () => [];
  service.say("grace", "lost");
  service.network = () => [5];
  for (let count = 0; count < 20; count++) service.say("grace", `after ${count}`);
  const before = service.frames.length;
  await service.clock.pass(1000);
  assert.equal(service.frames.slice(before).filter(({ type }) => type === "sync").length, 1);
  assert.deepEqual(numbers(room), service.log.map(({ seq }) => seq));
});

test("messages that overtake each other make no sync", async () => {
  const { service, room } = await enterRoom();
  const before = service.frames.length;
  let delay = 150;
  service.network = () => [(delay -= 30)];
  for (const text of ["a", "b", "c"]) service.say("grace", text);
  await service.clock.pass(1000);
  assert.deepEqual(texts(room).slice(1), ["a", "b", "c"]);
  assert.equal(service.frames.length, before);
});

test("an unused number delays messages for a minute, and costs few syncs", async () => {
  const { service, room } = await enterRoom();
  service.allocate();
  for (let count = 0; count < 60; count++) {
    service.say("grace", `line ${count}`);
    await service.clock.pass(1000);
  }
  await service.clock.pass(40_000);
  assert.equal(numbers(room).length, 61);
  assert.ok(service.frames.filter(({ type }) => type === "sync").length < 12);
});

test("the next ping finds the loss of the last message", async () => {
  const { service, room } = await enterRoom();
  service.network = () => [];
  service.say("grace", "lost");
  service.network = () => [5];
  await service.clock.pass(31_000);
  assert.equal(texts(room).at(-1), "lost");
});

test("each new message is one event, in order", async () => {
  const service = new Service();
  service.say("grace", "before");
  const { room } = await service.enter("ada");
  const told = [];
  room.on("message", ({ text }) => told.push(text));
  service.say("grace", "one");
  await service.clock.pass(100);
  service.dropAll();
  service.say("grace", "two");
  await service.clock.pass(10_000);
  service.say("grace", "three");
  await service.clock.pass(100);
  assert.deepEqual(told, ["one", "two", "three"]);
});

test("after a reconnect, recovered has the missed messages", async () => {
  const { service, room } = await enterRoom();
  const told = [];
  room.on("recovered", ({ complete, messages }) => told.push([complete, messages.map(({ text }) => text)]));
  service.dropAll();
  service.say("grace", "one");
  service.say("grace", "two");
  await service.clock.until(() => room.state.connection === "live");
  assert.deepEqual(told, [[true, ["one", "two"]]]);
});

test("after many missed messages the log starts anew, and loadEarlier has the rest", async () => {
  const { service, room } = await enterRoom();
  const told = [];
  room.on("recovered", ({ complete }) => told.push(complete));
  service.dropAll();
  for (let count = 0; count < 400; count++) service.say("grace", `line ${count}`);
  await service.clock.until(() => room.state.connection === "live");
  assert.deepEqual(told, [false]);
  assert.deepEqual(numbers(room), service.log.slice(-50).map(({ seq }) => seq));
  assert.ok(room.state.hasEarlier);
  for (let page = 0; page < 8; page++) {
    const loaded = room.loadEarlier();
    assert.equal(room.loadEarlier(), loaded);
    await service.clock.pass(100);
    assert.equal(await loaded, page < 7);
  }
  assert.deepEqual(numbers(room), service.log.map(({ seq }) => seq));
  assert.ok(!room.state.hasEarlier);
});

test("subscribers are called at once, and then once in a turn", async () => {
  const { service, room } = await enterRoom();
  const states = [];
  const off = room.subscribe((state) => states.push(state));
  assert.deepEqual(states, [room.state]);
  room.say("one");
  room.say("two");
  assert.equal(states.length, 1);
  await settle();
  assert.equal(states.length, 2);
  assert.equal(states[1].pending.length, 2);
  off();
  await service.clock.pass(1000);
  assert.equal(states.length, 2);
});

test("states are frozen", async () => {
  const { service, room } = await enterRoom();
  const { state } = room;
  const copy = structuredClone(state);
  service.say("grace", "hi");
  service.seat("linus");
  await service.clock.pass(100);
  assert.deepEqual(structuredClone(state), copy);
  assert.notEqual(room.state, state);
  assert.throws(() => room.state.messages.push({}), TypeError);
  assert.throws(() => (room.state.participants[0].name = "x"), TypeError);
});

test("a frame that changes nothing calls no subscriber", async () => {
  const { service, room } = await enterRoom();
  let count = 0;
  room.subscribe(() => count++);
  service.push({ type: "wave", from: "grace", data: {} });
  service.push({ type: "mic_toggled", from: "ada", data: { user_id: "ada", is_muted: true } });
  await service.clock.pass(100);
  assert.equal(count, 1);
});

test("participants join and leave", async () => {
  const { service, room } = await enterRoom();
  const told = [];
  room.on("joined", ({ id }) => told.push(`+${id}`));
  room.on("left", ({ user_id, reason }) => told.push(`-${user_id} ${reason}`));
  service.seat("grace");
  await service.clock.pass(100);
  assert.deepEqual(room.state.participants.map(({ id }) => id), ["ada", "grace"]);
  assert.equal(room.state.room.participant_count, 2);
  service.unseat("grace", "left");
  await service.clock.pass(100);
  assert.deepEqual(room.state.participants.map(({ id }) => id), ["ada"]);
  assert.deepEqual(told, ["+grace", "-grace left"]);
});

test("an own emoji is one reaction, whether frame or acknowledgement comes first", async () => {
  for (const delays of [[5, 50], [50, 5]]) {
    const service = new Service();
    const { room } = await service.enter("ada");
    const flown = [];
    room.on("reaction", ({ text }) => flown.push(text));
    service.network = (_, direction) => [direction === "up" ? 5 : delays.shift()];
    room.react("🍵");
    await service.clock.pass(1000);
    assert.deepEqual(flown, ["🍵"]);
  }
});

test("a user_joined that is newer than the snapshot adds its participant", async () => {
  const { service, room } = await enterRoom();
  service.network = () => [];
  service.say("grace", "lost");
  service.network = () => [5];
  service.say("grace", "later");
  service.hook = (connection, frame) => {
    service.hook = () => false;
    service.network = () => [100];
    service.receive(connection, frame);
    service.network = () => [5];
    service.seat("linus"); // overtakes the snapshot, and waits for it
    return true;
  };
  await service.clock.pass(1000);
  assert.deepEqual(numbers(room), [1, 2, 3, 4]);
  assert.deepEqual(room.state.participants.map(({ id }) => id), ["ada", "linus"]);
});

test("a user_joined that contradicts the snapshot makes a sync", async () => {
  const { service, room } = await enterRoom();
  service.network = () => [];
  service.say("grace", "lost");
  service.network = () => [5];
  service.say("grace", "later");
  service.hook = (connection, frame) => {
    service.hook = () => false;
    service.seat("linus");
    service.seats.delete("linus");
    service.receive(connection, frame);
    service.seats.add("linus");
    return true;
  };
  await service.clock.pass(1000);
  assert.deepEqual(room.state.participants.map(({ id }) => id), ["ada", "linus"]);
});

test("loadEarlier drops its messages if a snapshot has replaced the log", async () => {
  const service = new Service();
  for (let count = 0; count < 120; count++) service.say("grace", `line ${count}`);
  const { room } = await service.enter("ada");
  const { fetch } = service;
  service.fetch = async (user, url, init) => {
    if (url.includes("/messages")) await new Promise((resolve) => service.clock.set(resolve, 20_000));
    return fetch.call(service, user, url, init);
  };
  const loaded = room.loadEarlier();
  service.dropAll();
  for (let count = 0; count < 400; count++) service.say("grace", `more ${count}`);
  await service.clock.pass(40_000);
  assert.ok(await loaded);
  assert.deepEqual(numbers(room), service.log.slice(-50).map(({ seq }) => seq));
});

test("a late user_joined that contradicts the participants makes a sync", async () => {
  const { service, room } = await enterRoom();
  service.person = () => ({ id: "ada", name: "ada" });
  service.network = () => [];
  service.seat("grace");
  delete service.person;
  service.network = () => [5];
  const { seq } = service.log.at(-1);
  service.say("ada", "hi");
  service.seats.delete("grace");
  await service.clock.pass(1000);
  assert.equal(room.state.participants.length, 1);
  service.seats.add("grace");
  service.push({ type: "user_joined", seq, data: { participant: service.person("grace"), message: service.log.find((one) => one.seq === seq) } });
  await service.clock.pass(1000);
  assert.deepEqual(room.state.participants.map(({ id }) => id), ["ada", "grace"]);
});

test("the newest state frame counts, though an older one comes last", async () => {
  const { service, room } = await enterRoom();
  const tell = (is_muted, second) =>
    service.push({ type: "mic_toggled", from: "ada", ts: `2026-01-01T00:00:0${second}.000Z`, data: { user_id: "ada", is_muted } });
  tell(false, 5);
  tell(true, 4);
  await service.clock.pass(100);
  assert.equal(room.state.participants[0].is_muted, false);
});

test("a participant who is muted or offline is not speaking", async () => {
  const service = new Service();
  service.seat("grace");
  const { room } = await service.enter("ada");
  const grace = () => room.state.participants.find(({ id }) => id === "grace");
  const tell = async (type, data) => {
    service.push({ type, data: { user_id: "grace", ...data } });
    await service.clock.pass(100);
  };
  for (const [type, quiet] of [["mic_toggled", { is_muted: true }], ["presence_changed", { is_online: false }]]) {
    await tell("speaking_changed", { is_speaking: true });
    assert.ok(grace().is_speaking);
    await tell(type, quiet);
    assert.ok(!grace().is_speaking);
  }
});

test("typing ends after six seconds, or with the message", async () => {
  const service = new Service();
  service.seat("grace");
  const { room } = await service.enter("ada");
  const grace = () => room.state.participants.find(({ id }) => id === "grace");
  const type = async () => {
    service.push({ type: "typing", from: "grace", data: { is_typing: true, user_id: "ada" } });
    await service.clock.pass(100);
    assert.ok(grace().is_typing);
  };
  await type();
  assert.ok(!room.state.participants.find(({ id }) => id === "ada").is_typing);
  await service.clock.pass(6_000);
  assert.ok(!grace().is_typing);
  await type();
  service.say("grace", "hi");
  await service.clock.pass(100);
  assert.ok(!grace().is_typing);
});

test("typing is sent every three seconds, not with each key", async () => {
  const { service, room } = await enterRoom();
  for (let key = 0; key < 60; key++) {
    room.setTyping(true);
    await service.clock.pass(100);
  }
  room.setTyping(false);
  await service.clock.pass(100);
  const sent = service.frames.filter(({ type }) => type === "typing").map(({ data }) => data.is_typing);
  assert.deepEqual(sent, [true, true, false]);
});

test("signals and frames of other clients are events", async () => {
  const service = new Service();
  const ada = await service.enter("ada");
  const grace = await service.enter("grace");
  const heard = [];
  grace.room.on("signal", ({ type, from }) => heard.push(["signal", type, from]));
  const off = grace.room.on("frame", ({ type, data }) => heard.push(["frame", type, data]));
  assert.ok(ada.room.send("offer", { sdp: "" }, { to: "grace" }));
  assert.ok(ada.room.send("wave", { hand: "left" }));
  await service.clock.pass(100);
  off();
  const passed = ada.room.request("wave", {});
  await service.clock.pass(100);
  await passed;
  assert.deepEqual(heard, [["signal", "offer", "ada"], ["frame", "wave", { hand: "left" }]]);
});

test("the error of one listener does not stop the others", async (context) => {
  const { service, room } = await enterRoom();
  const failures = [];
  const handlers = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  process.on("uncaughtException", (error) => failures.push(error.message));
  context.after(() => {
    process.removeAllListeners("uncaughtException");
    for (const handler of handlers) process.on("uncaughtException", handler);
  });
  const heard = [];
  room.on("message", () => {
    throw new Error("mine");
  });
  room.on("message", ({ text }) => heard.push(text));
  service.say("grace", "hi");
  await service.clock.pass(100);
  assert.deepEqual(heard, ["hi"]);
  assert.deepEqual(failures, ["mine"]);
});

test("leave ends the room, and pending messages fail", async () => {
  const { service, room } = await enterRoom();
  service.hook = (_, { type }) => type === "message";
  const said = assert.rejects(room.say("never"), { code: "left" });
  const left = room.leave();
  await service.clock.pass(1000);
  await left;
  await said;
  assert.equal(room.state.connection, "ended");
  assert.equal(room.state.ended.code, "left");
  assert.deepEqual(room.state.pending.map(({ text, status }) => [text, status]), [["never", "failed"]]);
  assert.deepEqual([...service.seats], []);
  assert.deepEqual(service.connections, []);
});

test("leave during a rejoin gives up the new seat", async () => {
  const { service, room } = await enterRoom();
  service.seats.delete("ada");
  service.dropAll();
  const { fetch } = service;
  service.fetch = async (user, url, init) => {
    if (url.endsWith("/join")) await new Promise((resolve) => service.clock.set(resolve, 500));
    return fetch.call(service, user, url, init);
  };
  let isJoining = false;
  service.intercept = ({ path }) => void (isJoining ||= path === "/ticket");
  await service.clock.until(() => isJoining);
  const left = room.leave();
  assert.equal(room.state.connection, "ended");
  await service.clock.pass(1000);
  await left;
  assert.deepEqual(service.calls.map(({ path }) => path), ["/join", "/ticket", "/join", "/leave"]);
  assert.deepEqual([...service.seats], []);
});

test("leave during a ticket request takes no new seat", async () => {
  const { service, room } = await enterRoom();
  service.seats.delete("ada");
  service.dropAll();
  await service.clock.until(() => service.calls.length === 2);
  const left = room.leave();
  await service.clock.pass(1000);
  await left;
  assert.deepEqual(service.calls.map(({ path }) => path), ["/join", "/ticket", "/leave"]);
});

test("close keeps the seat", async () => {
  const { service, room } = await enterRoom();
  room.close();
  await service.clock.pass(120_000);
  assert.equal(room.state.ended.code, "closed");
  assert.deepEqual([...service.seats], ["ada"]);
  assert.equal(service.openedAt.length, 1);
  await assert.rejects(room.say("x"), { code: "closed" });
});
