import assert from "node:assert/strict";
import { test } from "node:test";

import { createSpeech, measureLevel } from "../../web/sdk/levels.js";
import { createRandom } from "./fakes.js";

/** When what is heard in steps of 50 ms changes who speaks. @param {number[]} levels */
function listen(levels) {
  const detector = createSpeech();
  const changes = [];
  for (const [index, level] of levels.entries()) {
    const before = detector.speaking;
    if (detector.update(level, index * 50) !== before) changes.push(index * 50);
  }
  return changes;
}

/** @param {[level: number, duration: number][]} parts */
const sound = (...parts) => parts.flatMap(([level, duration]) => Array(duration / 50).fill(level));

test("speech starts after 100 ms of sound and ends after a second of silence", () => {
  assert.deepEqual(listen(sound([0, 500], [0.2, 3000], [0, 2000])), [600, 4500]);
});

test("a click is no speech", () => {
  assert.deepEqual(listen(sound([0, 500], [0.9, 100], [0, 2000])), []);
});

test("pauses between words do not end speech", () => {
  assert.deepEqual(listen(sound([0.2, 1000], [0, 700], [0.2, 1000], [0, 900], [0.2, 1000])), [100]);
});

test("a level between the two thresholds changes nothing", () => {
  assert.deepEqual(listen(sound([0.015, 3000])), []);
  assert.deepEqual(listen(sound([0.2, 2000], [0.015, 5000])), [100]);
});

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
