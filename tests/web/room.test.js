import assert from "node:assert/strict";
import { test } from "node:test";
import { Service, enterRoom, findPerson, ids, settle, texts } from "./fakes.js";

test("enter returns the room, its users and its last messages", async () => {
  const service = new Service();
  service.seat("grace");
  service.say("grace", "hi");
  const { room } = await service.enter("ada");
  assert.equal(room.state.connection, "live");
  assert.deepEqual(texts(room), ["grace joined the room", "hi", "ada joined the room"]);
  assert.deepEqual(room.state.participants.map(({ id, is_you }) => [id, is_you]), [["grace", false], ["ada", true]]);
  assert.equal(room.state.hasEarlier, false);
});

test("a message with a frame and an ack is shown once", async () => {
  const { service, room } = await enterRoom();
  const said = room.say("Tea?");
  assert.deepEqual(room.state.pending.map(({ text, status }) => [text, status]), [["Tea?", "sending"]]);
  await service.clock.pass(50);
  assert.equal((await said).seq, 2);
  assert.deepEqual([texts(room), room.state.pending], [["ada joined the room", "Tea?"], []]);
});

test("messages are stored in the order of say", async () => {
  const { service, room } = await enterRoom();
  let delay = 100;
  service.network = () => [(delay -= 10)];
  for (const text of ["one", "two", "three"]) room.say(text);
  delay = 100;
  await service.clock.pass(2000);
  assert.deepEqual(service.log.map(({ text }) => text).slice(1), ["one", "two", "three"]);
});

test("a message that comes before its ack is no longer pending", async () => {
  const { service, room } = await enterRoom();
  const shown = [];
  room.subscribe(({ messages, pending }) => shown.push(messages.length + pending.length));
  service.divert("message", 1, (connection, frame) => {
    const message = service.say("ada", frame.data.text);
    service.clock.set(() => service.post(connection, { type: "ack", ref: frame.id, data: message }), 500);
  });
  await service.wait(room.say("Tea?"));
  assert.ok(shown.every((count) => count <= 2), shown.join());
});

test("each gap causes one sync, without a delay", async () => {
  const { service, room } = await enterRoom();
  for (let gap = 1; gap <= 5; gap++) {
    service.loseFrames(() => service.say("grace", "lost"));
    for (let count = 0; count < 20; count++) service.say("grace", `after ${count}`);
    await service.clock.pass(300);
    assert.deepEqual(room.state.messages, service.log);
    assert.equal(service.sent("sync").length, 1 + gap);
  }
});

test("messages that overtake each other cause no sync", async () => {
  const { service, room } = await enterRoom();
  let delay = 150;
  service.network = () => [(delay -= 30)];
  for (const text of ["a", "b", "c"]) service.say("grace", text);
  await service.clock.pass(1000);
  assert.deepEqual(texts(room).slice(1), ["a", "b", "c"]);
  assert.equal(service.frames.length, 1);
});

test("an unused number delays messages, and causes few syncs", async () => {
  const { service, room } = await enterRoom();
  service.allocate();
  for (let count = 0; count < 60; count++) {
    service.say("grace", `line ${count}`);
    await service.clock.pass(1000);
  }
  await service.clock.pass(40_000);
  assert.equal(room.state.messages.length, 61);
  assert.ok(service.sent("sync").length < 12);
});

test("an entry without a message counts, and delays nothing", async () => {
  const { service, room } = await enterRoom();
  const told = [];
  room.on("frame", ({ type, seq }) => told.push([type, seq]));
  room.on("message", ({ seq }) => told.push(seq));
  service.push({ type: "seq_unused", seq: service.allocate() });
  service.say("grace", "Tea?");
  service.push({ type: "a_later_version", seq: service.allocate(), data: { target_seq: 3 } });
  service.push({ type: "wave", from: "grace", connection: "c9", seq: 5 }); // this number is its sender's
  service.say("grace", "Coffee?");
  await service.clock.pass(300);
  assert.deepEqual(told, [3, ["a_later_version", 4], ["wave", 5], 5]);
  assert.deepEqual(texts(room).slice(1), ["Tea?", "Coffee?"]);
  assert.equal(service.sent("sync").length, 1);
});

test("a reaction does not wait for the messages before it", async () => {
  const { service, room } = await enterRoom();
  const told = [];
  room.on("reaction", ({ text }) => told.push(`${text} flies`));
  room.on("message", ({ text }) => told.push(text));
  service.loseFrames(() => service.say("grace", "lost"));
  service.say("grace", "🍵", { isEmoji: true });
  await service.clock.pass(1000);
  assert.deepEqual(told, ["🍵 flies", "lost", "🍵"]);
});

test("the next ping finds the loss of the last message", async () => {
  const { service, room } = await enterRoom();
  service.loseFrames(() => service.say("grace", "lost"));
  await service.clock.pass(31_000);
  assert.equal(texts(room).at(-1), "lost");
});

test("each new message is one event; recovered has the missed ones", async () => {
  const service = new Service();
  service.say("grace", "before");
  const { room, until } = await service.enter("ada");
  const told = [];
  room.on("message", ({ text }) => told.push(text));
  room.on("recovered", ({ complete, messages }) => told.push([complete, messages.map(({ text }) => text)]));
  service.say("grace", "one");
  await service.clock.pass(100);
  service.dropAll();
  service.say("grace", "two");
  service.say("grace", "three");
  await until("live");
  service.say("grace", "four");
  await service.clock.pass(100);
  assert.deepEqual(told, ["one", "two", "three", [true, ["two", "three"]], "four"]);
});

test("after many missed messages, loadEarlier has the rest", async () => {
  const { service, room, until } = await enterRoom();
  const told = [];
  room.on("recovered", ({ complete }) => told.push(complete));
  service.dropAll();
  for (let count = 0; count < 400; count++) service.say("grace", `line ${count}`);
  await until("live");
  assert.deepEqual(told, [false]);
  assert.deepEqual(room.state.messages, service.log.slice(-50));
  assert.ok(room.state.hasEarlier);
  for (let page = 0; page < 8; page++) {
    const loaded = room.loadEarlier();
    assert.equal(room.loadEarlier(), loaded);
    assert.equal(await service.wait(loaded), page < 7);
  }
  assert.deepEqual(room.state.messages, service.log);
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
  assert.deepEqual(states.map(({ pending }) => pending.length), [0, 2]);
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
  const tell = (what) => told.push([what, ids(room), room.state.room.participant_count]);
  room.on("joined", ({ id }) => tell(`+${id}`));
  room.on("left", ({ user_id, reason }) => tell(`-${user_id} ${reason}`));
  service.seat("grace");
  service.unseat("grace", "left");
  await service.clock.pass(100);
  assert.deepEqual(told, [["+grace", ["ada", "grace"], 2], ["-grace left", ["ada"], 1]]);
});

for (const [first, second, delays] of [["frame", "ack", [5, 50]], ["ack", "frame", [50, 5]]])
  test(`an own emoji is one reaction: ${first} before ${second}`, async () => {
    const { service, room } = await enterRoom();
    const flown = [];
    room.on("reaction", ({ text }) => flown.push(text));
    service.network = (direction) => [direction === "up" ? 5 : delays.shift()];
    room.react("🍵");
    await service.clock.pass(1000);
    assert.deepEqual(flown, ["🍵"]);
  });

for (const [name, act] of [
  ["that is newer than the snapshot adds its participant", (service, sync) => {
    service.network = () => [100];
    sync();
    service.network = () => [5];
    service.seat("linus"); // overtakes the snapshot, and waits for it
  }],
  ["that contradicts the snapshot causes a sync", (service, sync) => {
    service.seat("linus");
    service.seats.delete("linus");
    sync();
    service.seats.add("linus");
  }],
])
  test(`a user_joined ${name}`, async () => {
    const { service, room } = await enterRoom();
    service.loseFrames(() => service.say("grace", "lost"));
    service.say("grace", "later");
    service.divert("sync", 1, (connection, frame) => act(service, () => service.receive(connection, frame)));
    await service.clock.pass(1000);
    assert.deepEqual(room.state.messages, service.log);
    assert.deepEqual(ids(room), ["ada", "linus"]);
  });

test("a late user_joined that contradicts the state causes a sync", async () => {
  const { service, room } = await enterRoom();
  service.loseFrames(() => service.seat("grace"));
  const message = service.log.at(-1);
  service.say("ada", "hi");
  service.seats.delete("grace");
  await service.clock.pass(1000);
  assert.deepEqual(ids(room), ["ada"]);
  service.seats.add("grace");
  const data = { participant: service.person("grace"), message };
  service.push({ type: "user_joined", seq: message.seq, data });
  await service.clock.pass(1000);
  assert.deepEqual(ids(room), ["ada", "grace"]);
});

for (const [name, act] of [
  ["gaps", (service) => (service.loseFrames(() => service.say("grace", "lost")), service.say("grace", "later"))],
  ["late frames that contradict the state", (service) => {
    const message = service.log[0];
    service.push({ type: "user_left", seq: message.seq, data: { user_id: "ada", message } });
  }],
  ["signs of speech from a muted user", (service) => {
    service.push({ type: "speaking_changed", from: "grace", data: { user_id: "grace", is_speaking: true } });
  }],
])
  test(`many ${name} cause few syncs`, async () => {
    const service = new Service();
    service.seat("grace");
    const { room } = await service.enter("ada");
    for (let time = 0; time < 40; time++) {
      act(service);
      await service.clock.pass(500);
    }
    const { length } = service.sent("sync");
    assert.ok(length > 2 && length <= 14, `${length} syncs`);
    await service.clock.pass(20_000);
    assert.deepEqual(room.state.messages, service.log);
  });

test("a lost mic_toggled is found when the user speaks", async () => {
  const service = new Service();
  service.seat("grace");
  const { room } = await service.enter("ada");
  service.person = (id) => ({ id, is_muted: false });
  service.push({ type: "speaking_changed", from: "grace", data: { user_id: "grace", is_speaking: true } });
  await service.clock.pass(100);
  assert.equal(findPerson(room, "grace").is_muted, false);
});

test("loadEarlier drops its messages if the log was replaced", async () => {
  const service = new Service();
  for (let count = 0; count < 120; count++) service.say("grace", `line ${count}`);
  const { room } = await service.enter("ada");
  service.latency = (path) => (path.startsWith("/messages") ? 20_000 : 20);
  const loaded = room.loadEarlier();
  service.dropAll();
  for (let count = 0; count < 400; count++) service.say("grace", `more ${count}`);
  assert.ok(await service.wait(loaded));
  assert.deepEqual(room.state.messages, service.log.slice(-50));
});

test("the newest state frame counts, also if it comes first", async () => {
  const { service, room } = await enterRoom();
  for (const [is_muted, second] of [[false, 5], [true, 4]]) {
    const ts = `2026-01-01T00:00:0${second}.000Z`;
    service.push({ type: "mic_toggled", from: "ada", ts, data: { user_id: "ada", is_muted } });
  }
  await service.clock.pass(100);
  assert.equal(findPerson(room, "ada").is_muted, false);
});

test("a participant who is muted or offline is not speaking", async () => {
  const service = new Service();
  service.seat("grace");
  const { room } = await service.enter("ada");
  for (const [type, change, isSpeaking] of [
    ["mic_toggled", { is_muted: false }, false],
    ["speaking_changed", { is_speaking: true }, true],
    ["mic_toggled", { is_muted: true }, false],
    ["mic_toggled", { is_muted: false }, false],
    ["speaking_changed", { is_speaking: true }, true],
    ["presence_changed", { is_online: false }, false],
  ]) {
    service.push({ type, data: { user_id: "grace", ...change } });
    await service.clock.pass(100);
    assert.equal(findPerson(room, "grace").is_speaking, isSpeaking);
  }
});

test("typing ends after six seconds, or with the message", async () => {
  const service = new Service();
  service.seat("grace");
  const { room } = await service.enter("ada");
  for (const end of [() => service.clock.pass(5_900), () => service.say("grace", "hi")]) {
    service.push({ type: "typing", from: "grace", data: { is_typing: true, user_id: "ada" } });
    await service.clock.pass(100);
    assert.deepEqual(room.state.participants.map((one) => [one.id, one.is_typing]), [["grace", true], ["ada", false]]);
    await end();
    await service.clock.pass(100);
    assert.ok(!findPerson(room, "grace").is_typing);
  }
});

test("typing is sent every three seconds, not with each key", async () => {
  const { service, room } = await enterRoom();
  for (let key = 0; key < 60; key++) {
    room.setTyping(true);
    await service.clock.pass(100);
  }
  room.setTyping(false);
  await service.clock.pass(100);
  assert.deepEqual(service.sent("typing").map(({ data }) => data.is_typing), [true, true, false]);
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
  await service.wait(ada.room.request("wave", {}));
  assert.deepEqual(heard, [["signal", "offer", "ada"], ["frame", "wave", { hand: "left" }]]);
});

test("a wrong argument is a TypeError at once", async () => {
  const { service, coworking, room } = await enterRoom();
  const calls = [
    () => room.on("mesage", () => {}), () => room.on("message"), () => room.say(5), () => room.react(), () => room.setMuted("false"),
    () => room.setSpeaking(), () => room.setTyping("x"), () => room.send(), () => room.request({}), () => coworking.enter(), () => coworking.enter(""),
  ];
  for (const call of calls) await assert.rejects(async () => call(), TypeError, `${call}`);
  assert.deepEqual([room.state.pending, service.paths], [[], ["/join"]]);
});

test("the error of one listener does not stop the others", async (context) => {
  const { service, room } = await enterRoom();
  const heard = [];
  const handlers = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  process.on("uncaughtException", ({ message }) => heard.push(message));
  context.after(() => {
    process.removeAllListeners("uncaughtException");
    for (const handler of handlers) process.on("uncaughtException", handler);
  });
  room.on("message", () => {
    throw new Error("mine");
  });
  room.on("message", ({ text }) => heard.push(text));
  service.say("grace", "hi");
  await service.clock.pass(100);
  assert.deepEqual(heard, ["hi", "mine"]);
});

test("leave ends the room, and pending messages fail", async () => {
  const { service, room } = await enterRoom();
  service.divert("message");
  const said = assert.rejects(room.say("never"), { code: "left" });
  await service.wait(room.leave());
  await said;
  assert.deepEqual([room.state.connection, room.state.ended.code], ["ended", "left"]);
  assert.deepEqual(room.state.pending.map(({ text, status }) => [text, status]), [["never", "failed"]]);
  assert.deepEqual([[...service.seats], service.connections], [[], []]);
});

for (const [during, calls, paths] of [
  ["a rejoin gives up the new seat", 3, ["/join", "/ticket", "/join", "/leave"]],
  ["a ticket request takes no new seat", 2, ["/join", "/ticket", "/leave"]],
])
  test(`leave during ${during}`, async () => {
    const { service, room } = await enterRoom();
    service.seats.delete("ada");
    service.dropAll();
    await service.clock.until(() => service.calls.length === calls);
    const left = room.leave();
    assert.equal(room.state.connection, "ended");
    await service.wait(left);
    assert.deepEqual([service.paths, [...service.seats]], [paths, []]);
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
