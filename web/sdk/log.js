/** A room's log as far as it is here: in order, each message once, without holes. */

/** @import { Frame, RoomMessage, SnapshotData } from "./wire.js" */

/** @typedef {{message: RoomMessage, frame?: Frame}} Entry */

export class Log {
  /** Up to this number nothing is missing; null before the first snapshot. */
  whole = /** @type {number | null} */ (null);

  /** What was shown. @type {readonly RoomMessage[]} */
  messages = [];

  /** What came before its turn. @type {Map<number, Entry>} */
  #early = new Map();

  /** Whether something is missing below what is here. */
  get hasGap() {
    return this.whole !== null && this.#early.size > 0;
  }

  /**
   * Take a message that came by itself.
   * @param {RoomMessage} message
   * @param {Frame} [frame] that brought it
   * @returns {Entry[]} what has its turn now
   */
  add(message, frame) {
    this.#hold(message, frame);
    return this.whole === null ? [] : this.#show(this.whole);
  }

  /** Whether it was shown, or is settled to be none. @param {number} seq */
  has(seq) {
    return this.whole !== null && seq <= this.whole;
  }

  /**
   * Take a snapshot.
   * @param {SnapshotData} snapshot
   * @param {number | null} asked the number with which it was asked for
   * @returns {{shown: Entry[], complete: boolean}} what has its turn now and had none before; whether nothing is missing
   */
  settle({ messages, last_seq, recovered }, asked) {
    const before = this.whole ?? 0;
    const isBehind = !recovered && last_seq < (asked ?? 0); // the server's log was set back
    const first = messages[0]?.seq ?? 0;
    const complete = !isBehind && this.whole !== null && (recovered || first <= before + 1);
    if (!complete) this.#restart(first, isBehind);
    for (const message of messages) this.#hold(message);
    const shown = this.#show(Math.max(isBehind ? 0 : before, last_seq));
    return { shown: shown.filter(({ message }) => message.seq > before), complete };
  }

  /**
   * Put earlier messages in front.
   * @param {RoomMessage[]} earlier
   */
  prepend(earlier) {
    const first = this.messages[0]?.seq ?? Infinity;
    this.messages = Object.freeze([...earlier.filter(({ seq }) => seq < first), ...this.messages]);
  }

  /**
   * Forget what isn't known to be connected with the newest messages.
   * @param {number} first
   * @param {boolean} isBehind
   */
  #restart(first, isBehind) {
    for (const seq of this.#early.keys()) if (isBehind || seq < first) this.#early.delete(seq);
    this.messages = Object.freeze([]);
    this.whole = Math.max(0, first - 1);
  }

  /**
   * @param {RoomMessage} message
   * @param {Frame} [frame]
   */
  #hold(message, frame) {
    if (this.has(message.seq)) return;
    const held = this.#early.get(message.seq);
    if (!held) this.#early.set(message.seq, { message, frame });
    else held.frame ??= frame;
  }

  /** @param {number} settled */
  #show(settled) {
    const /** @type {Entry[]} */ shown = [];
    let whole = this.whole ?? 0;
    for (const seq of [...this.#early.keys()].sort((a, b) => a - b)) {
      if (seq > Math.max(whole, settled) + 1) break;
      shown.push(/** @type {Entry} */ (this.#early.get(seq)));
      this.#early.delete(seq);
      whole = seq;
    }
    this.whole = Math.max(whole, settled);
    if (shown.length) this.messages = Object.freeze([...this.messages, ...shown.map(({ message }) => message)]);
    return shown;
  }
}
