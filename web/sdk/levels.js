/** Who speaks: from levels that flicker to a state that lasts. */

/**
 * Speech begins when there have been 100 ms of it, and ends after a second of silence. Changes are at least a second and
 * a half apart, whatever is heard.
 */
export class Speech {
  speaking = false;
  #changed = -Infinity;
  /** @type {number | undefined} */
  #since;

  /**
   * @param {number} level 0 to 1
   * @param {number} now in ms
   */
  update(level, now) {
    this.#since = (this.speaking ? level < 0.01 : level > 0.02) ? (this.#since ?? now) : undefined;
    const lasted = now - (this.#since ?? Infinity) >= (this.speaking ? 1000 : 100);
    if (lasted && now - this.#changed >= 1500) {
      this.speaking = !this.speaking;
      this.#changed = now;
      this.#since = undefined;
    }
    return this.speaking;
  }
}

/** How loud samples are: their root mean square. @param {number[] | Float32Array} samples */
export const measure = (samples) => Math.hypot(...samples) / Math.sqrt(samples.length || 1);
