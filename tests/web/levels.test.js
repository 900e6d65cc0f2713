import assert from "node:assert/strict";
import { test } from "node:test";

import { createSpeech, measureLevel } from "../../web/sdk/levels.js";
import { createRandom } from "./fakes.js";

/** The times at which speech starts or ends. There is one level each 50 ms. */
function listen(levels) {
  const detector = createSpeech();
  const changes = [];
  for (const [index, level] of levels.entries()) {
    const before = detector.speaking;
    if (detector.update(level, index * 50) !== before) changes.push(index * 50);
  }
  return changes;
}

/** A list of levels, from parts with a level and a duration. */
const sound = (...parts) => parts.flatMap(([level, duration]) => Array(duration / 50).fill(level));

for (const [name, changes, ...parts] of [
  ["speech starts after 100 ms, and ends after a second", [600, 4500], [0, 500], [0.2, 3000], [0, 2000]],
  ["a click is no speech", [], [0, 500], [0.9, 100], [0, 2000]],
  ["pauses do not end speech", [100], [0.2, 1000], [0, 700], [0.2, 1000], [0, 900], [0.2, 1000]],
  ["a level between the thresholds does not start speech", [], [0.015, 3000]],
  ["a level between the thresholds does not end speech", [100], [0.2, 2000], [0.015, 5000]],
])
  test(name, () => assert.deepEqual(listen(sound(...parts)), changes));

test("changes are at least 1.5 seconds apart for random sounds", () => {
  for (let seed = 0; seed < 20; seed++) {
    const random = createRandom(seed);
    const length = () => 50 * Math.ceil(random() * 10);
    const words = Array.from({ length: 500 }, () => sound([0.2, 100 + length()], [0, 1000 + length()])).flat();
    const changes = listen(words);
    assert(changes.length > 100);
    assert(changes.every((at, index) => !index || at - changes[index - 1] >= 1500));
  }
});

test("the level of samples is their root mean square", () => {
  assert.equal(measureLevel([]), 0);
  assert.equal(measureLevel(new Float32Array(2048)), 0);
  assert.equal(measureLevel([0.5, -0.5, 0.5, -0.5]), 0.5);
  const wave = Float32Array.from({ length: 2048 }, (_, index) => Math.sin((index * Math.PI) / 32));
  assert(Math.abs(measureLevel(wave) - Math.SQRT1_2) < 1e-6);
});
