/** Who speaks: from levels that flicker to a state that lasts. */
/**
 * Speech begins when there have been 100 ms of it, and ends after a second of silence. Changes are at least a second and
 * a half apart, whatever is heard.
 */
export declare class Speech {
    #private;
    speaking: boolean;
    /**
     * @param {number} level 0 to 1
     * @param {number} now in ms
     */
    update(level: number, now: number): boolean;
}
/** How loud samples are: their root mean square. @param {number[] | Float32Array} samples */
export declare const measure: (samples: number[] | Float32Array) => number;
