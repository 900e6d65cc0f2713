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

test("a message that follows has its turn at once", () => {
  const log = started(1, 2);
  assert.deepEqual(numbers(log.add(message(3))), [3]);
  assert.deepEqual(numbers(log.messages), [1, 2, 3]);
});

test("a message that comes again is dropped", () => {
  const log = started(1);
  log.add(message(2));
  assert.deepEqual(log.add(message(2)), []);
  assert.deepEqual(log.add(message(1)), []);
  assert.deepEqual(numbers(log.messages), [1, 2]);
});

test("messages that overtook others wait for them", () => {
  const log = started(1);
  assert.deepEqual(log.add(message(4)), []);
  assert.deepEqual(log.add(message(3)), []);
  assert.ok(log.hasGap());
  assert.deepEqual(numbers(log.add(message(2))), [2, 3, 4]);
  assert.ok(!log.hasGap());
});

test("what comes before the first snapshot waits for it", () => {
  const log = createLog();
  assert.deepEqual(log.add(message(9)), []);
  assert.ok(!log.hasGap());
  const { entries, isComplete } = log.applySnapshot(snapshot([7, 8], 8, false), null);
  assert.deepEqual(numbers(entries), [7, 8, 9]);
  assert.ok(!isComplete);
});

test("a snapshot brings what is missing, and knows which numbers nobody used", () => {
  const log = started(1);
  log.add(message(6));
  const { entries, isComplete } = log.applySnapshot(snapshot([3, 6], 6), 1);
  assert.deepEqual(numbers(entries), [3, 6]);
  assert.ok(isComplete);
  assert.equal(log.contiguousSeq, 6);
});

test("what a snapshot holds above a number that may still be used waits", () => {
  const log = started(1);
  assert.deepEqual(numbers(log.applySnapshot(snapshot([2, 4], 2), 1).entries), [2]);
  assert.ok(log.hasGap());
  assert.deepEqual(numbers(log.add(message(3))), [3, 4]);
});

test("what the server hasn't got either keeps nothing from being seen", () => {
  const log = started(1);
  log.add(message(3));
  assert.deepEqual(numbers(log.messages), [1]);
  assert.deepEqual(log.applySnapshot(snapshot([3], 1), 1).entries, [], "its turn comes later");
  log.add(message(6));
  log.add(message(5));
  assert.deepEqual(numbers(log.messages), [1, 3, 5, 6]);
  assert.deepEqual([log.covers(3), log.shows(3), log.shows(2), log.hasGap()], [false, true, false, true]);
});

test("what turns up after all goes where it belongs", () => {
  const log = started(1);
  log.applySnapshot(snapshot([3], 1), 1);
  assert.deepEqual(numbers(log.add(message(2))), [2, 3]);
  assert.deepEqual(numbers(log.messages), [1, 2, 3]);
  log.add(message(5));
  assert.deepEqual(numbers(log.messages), [1, 2, 3], "the next hole is another");
});

test("a number that nobody used is passed over once the server is sure", () => {
  const log = started(1);
  log.applySnapshot(snapshot([3], 1), 1);
  assert.deepEqual(numbers(log.applySnapshot(snapshot([3], 3), 1).entries), [3]);
  assert.deepEqual([numbers(log.messages), log.contiguousSeq, log.hasGap()], [[1, 3], 3, false]);
});

test("what is to be seen stays the same array until it changes", () => {
  const log = started(1);
  const { messages } = log;
  log.add(message(1));
  log.add(message(3));
  assert.equal(log.messages, messages);
});

test("where a snapshot doesn't have all, the log begins anew with it", () => {
  const log = started(1, 2);
  log.add(message(5));
  log.add(message(402));
  const { entries, isComplete } = log.applySnapshot(snapshot([399, 400], 400, false), 2);
  assert.ok(!isComplete);
  assert.deepEqual(numbers(entries), [399, 400]);
  assert.deepEqual(numbers(log.messages), [399, 400]);
  assert.deepEqual(numbers(log.add(message(401))), [401, 402]);
});

test("a snapshot that overlaps with what is here leaves it, whatever it says", () => {
  const log = started(1, 2, 3);
  const { entries, isComplete } = log.applySnapshot(snapshot([3, 4], 4, false), 3);
  assert.ok(isComplete);
  assert.deepEqual(numbers(entries), [4]);
  assert.deepEqual(numbers(log.messages), [1, 2, 3, 4]);
});

test("an older snapshot doesn't take back what came meanwhile", () => {
  const log = started(1);
  log.add(message(2));
  log.add(message(3));
  assert.deepEqual(log.applySnapshot(snapshot([2], 2), 1).entries, []);
  assert.equal(log.contiguousSeq, 3);
});

test("a log that was set back on the server is set back here, and nothing is shown twice", () => {
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

test("earlier messages go in front", () => {
  const log = started(3, 4);
  log.prepend([message(1), message(2)]);
  assert.deepEqual(numbers(log.messages), [1, 2, 3, 4]);
  assert.equal(log.contiguousSeq, 4);
});
