/** One pair of pages: a connection that both may negotiate at any time, by frames that are late, lost or doubled. */
import type { PeerOptions, Signal } from "./voice-types.js";
/** Numbers what this page says and tries: a later one is higher. */
export declare const next: () => number;
/** Perfect negotiation. */
export declare class Peer {
    #private;
    /** Their signalling is gone: what breaks now can't be mended. */
    absent: boolean;
    /** @param {RTCPeerConnection} pc @param {PeerOptions} options */
    constructor(pc: RTCPeerConnection, { polite, track, on, deps }: PeerOptions);
    get state(): RTCPeerConnectionState;
    /** Whether they ever described themselves. */
    get begun(): boolean;
    /** How loud they are, 0 to 1. */
    get level(): number;
    /** @param {MediaStreamTrack | null} track */
    use(track: MediaStreamTrack | null): void;
    /** Say what they haven't answered once more, and again ever less often, for a minute. */
    nudge(delay?: number): void;
    /** They are there (again): what doesn't work is due now. */
    call(): void;
    /** @param {Signal} signal */
    receive(signal: Signal): void;
    close(): void;
}
