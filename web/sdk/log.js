/** @import { Entry } from "./internal.js" */
/** @import { Frame } from "./public.js" */
/** @import { RoomMessage, SnapshotData } from "./wire.js" */
/** @typedef {ReturnType<typeof createLog>} Log */

/**
 * The log of a room, as far as it is here: each message once, in the order of `seq`.
 *
 * A message whose predecessor is missing waits, until the predecessor comes or a snapshot says that there is none.
 */
export function createLog() {
  let messages = /** @type {readonly RoomMessage[]} */ ([]);
  /** No message up to this number is missing. It is null before the first snapshot. */
  let contiguousSeq = /** @type {number | null} */ (null);
  /** The messages up to `contiguousSeq`. */
  let contiguous = /** @type {readonly RoomMessage[]} */ ([]);
  /** The messages after a gap. */
  const waiting = /** @type {Map<number, Entry>} */ (new Map());
  /** The service lacks the message after this number, too. */
  let confirmedGap = /** @type {number | null} */ (null);

  const covers = (/** @type {number} */ seq) => contiguousSeq !== null && seq <= contiguousSeq;
  const getWaiting = () => [...waiting].sort(([one], [other]) => one - other);

  function hold(/** @type {RoomMessage} */ message, /** @type {Frame | undefined} */ frame = undefined) {
    if (!covers(message.seq)) waiting.set(message.seq, { message, frame: frame ?? waiting.get(message.seq)?.frame });
  }

  /** Move messages from the waiting ones to the contiguous ones. Up to `settled` no more message can appear. */
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
    if (released.length) contiguous = [...contiguous, ...released.map(({ message }) => message)];
    return released;
  }

  function updateMessages() {
    const ahead = confirmedGap === contiguousSeq ? getWaiting().map(([, { message }]) => message) : [];
    const next = [...contiguous, ...ahead];
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

    /** No message up to this number is missing. It is null before the first snapshot. */
    get contiguousSeq() {
      return contiguousSeq;
    },

    hasGap: () => contiguousSeq !== null && waiting.size > 0,

    /** Whether the log is complete up to this number. */
    covers,

    /** Whether `messages` has this number. */
    shows: (/** @type {number} */ seq) => covers(seq) || (confirmedGap === contiguousSeq && waiting.has(seq)),

    /** Add a message. Returns the entries that are next in the log: none if the message has to wait. */
    add(/** @type {RoomMessage} */ message, /** @type {Frame | undefined} */ frame = undefined) {
      hold(message, frame);
      const released = contiguousSeq === null ? [] : release(contiguousSeq);
      updateMessages();
      return released;
    },

    /** Apply a snapshot. `asked` is the `last_seq` that the sync had. */
    applySnapshot(/** @type {SnapshotData} */ { messages, last_seq, recovered }, /** @type {number | null} */ asked) {
      const before = contiguousSeq ?? 0;
      const first = messages[0]?.seq ?? 0;
      const isReset = !recovered && last_seq < (asked ?? 0); // the service lost its newest messages
      const isComplete = !isReset && contiguousSeq !== null && (recovered || first <= before + 1);
      if (!isComplete) {
        for (const seq of waiting.keys()) if (isReset || seq < first) waiting.delete(seq);
        contiguous = [];
        contiguousSeq = Math.max(0, first - 1);
      }
      for (const message of messages) hold(message);
      const released = release(last_seq);
      if (contiguousSeq === asked) confirmedGap = asked;
      updateMessages();
      return { isComplete, entries: released.filter(({ message }) => message.seq > before) };
    },

    prepend(/** @type {readonly RoomMessage[]} */ earlier) {
      contiguous = [...earlier, ...contiguous];
      updateMessages();
    },
  };
}
