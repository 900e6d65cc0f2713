/** Who speaks: from levels that flicker to a state that lasts. */
/**
 * Speech begins when the level has been above `on` for `attack` ms, and ends when it has been below `off` for `release`
 * ms. Changes are at least `hold` ms apart, whatever is heard.
 */
export declare class SpeechDetector {
    #private;
    options: {
        on: number;
        off: number;
        attack: number;
        release: number;
        hold: number;
    };
    speaking: boolean;
    constructor({ on, off, attack, release, hold }?: {
        attack?: number | undefined;
        hold?: number | undefined;
        off?: number | undefined;
        on?: number | undefined;
        release?: number | undefined;
    });
    /**
     * @param {number} level 0 to 1
     * @param {number} now in ms
     */
    update(level: number, now: number): boolean;
}
/** How loud samples are: their root mean square. @param {ArrayLike<number>} samples */
export declare const measure: (samples: ArrayLike<number>) => number;
