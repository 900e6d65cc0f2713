/** The chat of a room. */
import { face, fill, h, icon, list, say, write } from "./dom.js";

const TOGETHER_MS = 5 * 60_000;
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const calendar = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });

export class Chat extends HTMLElement {
  #rows = h("ol", {});
  #earlier = h("button", { onclick: () => this.#look() }, "Earlier messages");
  #log = h("div", { class: "log", role: "log", "aria-live": "off", "aria-label": "Messages", tabindex: 0, onscroll: () => this.#scroll() },
    this.#earlier, this.#rows);
  #down = h("button", { class: "down", onclick: () => this.#toEnd() });
  #typing = h("p", { class: "typing soft" });
  #text = h("textarea", {
    rows: 1, maxlength: 4000, "aria-label": "Message", placeholder: "Write to the room", dir: "auto", enterkeyhint: "send",
    onkeydown: (event) => event.key === "Enter" && !event.shiftKey && !event.isComposing && this.#say(event),
    oninput: () => this.room.setTyping(this.#text.value !== ""),
  });
  #size = new ResizeObserver(() => this.#atEnd && this.#toEnd());
  #atEnd = true;
  /** The last state shown. @type {RoomState | undefined} */
  #shown;
  /** The last message seen; what was the last one when new ones came unseen; how many those are. */
  #seen;
  #mark;
  #news = 0;

  constructor(/** @type {Room} */ room) {
    super();
    this.room = room;
    this.#seen = this.#mark = Number(localStorage.getItem(`seen ${room.id}`));
  }

  connectedCallback() {
    const form = h("form", { onsubmit: (event) => this.#say(event) }, this.#text, h("button", { class: "main round", "aria-label": "Send" }, icon("send")));
    fill(this, h("h2", { class: "unseen" }, "Chat"), this.#log, this.#down, this.#typing, form);
    this.#size.observe(this.#log);
    document.addEventListener("visibilitychange", this.#see);
  }

  disconnectedCallback() {
    this.#size.disconnect();
    document.removeEventListener("visibilitychange", this.#see);
  }

  update(/** @type {RoomState} */ state) {
    const before = this.#shown;
    const { messages, pending, participants, hasEarlier } = state;
    const names = participants.filter((one) => one.is_typing && !one.is_you).map((one) => one.name);
    write(this.#typing, names.length > 2 ? "Several people are typing…" : names.length ? `${names.join(" and ")} typing…` : "");
    if (messages === before?.messages && pending.length + before.pending.length === 0) return;
    this.#shown = state;
    const below = this.#log.scrollHeight - this.#log.scrollTop;
    this.#count(messages.filter(({ seq, user_id: user }) => seq > (before?.messages.at(-1)?.seq ?? this.#seen) && user !== state.you?.user_id), !before);
    this.#earlier.hidden = !hasEarlier;
    list(this.#rows, this.#layOut(state), ([key]) => key, ([, make]) => make());
    if (this.#atEnd) this.#toEnd();
    else if (messages[0] !== before?.messages[0]) this.#log.scrollTop = this.#log.scrollHeight - below;
    this.#see();
  }

  #count(/** @type {Message[]} */ news, /** @type {boolean} */ isFirst) {
    if (!isFirst) for (const { type, user, text } of news) say(type === "system" ? text : `${user}: ${text}`);
    if (!this.#news && !this.#isSeen) this.#mark = this.#seen;
    if (this.#seen) this.#news += news.filter(({ type }) => type !== "system").length;
  }

  get #isSeen() {
    return this.#atEnd && !document.hidden;
  }

  #see = () => {
    if (this.#isSeen) {
      this.#news = 0;
      this.#seen = this.#shown?.messages.at(-1)?.seq ?? 0;
      localStorage.setItem(`seen ${this.room.id}`, `${this.#seen}`);
    }
    document.title = `${this.#news ? `(${this.#news}) ` : ""}${this.room.state.room?.name}`;
    this.#down.hidden = this.#atEnd;
    write(this.#down, this.#news ? `${this.#news} new` : "Newest");
  };

  /** Days, the mark above what is new, messages, and what isn't sent yet. */
  #layOut(/** @type {RoomState} */ { messages, pending, participants, you }) {
    /** @type {[key: string, make: () => Element][]} */
    const rows = [];
    const rule = (/** @type {string} */ text, look = "rule") => rows.push([text, () => h("li", { class: look }, text)]);
    /** @type {Message | undefined} */
    let last;
    let mark = this.#mark;
    for (const message of messages) {
      const { seq, user_id: user, created_at: at } = message;
      const [day, before] = [at, last?.created_at ?? 0].map((time) => calendar.format(new Date(time)));
      const isNew = mark && seq > mark && user && user !== you?.user_id;
      if (day !== before) rule(day);
      if (isNew) rule("New", "rule new");
      if (isNew) mark = 0;
      const follows = !isNew && last?.type === "text" && last.user_id === user && Date.parse(at) - Date.parse(last.created_at) < TOGETHER_MS;
      rows.push([`${seq} ${follows}`, () => line(message, follows)]);
      last = message;
    }
    const self = participants.find((one) => one.is_you) ?? { name: "You" };
    return [...rows, ...pending.map((one) => /** @type {typeof rows[0]} */ ([one.key + one.status, () => this.#draft(one, self)]))];
  }

  #draft(/** @type {Pending} */ { key, text, status }, /** @type {{name: string}} */ self) {
    const act = (/** @type {string} */ label, /** @type {() => any} */ go) => h("button", { onclick: go }, label);
    const note = status === "sending" ? h("p", { class: "soft" }, "Sending…")
      : h("p", { class: "trouble" }, "Not sent. ", act("Try again", () => this.room.retry(key).catch(unsent)), " ", act("Discard", () => this.room.discard(key)));
    return h("li", { class: `message ${status}` }, face(self), h("div", {}, h("p", { class: "text", dir: "auto" }, text), note));
  }

  #scroll() {
    const { scrollTop, scrollHeight, clientHeight } = this.#log;
    this.#atEnd = scrollHeight - scrollTop - clientHeight < 40;
    this.#see();
    if (scrollTop < 200) this.#look();
  }

  #toEnd() {
    this.#log.scrollTop = this.#log.scrollHeight;
  }

  #look() {
    this.room.loadEarlier().catch(() => say("Earlier messages can't be had just now"));
  }

  #say(/** @type {Event} */ event) {
    event.preventDefault();
    const text = this.#text.value.trim();
    if (!text) return;
    this.#text.value = "";
    this.#mark = 0;
    this.#atEnd = true;
    this.room.say(text).catch(unsent);
  }
}
customElements.define("cr-chat", Chat);

const unsent = () => say("A message was not sent");

/** Text with its http and https addresses made links. */
function linked(/** @type {string} */ text) {
  return text.split(/(\bhttps?:\/\/(?:\([^\s()]*\)|[^\s<>"()\p{Cf}])+(?<![.,;:!?'’…\]}]))/giu).map((part, place) =>
    place % 2 && URL.canParse(part) ? h("a", { href: new URL(part).href, target: "_blank", rel: "noopener noreferrer" }, part) : part);
}

/** A message; one that `follows` another of the same person doesn't say again who that is. */
function line(/** @type {Message} */ { type, user, user_id: id, avatar, text, created_at: at }, /** @type {boolean} */ follows) {
  const time = h("time", { datetime: at }, clock.format(new Date(at)));
  if (type === "system") return h("li", { class: "event soft" }, h("bdi", {}, text), " ", time);
  if (type === "emoji") return h("li", { class: "event soft" }, h("bdi", {}, user), " ", h("span", { class: "big" }, text), " ", time);
  return h("li", { class: "message" }, !follows && face({ id, name: user, avatar }),
    h("div", {}, h("p", { class: follows ? "unseen" : "who" }, h("bdi", {}, user), " ", time), h("p", { class: "text", dir: "auto" }, ...linked(text))));
}
