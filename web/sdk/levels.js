/** Who speaks: from levels that flicker to a state that lasts. */

/**
 * Speech begins when the level has been above `on` for `attack` ms, and ends when it has been below `off` for `release`
 * ms. Changes are at least `hold` ms apart, whatever is heard.
 */
export class SpeechDetector {
  speaking = false;
  #changed = -Infinity;
  /** @type {number | undefined} */
  #since;

  constructor({ on = 0.02, off = 0.01, attack = 100, release = 1000, hold = 1500 } = {}) {
    this.options = { on, off, attack, release, hold };
  }

  /**
   * @param {number} level 0 to 1
   * @param {number} now in ms
   */
  update(level, now) {
    const { on, off, attack, release, hold } = this.options;
    this.#since = (this.speaking ? level < off : level > on) ? (this.#since ?? now) : undefined;
    const lasted = now - (this.#since ?? Infinity) >= (this.speaking ? release : attack);
    if (lasted && now - this.#changed >= hold) {
      this.speaking = !this.speaking;
      this.#changed = now;
      this.#since = undefined;
    }
    return this.speaking;
  }
}

/** How loud samples are: their root mean square. @param {ArrayLike<number>} samples */
export const measure = (samples) => Math.hypot(...Array.from(samples)) / Math.sqrt(samples.length || 1);
