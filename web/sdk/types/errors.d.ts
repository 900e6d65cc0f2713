/** The errors of the library, and the table of its reasons. */
/** @import { Problem } from "../public.js" */
import type { Problem } from "../public.js";
/** Every code that the library itself makes, with its text for people. The service adds the codes of its errors and of `bye`. */
export declare const REASONS: Record<string, string>;
/** An error of the service or of the library. `code` is for programs, `detail` for people. `status` is 0 without an HTTP answer. */
export declare class CoworkingError extends Error {
    code: string;
    detail: string;
    status: number;
    errors: import("../wire.js").FieldError[];
    retryAfter: number | undefined;
    constructor(/** @type {Problem} */ { code, detail, status, errors, retry_after }: Problem, /** @type {ErrorOptions} */ options?: ErrorOptions);
}
/** The service was not reached, or did not answer. The call may or may not have had its effect. */
export declare class NetworkError extends CoworkingError {
}
