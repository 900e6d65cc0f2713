/** Voice: each page is connected with each other one. The room's frames carry the signalling. */
import { CoworkingError } from "./errors.js";
import type { VoiceDeps, VoiceRoom, VoiceState } from "./voice-types.js";
/** No microphone: its `code` is `denied`, `missing` or `busy`. */
export declare class MicrophoneError extends CoworkingError {
    name: string;
    /** @param {any} cause */
    constructor(cause: any);
}
export declare class Voice {
    #private;
    /**
     * @param {VoiceRoom} room that was entered
     * @param {{rtc?: RTCConfiguration, media?: MediaTrackConstraints}} [options] STUN and TURN; wishes for the microphone
     * @param {Partial<VoiceDeps>} [deps]
     */
    constructor(room: VoiceRoom, options?: {
        rtc?: RTCConfiguration;
        media?: MediaTrackConstraints;
    }, deps?: Partial<VoiceDeps>);
    get state(): Readonly<VoiceState>;
    /** Tells the state, now and when it changes. What it returns ends that. @param {(state: VoiceState) => void} tell */
    subscribe(tell: (state: VoiceState) => void): () => undefined;
    /** Hear the others, without a microphone. */
    listen(): void;
    /** Hear the others and speak. Where there is no microphone, listening goes on. @throws {MicrophoneError} */
    start(): Promise<void>;
    /** Hang up. */
    stop(): void;
    /** Be heard, or not. Without a microphone, unmuting asks for one. @param {boolean} muted */
    setMuted(muted: boolean): Promise<void>;
    /**
     * Speak into another microphone; without `id`, into the one that the browser takes.
     * @param {string} [id]
     * @throws {MicrophoneError}
     */
    useInput(id?: string): Promise<void>;
    /** Listen to another loudspeaker. @param {string} id */
    useOutput(id: string): Promise<void>;
    /** What there is to speak into and to listen to. Browsers tell the names once a microphone was allowed. */
    devices(): Promise<{
        inputs: {
            id: string;
            label: string;
        }[];
        outputs: {
            id: string;
            label: string;
        }[];
    }>;
    /** @param {string} userId @param {number} volume 0 to 1 */
    setVolume(userId: string, volume: number): void;
    /** Play what the browser has blocked: to be called on a click. */
    resume(): Promise<void>;
}
