/** Frames that await an answer. */
import { backoff, createTimers, withResolvers } from "./deps.js";
import { CoworkingError, NetworkError } from "./errors.js";
/** @import { Connection, PendingRequest, RequestOptions } from "./internal.js" */
/** @import { Deps, Problem } from "./public.js" */

/**
 * @param {Deps} deps
 * @param {() => Connection | null} getConnection returns the connection in use
 * @param {(connection: Connection | null) => void} onTimeout is called if a connection brings no answer
 */
export function createRequests(deps, getConnection, onTimeout) {
  const ANSWER_MS = 10_000;
  /** A request that must wait for longer fails: nobody expects their words to be heard then. In seconds. */
  const LONGEST_WAIT = 30;
  /** After these errors a request is sent again. */
  const TRANSIENT = ["rate_limited", "unavailable", "internal_error", "not_in_room"];
  const timers = createTimers(deps);
  const pendingRequests = /** @type {Map<string, PendingRequest>} */ (new Map());

  /** Send all requests whose turn it is. */
  const flush = () => {
    const connection = getConnection();
    const busy = new Set();
    for (const request of pendingRequests.values()) {
      const { queue } = request.options;
      if (busy.has(queue)) continue;
      if (queue) busy.add(queue);
      if (!connection || timers.has(request)) continue;
      request.connection = connection;
      request.isSent = true;
      timers.set(request, ANSWER_MS, () => {
        miss(request, "timeout");
        onTimeout(connection);
      });
      connection.send(request.frame);
    }
  };

  /** There will be no answer on this connection. */
  const miss = (/** @type {PendingRequest} */ request, /** @type {"closed" | "timeout"} */ code) => {
    timers.clear(request);
    request.connection = null;
    if (request.successor) remove(request).resolve(request.successor);
    else if (!request.options.repeat) remove(request).reject(new NetworkError({ code }));
  };

  const postpone = (/** @type {PendingRequest} */ request, seconds = 0) => {
    request.connection = null;
    timers.set(request, seconds * 1000 + backoff(deps, ++request.delays), flush);
  };

  const remove = (/** @type {PendingRequest} */ request) => {
    timers.clear(request);
    timers.clear(request.frame.id);
    pendingRequests.delete(request.frame.id);
    return request;
  };

  return {
    flush,

    /** Send a frame as soon as it is its turn. @returns {Promise<any>} the answer */
    add(/** @type {PendingRequest["frame"]} */ frame, /** @type {RequestOptions} */ options) {
      const { promise, resolve, reject } = withResolvers();
      const request = /** @type {PendingRequest} */ ({ frame, options, delays: 0, connection: null, isSent: false, resolve, reject });
      for (const other of options.latest ? pendingRequests.values() : []) {
        if (other.options.queue !== options.queue || other.frame.type !== frame.type) continue;
        if (other.connection) other.successor = promise;
        else remove(other).resolve(promise);
      }
      const lapse = () => remove(request).reject(new NetworkError({ code: request.isSent ? "timeout" : "closed" }));
      if (options.within) timers.set(frame.id, options.within, lapse);
      pendingRequests.set(frame.id, request);
      flush();
      return promise;
    },

    /** The service has done what was requested. Returns the request, if it is known. */
    resolve(/** @type {string} */ id, /** @type {unknown} */ data) {
      const request = pendingRequests.get(id);
      if (request) remove(request).resolve(data);
      return request;
    },

    /** The service has refused what was requested. Returns the request, if it is known. */
    refuse(/** @type {string} */ id, /** @type {Problem} */ problem) {
      const request = pendingRequests.get(id);
      const { code, retry_after: wait = 0 } = problem;
      if (request?.options.repeat && !request.successor && TRANSIENT.includes(code) && wait <= LONGEST_WAIT) postpone(request, wait);
      else if (request) remove(request).reject(new CoworkingError(problem));
      return request;
    },

    isAwaiting: (/** @type {Connection} */ connection) => [...pendingRequests.values()].some((request) => request.connection === connection),

    /** The connection is gone. Its requests are repeated on the next one, or fail. */
    release(/** @type {Connection} */ connection) {
      for (const request of [...pendingRequests.values()]) if (request.connection === connection) miss(request, "closed");
    },

    /** Let all requests fail. */
    end(/** @type {Problem} */ problem) {
      for (const request of [...pendingRequests.values()]) remove(request).reject(new CoworkingError(problem));
    },
  };
}
