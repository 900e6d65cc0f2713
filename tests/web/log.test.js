import assert from "node:assert/strict";
import { test } from "node:test";
import { createLog } from "../../web/sdk/log.js";

const message = (seq) => ({ seq, text: `#${seq}` });
const numbers = (entries) => entries.map(({ seq }) => seq);

// The steps of a test.

/** A message comes, and releases these numbers. */
const add = (seq, released) => (log) => assert.deepEqual(numbers(log.add({ seq, message: message(seq) })), released);

/** An entry without a message comes, and releases these numbers. */
const addVoid = (seq, released) => (log) => assert.deepEqual(numbers(log.add({ seq })), released);

/** A snapshot comes, and releases these numbers. `asked` is the `last_seq` that the sync had. */
const snapshot = (seqs, last_seq, released, { asked = 1, recovered = true, isComplete = true } = {}) => (log) => {
  const applied = log.applySnapshot({ messages: seqs.map(message), last_seq, recovered }, asked);
  assert.deepEqual({ ...applied, entries: numbers(applied.entries) }, { isComplete, entries: released });
};

/** The first snapshot of a room. */
const begin = (...seqs) => snapshot(seqs, seqs.at(-1) ?? 0, seqs, { asked: null, recovered: false, isComplete: false });

/** The log shows these numbers. It is complete up to `contiguous`; later messages wait. */
const shows = (seqs, contiguous = seqs.at(-1) ?? 0, hasGap = false) => (log) =>
  assert.deepEqual([numbers(log.messages), log.contiguousSeq, log.hasGap()], [seqs, contiguous, hasGap]);

for (const [name, ...steps] of [
  ["the next message is released at once", begin(1, 2), add(3, [3]), shows([1, 2, 3])],
  ["a message that comes twice is dropped", begin(1), add(2, [2]), add(2, []), add(1, []), shows([1, 2])],
  ["messages after a gap wait until the gap is filled",
    begin(1), add(4, []), add(3, []), shows([1], 1, true), add(2, [2, 3, 4]), shows([1, 2, 3, 4])],
  ["messages before the first snapshot wait for it",
    add(9, []), (log) => assert.ok(!log.hasGap()),
    snapshot([7, 8], 8, [7, 8, 9], { asked: null, recovered: false, isComplete: false }), shows([7, 8, 9])],
  ["a snapshot fills gaps, and tells which numbers are unused",
    begin(1), add(6, []), snapshot([3, 6], 6, [3, 6]), shows([1, 3, 6])],
  ["messages of a snapshot wait for a number that is not final",
    begin(1), snapshot([2, 4], 2, [2]), shows([1, 2], 2, true), add(3, [3, 4]), shows([1, 2, 3, 4])],
  ["waiting messages are shown if a snapshot has the same gap",
    begin(1), add(3, []), shows([1], 1, true), snapshot([3], 1, []),
    add(6, []), add(5, []), shows([1, 3, 5, 6], 1, true),
    (log) => assert.deepEqual([log.covers(3), log.shows(3), log.shows(2)], [false, true, false])],
  ["a message that fills a confirmed gap is put in order",
    begin(1), snapshot([3], 1, []), add(2, [2, 3]), shows([1, 2, 3]), add(5, []), shows([1, 2, 3], 3, true)],
  ["an unused number is skipped once it is final",
    begin(1), snapshot([3], 1, []), snapshot([3], 3, [3]), shows([1, 3])],
  ["an entry without a message fills a gap, and is not shown",
    begin(1), add(3, []), addVoid(2, [2, 3]), addVoid(4, [4]), addVoid(6, []), shows([1, 3], 4, true), add(5, [5, 6]), shows([1, 3, 5], 6)],
  ["an incomplete snapshot replaces the log",
    begin(1, 2), add(5, []), add(402, []),
    snapshot([399, 400], 400, [399, 400], { asked: 2, recovered: false, isComplete: false }),
    shows([399, 400], 400, true), add(401, [401, 402]), shows([399, 400, 401, 402])],
  ["a snapshot that overlaps with the log keeps it",
    begin(1, 2, 3), snapshot([3, 4], 4, [4], { asked: 3, recovered: false }), shows([1, 2, 3, 4])],
  ["an older snapshot does not remove newer messages",
    begin(1), add(2, [2]), add(3, [3]), snapshot([2], 2, []), shows([1, 2, 3])],
  ["messages that the service lost are removed",
    begin(1, 2, 3, 4), add(6, []), snapshot([1, 2], 2, [], { asked: 4, recovered: false, isComplete: false }),
    shows([1, 2]), add(3, [3]), shows([1, 2, 3])],
  ["an empty room has an empty log", begin(), shows([]), add(1, [1]), shows([1])],
  ["earlier messages are put in front",
    begin(3, 4), (log) => log.prepend([message(1), message(2)]), shows([1, 2, 3, 4])],
])
  test(name, () => {
    const log = createLog();
    for (const step of steps) step(log);
  });

test("the array of messages stays the same until it changes", () => {
  const log = createLog();
  begin(1)(log);
  const { messages } = log;
  for (const seq of [1, 3]) log.add({ seq, message: message(seq) });
  assert.equal(log.messages, messages);
});
