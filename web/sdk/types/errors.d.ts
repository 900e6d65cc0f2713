/** The errors of the library, and the table of its reasons. */
/** @import { Problem } from "../public.js" */
import type { Problem } from "../public.js";
/** Every code that the library itself makes, with its text for people. The service adds the codes of its errors and of `bye`. */
export declare const REASONS: {
    readonly transport_closed: "The connection broke";
    readonly no_snapshot: "The room did not answer";
    readonly no_pong: "The service stopped answering";
    readonly websocket_blocked: "Your network seems to block WebSockets, and a room needs them. Try another network";
    readonly not_in_room: "The seat is gone";
    readonly left: "You left the room";
    readonly closed: "The connection is closed";
    readonly network: "The service can't be reached";
    readonly timeout: "There was no answer in time";
    readonly no_token: "Signing in failed";
    readonly too_large: "A frame has 32,000 bytes at most";
    readonly unknown_key: "No failed message has this key";
    readonly denied: "The browser does not allow the microphone for this page";
    readonly missing: "There is no microphone";
    readonly busy: "Another program uses the microphone";
    readonly unsupported: "This browser offers no voice to this page. It needs WebRTC, and https for a microphone";
    readonly no_meter: "The loudness of the microphone can't be measured";
};
/** An error of the service or of the library. `code` is for programs, `detail` for people. `status` is 0 without an HTTP answer. */
export declare class CoworkingError extends Error {
    /** For programs. */
    code: import("../public.js").Code;
    /** A sentence for people. */
    detail: string;
    /** The status of the HTTP answer; 0 without one. */
    status: number;
    /** The wrong fields of a request. */
    errors: import("../wire.js").FieldError[];
    /** How many seconds to wait. */
    retryAfter: number | undefined;
    /** When a ban ends; null if it has no end. */
    until: string | null | undefined;
    /** The library makes errors; applications read them. */
    constructor(/** @type {Problem} */ { code, detail, status, errors, retry_after, until }: Problem, /** @type {ErrorOptions} */ options?: ErrorOptions);
}
/** The service was not reached, or did not answer. The call may or may not have had its effect. */
export declare class NetworkError extends CoworkingError {
}
