import { createChanges, isChange } from "./entries.js";
/** @import { Entry } from "./internal.js" */
/** @import { RoomMessage, SnapshotData } from "./wire.js" */
/** @typedef {ReturnType<typeof createLog>} Log */

/**
 * The log of a room, as far as it is here: each entry once, in the order of `seq`. Some entries have no message.
 *
 * An entry whose predecessor is missing waits, until the predecessor comes or a snapshot says that there is none.
 */
export function createLog() {
  let messages = /** @type {readonly RoomMessage[]} */ ([]);
  /** No entry up to this number is missing. It is null before the first snapshot. */
  let contiguousSeq = /** @type {number | null} */ (null);
  /** The messages up to `contiguousSeq`. */
  let contiguous = /** @type {readonly RoomMessage[]} */ ([]);
  /** The entries after a gap. */
  const waiting = /** @type {Map<number, Entry>} */ (new Map());
  /** The service lacks the entry after this number, too. */
  let confirmedGap = /** @type {number | null} */ (null);
  const changes = createChanges();
  let you = "";

  const covers = (/** @type {number} */ seq) => contiguousSeq !== null && seq <= contiguousSeq;
  const getWaiting = () => [...waiting].sort(([one], [other]) => one - other);

  const messagesOf = (/** @type {Entry[]} */ entries) => entries.flatMap(({ message }) => message ?? []);

  /** Whether each number after `first` up to `last` is in one of these lists. */
  function hasAll(/** @type {number} */ first, /** @type {number} */ last, /** @type {Set<number>} */ seqs) {
    for (let seq = first + 1; seq <= last; seq++) if (!seqs.has(seq) && !waiting.has(seq)) return false;
    return true;
  }

  function hold(/** @type {Entry} */ { seq, message, frame }) {
    if (frame && isChange(frame.type)) changes.add(/** @type {any} */ (frame));
    if (covers(seq)) return;
    const known = waiting.get(seq);
    waiting.set(seq, { seq, message: frame && known?.message ? known.message : message, frame: frame ?? known?.frame });
  }

  /** Release waiting entries whose turn it is. Up to `settled` no more entry can appear. */
  function release(/** @type {number} */ settled) {
    const released = /** @type {Entry[]} */ ([]);
    let last = contiguousSeq ?? 0;
    for (const [seq, entry] of getWaiting()) {
      if (seq > Math.max(last, settled) + 1) break;
      waiting.delete(seq);
      last = seq;
      released.push(entry);
    }
    contiguousSeq = Math.max(last, settled);
    if (released.length) contiguous = [...contiguous, ...messagesOf(released)];
    return released.map((entry) => (entry.message ? { ...entry, message: changes.apply(entry.message, you) } : entry));
  }

  function updateMessages() {
    const ahead = confirmedGap === contiguousSeq ? messagesOf(getWaiting().map(([, entry]) => entry)) : [];
    const next = [...contiguous, ...ahead].map((message) => changes.apply(message, you));
    if (next.length !== messages.length || next.some((one, index) => one !== messages[index])) messages = Object.freeze(next);
  }

  return {
    /**
     * The messages to show. The service needs a minute to be sure that a number is unused. As long as the service itself lacks
     * the next message, waiting messages are shown, too.
     */
    get messages() {
      return messages;
    },

    /** No entry up to this number is missing. It is null before the first snapshot. */
    get contiguousSeq() {
      return contiguousSeq;
    },

    hasGap: () => contiguousSeq !== null && waiting.size > 0,

    /** Whether the log is complete up to this number. */
    covers,

    /** Whether `messages` has this number. */
    shows: (/** @type {number} */ seq) => covers(seq) || (confirmedGap === contiguousSeq && waiting.has(seq)),

    /** Whether the frame of this number has come, or is no longer needed. */
    knows: (/** @type {number} */ seq) => covers(seq) || waiting.get(seq)?.frame !== undefined,

    /** Add an entry. Returns the entries that are next in the log: none if the entry has to wait. */
    add(/** @type {Entry} */ entry) {
      hold(entry);
      const released = contiguousSeq === null ? [] : release(contiguousSeq);
      updateMessages();
      return released;
    },

    /** Apply a snapshot. `asked` is the `last_seq` that the sync had. */
    applySnapshot(/** @type {SnapshotData} */ { messages, entries = [], last_seq, recovered, you: user }, /** @type {number | null} */ asked) {
      const before = contiguousSeq ?? 0;
      const first = messages[0]?.seq ?? 0;
      const isReset = !recovered && last_seq < (asked ?? 0); // the service lost its newest messages
      const has = () => hasAll(before, last_seq, new Set(messages.map(({ seq }) => seq)));
      const isComplete = !isReset && contiguousSeq !== null && (recovered || has());
      you = user?.user_id ?? you;
      changes.settle(messages, last_seq);
      if (!isComplete) {
        for (const seq of waiting.keys()) if (isReset || seq < first) waiting.delete(seq);
        if (isReset) changes.clear();
        contiguous = [];
        contiguousSeq = Math.max(0, first - 1);
      }
      for (const message of messages) hold({ seq: message.seq, message });
      for (const frame of entries) hold({ seq: frame.seq, frame });
      const released = release(last_seq);
      if (contiguousSeq === asked) confirmedGap = asked;
      updateMessages();
      return { isComplete, entries: released.filter(({ seq }) => seq > before) };
    },

    /** Add older messages. They have all changes up to the number `asOf`. */
    prepend(/** @type {readonly RoomMessage[]} */ earlier, asOf = 0) {
      changes.settle(earlier, asOf);
      contiguous = [...earlier, ...contiguous];
      updateMessages();
    },
  };
}
