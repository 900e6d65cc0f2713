/** Voice: each page has a connection to each other page. */
import { MicrophoneError } from "./microphone.js";
import type { VoiceDeps, VoiceRoom, VoiceState } from "../public.js";
export { MicrophoneError };
/** Voice in a room: the microphone, and the sound of the others. */
export declare class Voice {
    #private;
    /**
     * @param {VoiceRoom} room
     * @param {{rtc?: RTCConfiguration, media?: MediaTrackConstraints}} [options] STUN and TURN servers; constraints for the microphone
     * @param {Partial<VoiceDeps>} [deps]
     */
    constructor(room: VoiceRoom, options?: {
        rtc?: RTCConfiguration;
        media?: MediaTrackConstraints;
    }, deps?: Partial<VoiceDeps>);
    /** The state now. It is frozen. */
    get state(): Readonly<VoiceState>;
    /** Call `watch` now and after changes. Returns a function that stops this. @param {(state: VoiceState) => void} watch */
    subscribe(watch: (state: VoiceState) => void): () => undefined;
    /** Hear the others. This needs no microphone. */
    listen(): void;
    /** Hear the others and speak: the same as `setMuted(false)`. @throws {MicrophoneError} */
    start(): Promise<void>;
    /** Hang up. */
    stop(): void;
    /**
     * Mute or unmute. Without a microphone, unmuting asks for one. Until the room shows the user unmuted, `state.unmuting` is
     * true, and `setMuted(true)` cancels it. Without a connection it fails after five seconds.
     * @param {boolean} muted
     * @throws {MicrophoneError}
     */
    setMuted(muted: boolean): Promise<void>;
    /**
     * Use another microphone.
     * @param {string} [id] the default is the browser's choice
     * @throws {MicrophoneError}
     */
    useInput(id?: string): Promise<void>;
    /** Use another loudspeaker. @param {string} id */
    useOutput(id: string): Promise<void>;
    /** List the microphones and loudspeakers. Browsers tell their labels after the user has allowed a microphone. */
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
    /** Play the sound that the browser has blocked. Call it on a click. */
    resume(): Promise<void>;
}
export type * from "../public.js";
