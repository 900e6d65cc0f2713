/** Values and events that an application can watch. */
import { requireType } from "./deps.js";

/**
 * A value to watch. A new watcher is called at once, and later once for all changes of one turn of the event loop.
 * @template T
 */
export function createStore(/** @type {T} */ first) {
  const watchers = /** @type {Set<(value: T) => void>} */ (new Set());
  let value = Object.freeze(first);
  let isScheduled = false;

  function notify() {
    isScheduled = false;
    call(watchers, value);
  }

  return {
    get value() {
      return value;
    },

    set(/** @type {T} */ next) {
      value = Object.freeze(next);
      if (!isScheduled) queueMicrotask(notify);
      isScheduled = true;
    },

    subscribe(/** @type {(value: T) => void} */ watch) {
      const stop = add(watchers, watch);
      watch(value);
      return stop;
    },
  };
}

/**
 * Events with names.
 * @template {{}} Events
 */
export function createEmitter(/** @type {readonly (keyof Events & string)[]} */ names) {
  const listeners = /** @type {Map<keyof Events, Set<(detail: any) => void>>} */ (new Map());

  /** @type {<Name extends keyof Events>(name: Name, listener: (detail: Events[Name]) => void) => () => void} */
  function on(name, listener) {
    if (!names.includes(/** @type {any} */ (name))) throw new TypeError(`There is no event ${String(name)}, but ${names.join(", ")}`);
    requireType("function", "listener", listener);
    if (!listeners.has(name)) listeners.set(name, new Set());
    return add(/** @type {Set<(detail: any) => void>} */ (listeners.get(name)), listener);
  }

  /** @type {<Name extends keyof Events>(name: Name, detail: Events[Name]) => void} */
  function emit(name, detail) {
    call(listeners.get(name) ?? [], detail);
  }

  return { on, emit };
}

/**
 * Add a listener, also one that is there already. Returns a function that removes it.
 * @template T
 */
function add(/** @type {Set<(value: T) => void>} */ listeners, /** @type {(value: T) => void} */ listener) {
  const own = (/** @type {T} */ value) => listener(value);
  listeners.add(own);
  return () => void listeners.delete(own);
}

/**
 * Call listeners. The error of one does not keep the others from being called.
 * @template T
 */
function call(/** @type {Iterable<(value: T) => void>} */ listeners, /** @type {T} */ value) {
  for (const listener of [...listeners]) {
    try {
      listener(value);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}
