/** The HTTP API. */
import { CoworkingError } from "./errors.js";
import type { Api, Deps, Service } from "./wire.js";
/** @returns {Api} */
export declare function createApi(/** @type {Service} */ { api, token }: Service, /** @type {Deps} */ deps: Deps): Api;
/** Whether the same call may well succeed later. */
export declare function isPassing(/** @type {CoworkingError} */ error: CoworkingError): boolean;
