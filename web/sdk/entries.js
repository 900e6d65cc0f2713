/** Events of the log that change a message: edits, deletions and reactions. They may come in any order, twice, and before their message. */
/** @import { ChangeFrame } from "./internal.js" */
/** @import { RoomMessage } from "./wire.js" */

/** A reply shows this much of the message that it answers. */
const EXCERPT = 100;

/** @type {Record<string, (message: RoomMessage, data: any, you: string) => RoomMessage>} */
const CHANGES = {
  message_edited: (message, { text, edited_at, mentions }) => ({ ...message, text, edited_at, mentions }),
  message_deleted: (message) => ({ ...message, text: "", deleted: true, mentions: [], reactions: [] }),
  reactions_changed: (message, { emoji, user_id, on, count }, you) => {
    const reactions = message.reactions ?? [];
    const me = user_id === you ? on : (reactions.find((one) => one.emoji === emoji)?.me ?? false);
    const changed = [...reactions.filter((one) => one.emoji !== emoji), { emoji, count, me }].filter((one) => one.count > 0);
    return { ...message, reactions: changed.sort((one, other) => other.count - one.count || (one.emoji < other.emoji ? -1 : 1)) };
  },
};

/** Whether frames of this type change a message. */
export const isChange = (/** @type {string} */ type) => Object.hasOwn(CHANGES, type);

/** A message after changes, in any order: the change with the highest number wins. After a deletion nothing changes. @returns {RoomMessage} */
export const fold = (/** @type {RoomMessage} */ message, /** @type {Iterable<ChangeFrame>} */ changes, you = "") =>
  [...changes]
    .sort((one, other) => one.seq - other.seq)
    .reduce((next, { type, data }) => (next.deleted ? next : CHANGES[type](next, data, you)), message);

/** A reply after changes of the message that it answers. @returns {RoomMessage} */
export function foldOriginal(/** @type {RoomMessage} */ reply, /** @type {Iterable<ChangeFrame>} */ changes) {
  const { reply_to: original } = reply;
  const { text } = fold(/** @type {any} */ (original), changes);
  return text === original?.text ? reply : { ...reply, reply_to: /** @type {any} */ ({ ...original, text: [...text].slice(0, EXCERPT).join("") }) };
}

/** The changes of all messages of a log. */
export function createChanges() {
  /** The newest changes, by the number of their message and by what they change of it. */
  const targets = /** @type {Map<number | undefined, Map<string, ChangeFrame>>} */ (new Map());
  /** A message that was read later than it was sent has all changes up to this number. */
  const asOf = /** @type {WeakMap<RoomMessage, number>} */ (new WeakMap());
  /** The messages as they are now, and the numbers of the changes in them. */
  const results = /** @type {WeakMap<RoomMessage, {message: RoomMessage, key: string}>} */ (new WeakMap());

  const find = (/** @type {number | undefined} */ target, /** @type {number} */ after) =>
    [...(targets.get(target)?.values() ?? [])].filter(({ seq }) => seq > after);

  return {
    add(/** @type {ChangeFrame} */ frame) {
      const { target_seq: target, emoji, user_id: user } = frame.data;
      const subject = [frame.type, emoji, user].join();
      const newest = targets.get(target) ?? new Map();
      targets.set(target, newest);
      if (!(newest.get(subject)?.seq >= frame.seq)) newest.set(subject, frame);
    },

    clear: () => targets.clear(),

    /** These messages have all changes up to this number. */
    settle(/** @type {readonly RoomMessage[]} */ messages, /** @type {number} */ seq) {
      for (const message of messages) asOf.set(message, Math.max(seq, message.seq));
    },

    /** A message as it is now: the same object until it changes. */
    apply(/** @type {RoomMessage} */ message, you = "") {
      const { seq, reply_to: original } = message;
      const after = asOf.get(message) ?? seq;
      const changes = find(seq, after);
      const changesOfOriginal = find(original?.seq, after);
      const key = [...changes, ...changesOfOriginal].map((one) => one.seq).join();
      if (!key) return message;
      const known = results.get(message);
      if (known?.key === key) return known.message;
      const changed = fold(message, changes, you);
      const result = original ? foldOriginal(changed, changesOfOriginal) : changed;
      results.set(message, { key, message: result });
      return result;
    },
  };
}
