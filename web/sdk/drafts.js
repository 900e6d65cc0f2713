/** The messages of the user that are not in the log yet. */
/** @import { Log } from "./log.js" */
/** @import { Pending } from "./public.js" */
/** @import { RoomMessage } from "./wire.js" */

/** `seq` is 0 until the service has stored the message. @typedef {Pending & {seq: number}} Draft */

export function createDrafts() {
  const drafts = /** @type {Map<string, Draft>} */ (new Map());
  let pending = /** @type {readonly Pending[]} */ ([]);

  function getFailed(/** @type {string} */ key) {
    const draft = drafts.get(key);
    return draft?.status === "failed" ? draft : undefined;
  }

  /** Set a draft. It replaces the draft with the same key. @returns {Draft} */
  function set(/** @type {Pending} */ pending) {
    const draft = { ...pending, seq: 0 };
    drafts.set(draft.key, draft);
    return draft;
  }

  return {
    set,
    getFailed,

    discard(/** @type {string} */ key) {
      if (getFailed(key)) drafts.delete(key);
    },

    /** A message of the user may come back before its acknowledgement. Find its draft. */
    recognize(/** @type {RoomMessage} */ { seq, text }) {
      const draft = [...drafts.values()].find((one) => one.status === "sending" && !one.seq);
      if (draft?.text.normalize() === text) draft.seq = seq;
    },

    /** Remove the drafts that the log shows. Returns the others: the same array, if nothing has changed. */
    update(/** @type {Log} */ log) {
      for (const [key, { seq }] of drafts) if (seq && log.shows(seq)) drafts.delete(key);
      const next = [...drafts.values()].map(({ seq, ...draft }) => draft);
      if (JSON.stringify(next) !== JSON.stringify(pending)) pending = Object.freeze(next);
      return pending;
    },
  };
}
