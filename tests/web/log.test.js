import assert from "node:assert/strict";
import { test } from "node:test";
import { createLog } from "../../web/sdk/log.js";

const message = (seq) => ({ seq, text: `#${seq}` });
const snapshot = (seqs, last_seq, recovered = true) => ({ messages: seqs.map(message), last_seq, recovered });
const numbers = (entries) => entries.map((entry) => (entry.message ?? entry).seq);

function started(...seqs) {
  const log = createLog();
  log.applySnapshot(snapshot(seqs, seqs.at(-1) ?? 0, false), null);
  return log;
}

test("the next message is released at once", () => {
  const log = started(1, 2);
  assert.deepEqual(numbers(log.add(message(3))), [3]);
  assert.deepEqual(numbers(log.messages), [1, 2, 3]);
});

test("a message that comes twice is dropped", () => {
  const log = started(1);
  log.add(message(2));
  assert.deepEqual(log.add(message(2)), []);
  assert.deepEqual(log.add(message(1)), []);
  assert.deepEqual(numbers(log.messages), [1, 2]);
});

test("messages after a gap wait until the gap is filled", () => {
  const log = started(1);
  assert.deepEqual(log.add(message(4)), []);
  assert.deepEqual(log.add(message(3)), []);
  assert.ok(log.hasGap());
  assert.deepEqual(numbers(log.add(message(2))), [2, 3, 4]);
  assert.ok(!log.hasGap());
});

test("messages before the first snapshot wait for it", () => {
  const log = createLog();
  assert.deepEqual(log.add(message(9)), []);
  assert.ok(!log.hasGap());
  const { entries, isComplete } = log.applySnapshot(snapshot([7, 8], 8, false), null);
  assert.deepEqual(numbers(entries), [7, 8, 9]);
  assert.ok(!isComplete);
});

test("a snapshot fills gaps, and tells which numbers are unused", () => {
  const log = started(1);
  log.add(message(6));
  const { entries, isComplete } = log.applySnapshot(snapshot([3, 6], 6), 1);
  assert.deepEqual(numbers(entries), [3, 6]);
  assert.ok(isComplete);
  assert.equal(log.contiguousSeq, 6);
});

test("messages of a snapshot wait if a number before them may still be used", () => {
  const log = started(1);
  assert.deepEqual(numbers(log.applySnapshot(snapshot([2, 4], 2), 1).entries), [2]);
  assert.ok(log.hasGap());
  assert.deepEqual(numbers(log.add(message(3))), [3, 4]);
});

test("waiting messages are shown if the service lacks the missing one, too", () => {
  const log = started(1);
  log.add(message(3));
  assert.deepEqual(numbers(log.messages), [1]);
  assert.deepEqual(log.applySnapshot(snapshot([3], 1), 1).entries, [], "its turn comes later");
  log.add(message(6));
  log.add(message(5));
  assert.deepEqual(numbers(log.messages), [1, 3, 5, 6]);
  assert.deepEqual([log.covers(3), log.shows(3), log.shows(2), log.hasGap()], [false, true, false, true]);
});

test("a message that fills a confirmed gap comes to its place", () => {
  const log = started(1);
  log.applySnapshot(snapshot([3], 1), 1);
  assert.deepEqual(numbers(log.add(message(2))), [2, 3]);
  assert.deepEqual(numbers(log.messages), [1, 2, 3]);
  log.add(message(5));
  assert.deepEqual(numbers(log.messages), [1, 2, 3], "the next hole is another");
});

test("an unused number is skipped once the service is sure", () => {
  const log = started(1);
  log.applySnapshot(snapshot([3], 1), 1);
  assert.deepEqual(numbers(log.applySnapshot(snapshot([3], 3), 1).entries), [3]);
  assert.deepEqual([numbers(log.messages), log.contiguousSeq, log.hasGap()], [[1, 3], 3, false]);
});

test("the array of messages stays the same until it changes", () => {
  const log = started(1);
  const { messages } = log;
  log.add(message(1));
  log.add(message(3));
  assert.equal(log.messages, messages);
});

test("an incomplete snapshot replaces the log", () => {
  const log = started(1, 2);
  log.add(message(5));
  log.add(message(402));
  const { entries, isComplete } = log.applySnapshot(snapshot([399, 400], 400, false), 2);
  assert.ok(!isComplete);
  assert.deepEqual(numbers(entries), [399, 400]);
  assert.deepEqual(numbers(log.messages), [399, 400]);
  assert.deepEqual(numbers(log.add(message(401))), [401, 402]);
});

test("a snapshot that overlaps with the log keeps it", () => {
  const log = started(1, 2, 3);
  const { entries, isComplete } = log.applySnapshot(snapshot([3, 4], 4, false), 3);
  assert.ok(isComplete);
  assert.deepEqual(numbers(entries), [4]);
  assert.deepEqual(numbers(log.messages), [1, 2, 3, 4]);
});

test("an older snapshot does not remove newer messages", () => {
  const log = started(1);
  log.add(message(2));
  log.add(message(3));
  assert.deepEqual(log.applySnapshot(snapshot([2], 2), 1).entries, []);
  assert.equal(log.contiguousSeq, 3);
});

test("a log that lost messages on the service loses them here, and nothing is released twice", () => {
  const log = started(1, 2, 3, 4);
  log.add(message(6));
  const { entries, isComplete } = log.applySnapshot(snapshot([1, 2], 2, false), 4);
  assert.ok(!isComplete);
  assert.deepEqual(entries, []);
  assert.deepEqual(numbers(log.messages), [1, 2]);
  assert.deepEqual(numbers(log.add(message(3))), [3]);
});

test("an empty room has an empty log", () => {
  const log = started();
  assert.equal(log.contiguousSeq, 0);
  assert.deepEqual(numbers(log.add(message(1))), [1]);
});

test("earlier messages are put in front", () => {
  const log = started(3, 4);
  log.prepend([message(1), message(2)]);
  assert.deepEqual(numbers(log.messages), [1, 2, 3, 4]);
  assert.equal(log.contiguousSeq, 4);
});
