/** @import { Problem } from "./wire.js" */
import type { Problem } from "./wire.js";
/** Whatever goes wrong: `code` is for programs, `detail` for people. `status` is 0 where it didn't come over HTTP. */
export declare class CoworkingError extends Error {
    code: string;
    detail: string;
    status: number;
    errors: import("./wire.js").FieldError[];
    retryAfter: number | undefined;
    constructor(/** @type {Problem} */ { code, detail, status, errors, retry_after }: Problem, /** @type {ErrorOptions} */ options?: ErrorOptions);
}
/** Nobody knows whether it was done: the service wasn't reached (`network`, `closed`), or didn't answer (`timeout`). */
export declare class NetworkError extends CoworkingError {
}
