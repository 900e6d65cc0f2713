/** The chat of a room. @module */
import { face, fill, h, icon, linked, list, say, set, write } from "./dom.js";

/** @import { RoomMessage as Message, RoomState } from "../sdk/wire.js" */

const TOGETHER = 5 * 60_000;
const clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const calendar = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });

export class Chat extends HTMLElement {
  #rows = h("ol", {});
  #earlier = h("button", { class: "button", onclick: () => this.#loadEarlier() }, "Earlier messages");
  #log = h("div", { class: "log", role: "log", "aria-live": "off", "aria-label": "Messages", tabindex: 0, onscroll: () => this.#scrolled() },
    this.#earlier, this.#rows);
  #fresh = h("button", { class: "button fresh", hidden: true, onclick: () => this.#toEnd() });
  #typing = h("p", { class: "typing soft", "aria-hidden": "true" });
  #text = h("textarea", {
    rows: 1, maxlength: 4000, "aria-label": "Message", placeholder: "Say something quietly", dir: "auto", enterkeyhint: "send",
    onkeydown: (/** @type {KeyboardEvent} */ event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) this.#say(event);
    },
    oninput: () => this.room.setTyping(this.#text.value !== ""),
  });
  #stop = new AbortController();
  #size = new ResizeObserver(() => this.#pinned && this.#toEnd());
  /** @type {readonly Message[]} */
  #messages = [];
  #pinned = true;
  #loading = false;
  /** What this person has seen, what they hadn't when they looked away, and how much that is by now. */
  #read = 0;
  #marker = 0;
  #unread = 0;

  /** @param {import("../sdk/index.js").Room} room */
  constructor(room) {
    super();
    this.room = room;
    this.key = `read:${room.id}`;
    this.#read = this.#marker = Number(localStorage.getItem(this.key));
  }

  connectedCallback() {
    const form = h("form", { class: "compose", onsubmit: (/** @type {Event} */ event) => this.#say(event) },
      this.#text, h("button", { class: "button main round", "aria-label": "Send" }, icon("send")));
    fill(this, h("h2", { class: "unseen" }, "Chat"), this.#log, this.#fresh, this.#typing, form);
    document.addEventListener("visibilitychange", () => this.#catchUp(), { signal: this.#stop.signal });
    this.#size.observe(this.#log);
  }

  disconnectedCallback() {
    this.#stop.abort();
    this.#size.disconnect();
  }

  /** @param {RoomState} state @param {RoomState} [before] */
  update(state, before) {
    const typing = state.participants.filter((person) => person.is_typing && !person.is_you).map((person) => person.name);
    write(this.#typing, typing.length > 2 ? "Several people are typing…" : typing.length ? `${typing.join(" and ")} ${typing.length > 1 ? "are" : "is"} typing…` : "");
    if (before && state.messages === before.messages && state.pending === before.pending && state.hasEarlier === before.hasEarlier) return;
    const fromEnd = this.#log.scrollHeight - this.#log.scrollTop;
    const first = this.#messages[0]?.seq;
    this.#take(state, !before);
    this.#earlier.hidden = !state.hasEarlier;
    list(this.#rows, this.#layOut(state), (row) => row.key, (row) => row.make());
    if (this.#pinned) this.#toEnd();
    else if (first !== this.#messages[0]?.seq) this.#log.scrollTop = this.#log.scrollHeight - fromEnd;
    this.#catchUp();
  }

  /** Count and announce what is new. @param {RoomState} state @param {boolean} start */
  #take(state, start) {
    const last = this.#messages[this.#messages.length - 1]?.seq ?? this.#read;
    const news = state.messages.filter((message) => message.seq > last && message.user_id !== state.you?.user_id);
    this.#messages = state.messages;
    if (!start) for (const message of news) say(message.type === "system" ? message.text : `${message.user}: ${message.text}`);
    const count = news.filter((message) => message.type !== "system").length;
    if (!start && count && !this.#unread && !this.#reading) this.#marker = this.#read;
    if (!start || this.#read) this.#unread += count;
  }

  get #reading() {
    return this.#pinned && !document.hidden;
  }

  /** Note that all has been seen, where it has. */
  #catchUp() {
    if (this.#reading) {
      this.#unread = 0;
      this.#read = this.#messages[this.#messages.length - 1]?.seq ?? this.#read;
      localStorage.setItem(this.key, String(this.#read));
    }
    const name = this.room.state.room?.name ?? "";
    document.title = this.#unread ? `(${this.#unread}) ${name}` : name;
    this.#fresh.hidden = this.#pinned;
    write(this.#fresh, this.#unread ? `${this.#unread} new` : "Newest");
  }

  /** The lines to show: days, the unread marker, messages, and what is still on its way. @param {RoomState} state */
  #layOut(state) {
    const rows = [];
    /** @type {Message | null} */
    let last = null;
    let marked = !this.#marker;
    let day = "";
    for (const message of this.#messages) {
      const today = calendar.format(new Date(message.created_at));
      if (today !== day) {
        const text = (day = today);
        rows.push({ key: `day ${day}`, make: () => h("li", { class: "day" }, h("span", {}, text)) });
        last = null;
      }
      if (!marked && message.seq > this.#marker && message.user_id && message.user_id !== state.you?.user_id) {
        rows.push({ key: "marker", make: () => h("li", { class: "day marker" }, h("span", {}, "New")) });
        marked = true;
        last = null;
      }
      const follows = last?.type === "text" && last.user_id === message.user_id && Date.parse(message.created_at) - Date.parse(last.created_at) < TOGETHER;
      rows.push({ key: `${message.seq}${follows ? "+" : ""}`, make: () => line(message, follows) });
      last = message;
    }
    const you = state.participants.find((person) => person.is_you);
    for (const { key, text, status } of state.pending) {
      const make = () => this.#pendingLine(key, text, status, you);
      rows.push({ key: `${key} ${status}`, make });
    }
    return rows;
  }

  /** @param {string} key @param {string} text @param {string} status @param {{name: string} | undefined} you */
  #pendingLine(key, text, status, you) {
    const note = status === "failed"
      ? h("p", { class: "problem" }, "Not sent. ", h("button", { class: "link", onclick: () => this.room.retry(key) }, "Try again"), " ",
        h("button", { class: "link", onclick: () => this.room.discard(key) }, "Discard"))
      : h("p", { class: "soft" }, "Sending…");
    return h("li", { class: `message ${status}` }, face(you ?? { name: "You" }), h("div", {}, h("p", { class: "text", dir: "auto" }, text), note));
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.#log;
    this.#pinned = scrollHeight - scrollTop - clientHeight < 40;
    this.#catchUp();
    if (scrollTop < 200 && this.room.state.hasEarlier) this.#loadEarlier();
  }

  #toEnd() {
    this.#log.scrollTop = this.#log.scrollHeight;
  }

  async #loadEarlier() {
    if (this.#loading) return;
    this.#loading = true;
    write(this.#earlier, "Looking further back…");
    try {
      await this.room.loadEarlier();
    } catch {
      say("Earlier messages can't be had just now");
    }
    write(this.#earlier, "Earlier messages");
    this.#loading = false;
  }

  /** @param {Event} event */
  #say(event) {
    event.preventDefault();
    const text = this.#text.value.trim();
    if (!text) return;
    this.#text.value = "";
    this.#marker = 0;
    this.#pinned = true;
    this.room.setTyping(false);
    this.room.say(text).catch(() => say("A message was not sent"));
  }
}
customElements.define("cr-chat", Chat);

/** @param {Message} message @param {boolean} follows */
function line(message, follows) {
  const { type, user, user_id: id, avatar, text, created_at: at } = message;
  const time = h("time", { datetime: at }, clock.format(new Date(at)));
  if (type === "system") return h("li", { class: "event soft" }, h("bdi", {}, text), " ", time);
  if (type === "emoji") return h("li", { class: "event soft" }, h("bdi", {}, user), " ", h("span", { class: "emoji" }, text), " ", time);
  const who = h("p", { class: "who" }, h("bdi", {}, user), " ", time);
  return h("li", { class: follows ? "message follows" : "message" }, !follows && face({ id, name: user, avatar }),
    h("div", {}, follows ? h("p", { class: "unseen" }, user) : who, h("p", { class: "text", dir: "auto" }, ...linked(text))));
}
