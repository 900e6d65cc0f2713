import assert from "node:assert/strict";
import { test } from "node:test";
import { createChanges, fold } from "../../web/sdk/entries.js";
import { createLog } from "../../web/sdk/log.js";
import { Service, enterRoom } from "./fakes.js";

const message = (more = {}) => ({ seq: 1, text: "Tea", edited_at: null, deleted: false, reply_to: null, mentions: [], reactions: [], ...more });
const edit = (seq, text) => ({ type: "message_edited", seq, data: { target_seq: 1, text, edited_at: `at ${seq}`, mentions: [text] } });
const remove = (seq) => ({ type: "message_deleted", seq, data: { target_seq: 1, by: "ada", reason: null } });
const react = (seq, emoji, user_id, on, count) => ({ type: "reactions_changed", seq, data: { target_seq: 1, emoji, user_id, on, count } });
const DELETED = message({ text: "", deleted: true });
const TEA = { emoji: "🍵", count: 1, me: false };

function* permute(list) {
  if (!list.length) yield [];
  for (const [index, one] of list.entries()) for (const rest of permute(list.toSpliced(index, 1))) yield [one, ...rest];
}

for (const [name, changes, expected, base = message()] of [
  ["the edit with the highest number wins", [edit(2, "a"), edit(4, "c"), edit(3, "b")], message({ text: "c", edited_at: "at 4", mentions: ["c"] })],
  ["a deletion takes text, mentions and reactions", [edit(2, "a"), react(3, "🍵", "ben", true, 1), remove(4)], message({ ...DELETED, edited_at: "at 2" })],
  ["after a deletion nothing changes", [remove(2), edit(3, "a"), react(4, "🍵", "ben", true, 1)], DELETED],
  ["a message that came deleted stays deleted", [edit(3, "a")], DELETED, DELETED],
  ["an emoji has the count with the highest number", [react(2, "🍵", "ben", true, 1), react(3, "🍵", "cleo", true, 2), react(4, "🍵", "ben", false, 1)],
    message({ reactions: [TEA] })],
  ["an emoji that nobody uses is gone", [react(2, "🍵", "ben", true, 1), react(3, "🍵", "ben", false, 0)], message()],
  ["me tells the last own reaction", [react(2, "🍵", "you", true, 1), react(3, "🍵", "ben", true, 2), react(4, "👏", "you", true, 1), react(5, "👏", "you", false, 0)],
    message({ reactions: [{ emoji: "🍵", count: 2, me: true }] })],
  ["a reaction of others keeps me", [react(2, "🍵", "ben", true, 4)], message({ reactions: [{ emoji: "🍵", count: 4, me: true }] }),
    message({ reactions: [{ emoji: "🍵", count: 3, me: true }] })],
  ["the most frequent emoji comes first", [react(2, "🍵", "ben", true, 1), react(3, "👏", "ben", true, 1), react(4, "👏", "cleo", true, 2)],
    message({ reactions: [{ emoji: "👏", count: 2, me: false }, TEA] })],
])
  test(`in any order, ${name}`, () => {
    for (const order of permute(changes)) {
      assert.deepEqual(fold(base, [...order, ...order], "you"), expected);
      const kept = createChanges();
      for (const change of [...order, ...order]) kept.add(change);
      assert.deepEqual(kept.apply(base, "you"), expected);
      assert.equal(kept.apply(base, "you"), kept.apply(base, "you"));
    }
  });

test("a reply shows the first 100 characters of its original now", () => {
  const reply = message({ seq: 9, reply_to: { seq: 1, user: "Ada", text: "Tea" } });
  const kept = createChanges();
  kept.add(edit(8, "older than the reply"));
  assert.equal(kept.apply(reply), reply);
  for (const [change, text] of [[edit(10, "🍵".repeat(101)), "🍵".repeat(100)], [remove(11), ""]]) {
    kept.add(change);
    assert.deepEqual(kept.apply(reply), { ...reply, reply_to: { seq: 1, user: "Ada", text } });
  }
});

test("a message has the changes that came before it", () => {
  const log = createLog();
  const snapshot = { messages: [], last_seq: 0, recovered: false, you: { user_id: "you" } };
  log.applySnapshot(snapshot, null);
  log.add({ seq: 2, frame: edit(2, "a") });
  const released = log.add({ seq: 1, message: message(), frame: { type: "message_sent" } });
  assert.deepEqual([released.map((one) => one.message?.text), log.messages[0].text, log.contiguousSeq], [["a", undefined], "a", 2]);
});

for (const [name, missed] of [["complete", 1], ["incomplete", 400]])
  test(`changes that were missed are shown after ${name === "complete" ? "a" : "an"} ${name} recovery`, async () => {
    const { service, room, until } = await enterRoom();
    const told = [];
    room.on("frame", ({ type }) => told.push(type));
    const [first, second] = [service.say("grace", "one"), service.say("grace", "two")];
    await service.clock.pass(100);
    service.dropAll();
    for (let count = 0; count < missed; count++) service.change("reactions_changed", second.seq, { emoji: "🍵", user_id: "ada", on: true, count: 1 });
    service.change("message_deleted", first.seq, { by: "grace", reason: null });
    await until("live");
    assert.deepEqual(room.state.messages, service.log);
    assert.equal(room.state.messages.at(-1).reactions[0]?.me, true);
    assert.deepEqual(told, name === "complete" ? ["reactions_changed", "message_deleted"] : []);
    service.change("message_edited", second.seq, { text: "three", edited_at: "now", mentions: [] });
    await service.clock.pass(100);
    assert.equal(room.state.messages.at(-1).text, "three");
  });

test("a change waits for no number before it", async () => {
  const { service, room } = await enterRoom();
  const { seq } = service.say("grace", "Tea?");
  service.allocate();
  service.change("message_edited", seq, { text: "Coffee?", edited_at: "now", mentions: [] });
  await service.clock.pass(100);
  assert.equal(room.state.messages.at(-1).text, "Coffee?");
});

test("earlier messages have the changes that came while they loaded", async () => {
  const service = new Service();
  const [first, second] = [service.say("grace", "one"), service.say("grace", "two")];
  for (let count = 0; count < 60; count++) service.say("grace", `line ${count}`);
  const { room } = await service.enter("ada");
  service.change("message_edited", first.seq, { text: "before", edited_at: "now", mentions: [] });
  await service.clock.pass(100);
  const answer = structuredClone(service.log.slice(0, 20));
  answer[0].text = "newer"; // of an edit whose frame is late
  service.intercept = () => Response.json({ messages: answer, has_more: false });
  const loaded = room.loadEarlier();
  service.change("message_deleted", second.seq, { by: "grace", reason: null });
  await service.wait(loaded);
  assert.deepEqual(room.state.messages.slice(0, 2).map(({ text, deleted }) => [text, deleted]), [["newer", undefined], ["", true]]);
});

test("replies, edits and reactions are frames", async () => {
  const { service, room } = await enterRoom();
  room.say("Tea?", { replyTo: 1, mentions: ["grace"] });
  room.editMessage(2, "Coffee?", { mentions: [] });
  room.reactTo(2, "🍵");
  room.reactTo(2, "👏", false);
  await service.clock.pass(1000);
  assert.deepEqual(service.frames.slice(1).map(({ type, data }) => [type, data]), [
    ["message", { text: "Tea?", reply_to: 1, mentions: ["grace"] }],
    ["edit", { seq: 2, text: "Coffee?", mentions: [] }],
    ["react", { seq: 2, emoji: "🍵", on: true }],
    ["react", { seq: 2, emoji: "👏", on: false }],
  ]);
  for (const call of [() => room.editMessage(2, ""), () => room.deleteMessage("2"), () => room.reactTo(2), () => room.markRead("2")])
    await assert.rejects(async () => call(), TypeError, `${call}`);
});

test("a failed reply is sent again as a reply", async () => {
  const { service, room } = await enterRoom();
  service.refuse("message", 1, { code: "invalid_request" });
  await assert.rejects(service.wait(room.say("Tea?", { replyTo: 9 })), { code: "invalid_request" });
  const [{ key, replyTo }] = room.state.pending;
  await service.wait(room.retry(key));
  assert.deepEqual([replyTo, service.sent("message").map(({ data }) => data.reply_to)], [9, [9, 9]]);
});

test("of many toggles of an emoji the last one counts", async () => {
  const { service, room } = await enterRoom();
  for (const on of [true, false, true, false]) room.reactTo(1, "🍵", on);
  await service.clock.pass(1000);
  assert.deepEqual(service.sent("react").map(({ data }) => data.on), [true, false]);
});

test("reading is told every eleven seconds at most, and at the end", async () => {
  const { service, room } = await enterRoom();
  for (let seq = 1; seq <= 41; seq++) {
    room.markRead(seq);
    await service.clock.pass(1000);
  }
  await service.clock.pass(60_000);
  room.markRead(7);
  room.markRead(42);
  room.markRead(43);
  await service.wait(room.leave());
  assert.deepEqual(service.sent("read").map(({ data }) => data.seq), [1, 11, 22, 33, 41, 42, 43]);
});

test("reading without a connection is told on the next one", async () => {
  const { service, room, until } = await enterRoom();
  service.say("grace", "Tea?");
  await service.clock.pass(100);
  service.dropAll();
  room.markRead();
  await until("live");
  await service.clock.pass(11_000);
  assert.deepEqual(service.sent("read").map(({ data }) => data.seq), [2]);
});
