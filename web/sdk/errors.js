/** Everything that goes wrong, as one family. `code` is for programs, `detail` for people. */

/** @import { Problem } from "./wire.js" */

export class CoworkingError extends Error {
  name = "CoworkingError";

  /**
   * @param {Problem} problem
   * @param {ErrorOptions} [options]
   */
  constructor({ code, detail = code, status = 0, errors = [], retry_after }, options) {
    super(detail, options);
    this.code = code;
    this.detail = detail;
    /** The HTTP status, 0 where there was none. */
    this.status = status;
    /** Which fields were wrong, for `invalid_request`. */
    this.errors = errors;
    /** Seconds, for `rate_limited`. */
    this.retryAfter = retry_after;
  }
}

/** Nobody can tell whether it was done: the service wasn't reached, or didn't answer in time. */
export class NetworkError extends CoworkingError {
  name = "NetworkError";
}

/** There was no answer in time. */
export class TimeoutError extends NetworkError {
  name = "TimeoutError";

  constructor(detail = "There was no answer in time") {
    super({ code: "timeout", detail });
  }
}
