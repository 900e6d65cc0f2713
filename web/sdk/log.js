/** @import { Entry, Frame, RoomMessage, SnapshotData } from "./wire.js" */

/** A room's log as far as it is here: in order, each message once, without holes but for those that the server has too. */
export class Log {
  /** Up to this number nothing is missing; null before the first snapshot. */
  whole = /** @type {number | null} */ (null);
  /** What there is to see. It takes a minute until a number is known to be unused: what comes after it is seen before its turn. */
  messages = /** @type {readonly RoomMessage[]} */ ([]);
  /** What had its turn. */
  #past = /** @type {readonly RoomMessage[]} */ ([]);
  /** What came before its turn. */
  #early = /** @type {Map<number, Entry>} */ (new Map());
  /** The number on which, as far as the server knew, nothing follows yet. */
  #asked = /** @type {number | null} */ (null);

  get hasGap() {
    return this.whole !== null && this.#early.size > 0;
  }

  /** Whether its turn is over. */
  has(/** @type {number} */ seq) {
    return this.whole !== null && seq <= this.whole;
  }

  /** Whether it is to be seen. */
  shows(/** @type {number} */ seq) {
    return this.has(seq) || (this.#asked === this.whole && this.#early.has(seq));
  }

  /** Take a message that came by itself; answers what has its turn now. */
  add(/** @type {RoomMessage} */ message, /** @type {Frame | undefined} */ frame = undefined) {
    this.#hold(message, frame);
    const shown = this.whole === null ? [] : this.#show(this.whole);
    this.#lay();
    return shown;
  }

  /** Take a snapshot that was asked for with the number `asked`. */
  settle(/** @type {SnapshotData} */ { messages, last_seq, recovered }, /** @type {number | null} */ asked) {
    const before = this.whole ?? 0;
    const first = messages[0]?.seq ?? 0;
    const isBehind = !recovered && last_seq < (asked ?? 0); // the server's log was set back
    const complete = !isBehind && this.whole !== null && (recovered || first <= before + 1);
    if (!complete) {
      for (const seq of this.#early.keys()) if (isBehind || seq < first) this.#early.delete(seq);
      this.#past = [];
      this.whole = Math.max(0, first - 1);
    }
    for (const message of messages) this.#hold(message);
    const shown = this.#show(last_seq);
    if (this.whole === asked) this.#asked = asked;
    this.#lay();
    return { complete, shown: shown.filter(({ message }) => message.seq > before) };
  }

  prepend(/** @type {readonly RoomMessage[]} */ earlier) {
    this.#past = [...earlier, ...this.#past];
    this.#lay();
  }

  #hold(/** @type {RoomMessage} */ message, /** @type {Frame | undefined} */ frame = undefined) {
    if (!this.has(message.seq)) this.#early.set(message.seq, { message, frame: frame ?? this.#early.get(message.seq)?.frame });
  }

  /** Show what follows on what is here, and all that nothing can come in between any more. */
  #show(/** @type {number} */ settled) {
    const shown = /** @type {Entry[]} */ ([]);
    this.whole ??= 0;
    for (const [seq, entry] of this.#held) {
      if (seq > Math.max(this.whole, settled) + 1) break;
      this.#early.delete(seq);
      this.whole = seq;
      shown.push(entry);
    }
    this.whole = Math.max(this.whole, settled);
    if (shown.length) this.#past = [...this.#past, ...shown.map(({ message }) => message)];
    return shown;
  }

  get #held() {
    return [...this.#early].sort(([one], [other]) => one - other);
  }

  #lay() {
    const ahead = this.#asked === this.whole ? this.#held.map(([, { message }]) => message) : [];
    const messages = [...this.#past, ...ahead];
    const isSame = messages.length === this.messages.length && messages.every((one, index) => one === this.messages[index]);
    if (!isSame) this.messages = Object.freeze(messages);
  }
}
