/** The microphone of this page, and how loud it is. */
import { CoworkingError } from "./errors.js";
import type { VoiceDeps } from "../public.js";
/** @import { VoiceDeps } from "../public.js" */
/** The microphone can't be used. `code` is `denied`, `missing`, `busy` or `unsupported`. */
export declare class MicrophoneError extends CoworkingError {
    /** The name of the class. */
    name: string;
    /** @param {any} cause */
    constructor(cause: any);
}
/**
 * @param {VoiceDeps} deps
 * @param {MediaTrackConstraints | undefined} constraints
 * @param {{fail: (error: unknown) => void, ended: () => void}} on
 */
export declare function createMicrophone(deps: VoiceDeps, constraints: MediaTrackConstraints | undefined, on: {
    fail: (error: unknown) => void;
    ended: () => void;
}): {
    readonly track: MediaStreamTrack | null;
    readonly isSuspended: boolean;
    /**
     * Open a microphone. Returns false if another request or `close` came in between.
     * @param {string | undefined} id
     * @throws {MicrophoneError}
     */
    open(id: string | undefined): Promise<boolean>;
    /** Drop the requests that the browser has not answered. */
    cancel(): void;
    /** The track has ended. */
    forget(): void;
    resume: () => Promise<void | undefined>;
    /** How loud it is, 0 to 1. */
    getLevel: () => number;
    close(): void;
};
