/** @import { Problem } from "./wire.js" */

/** Whatever goes wrong: `code` is for programs, `detail` for people. `status` is 0 where it didn't come over HTTP. */
export class CoworkingError extends Error {
  constructor(/** @type {Problem} */ { code, detail = code, status = 0, errors = [], retry_after }, /** @type {ErrorOptions} */ options = {}) {
    super(detail, options);
    this.name = "CoworkingError";
    this.code = code;
    this.detail = detail;
    this.status = status;
    this.errors = errors;
    this.retryAfter = retry_after;
  }
}

/** Nobody knows whether it was done: the service wasn't reached (`network`, `closed`), or didn't answer (`timeout`). */
export class NetworkError extends CoworkingError {}
