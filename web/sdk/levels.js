/** Loudness, and who is speaking. */
/** @typedef {ReturnType<typeof createSpeech>} Speech */

/** Speech starts after 100 ms of sound and ends after a second of silence. Its changes are at least 1.5 seconds apart. */
export function createSpeech() {
  let changedAt = -Infinity;
  /** The start of the sound or silence that may become a change. */
  let since = Infinity;

  const speech = {
    speaking: false,

    /**
     * @param {number} level 0 to 1
     * @param {number} now in ms
     */
    update(level, now) {
      const { speaking } = speech;
      since = (speaking ? level < 0.01 : level > 0.02) ? Math.min(since, now) : Infinity;
      if (now - since >= (speaking ? 1000 : 100) && now - changedAt >= 1500) {
        speech.speaking = !speaking;
        changedAt = now;
        since = Infinity;
      }
      return speech.speaking;
    },
  };
  return speech;
}

/** The root mean square of samples. @param {number[] | Float32Array} samples */
export const measureLevel = (samples) => Math.hypot(...samples) / Math.sqrt(samples.length || 1);
