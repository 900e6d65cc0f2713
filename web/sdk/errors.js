/** The errors of the library, and the table of its reasons. */
/** @import { Problem } from "./public.js" */

/** Every code that the library itself makes, with its text for people. The service adds the codes of its errors and of `bye`. */
export const REASONS = /** @type {const} */ ({
  // Why a connection was given up. The socket opens another one.
  transport_closed: "The connection broke",
  no_snapshot: "The room did not answer",
  no_pong: "The service stopped answering",
  websocket_blocked: "Your network seems to block WebSockets, and a room needs them. Try another network",
  not_in_room: "The seat is gone",
  // Why a room ended.
  left: "You left the room",
  closed: "The connection is closed",
  // Why a call failed. `closed` is one of these, too.
  network: "The service can't be reached",
  timeout: "There was no answer in time",
  no_token: "Signing in failed",
  too_large: "A frame has 32,000 bytes at most",
  unknown_key: "No failed message has this key",
  // Why a microphone can't be used.
  denied: "The browser does not allow the microphone for this page",
  missing: "There is no microphone",
  busy: "Another program uses the microphone",
  unsupported: "This browser offers no voice to this page. It needs WebRTC, and https for a microphone",
  no_meter: "The loudness of the microphone can't be measured",
});

/** An error of the service or of the library. `code` is for programs, `detail` for people. `status` is 0 without an HTTP answer. */
export class CoworkingError extends Error {
  /** The library makes errors; applications read them. */
  constructor(/** @type {Problem} */ { code, detail = /** @type {Record<string, string>} */ (REASONS)[code] ?? code, status = 0, errors = [], retry_after, until }, /** @type {ErrorOptions} */ options = {}) {
    super(detail, options);
    this.name = "CoworkingError";
    /** For programs. */
    this.code = code;
    /** A sentence for people. */
    this.detail = detail;
    /** The status of the HTTP answer; 0 without one. */
    this.status = status;
    /** The wrong fields of a request. */
    this.errors = errors;
    /** How many seconds to wait. */
    this.retryAfter = retry_after;
    /** When a ban ends; null if it has no end. */
    this.until = until;
  }
}

/** The service was not reached, or did not answer. The call may or may not have had its effect. */
export class NetworkError extends CoworkingError {}
