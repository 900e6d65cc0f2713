/** The chat of a room. */
import { button, face, fill, h, icon, isEmoji, list, say, write } from "./dom.js";

const clock = new Intl.DateTimeFormat([], { timeStyle: "short" });
const calendar = new Intl.DateTimeFormat([], { weekday: "long", day: "numeric", month: "long" });

/** The chat of a room: its element, and how to show a state. */
export function createChat(/** @type {Room} */ room) {
  const TOGETHER_MS = 5 * 60_000;
  const rows = h("ol");
  const earlier = button("Earlier messages", loadEarlier);
  const log = h("div.log", { role: "log", "aria-live": "off", "aria-label": "Messages", tabindex: 0, onscroll: onScroll }, earlier, rows);
  const toEnd = () => (log.scrollTop = log.scrollHeight);
  const down = button("", toEnd, "down");
  const typing = h("p.typing soft");
  const text = h("textarea", {
    rows: 1, maxlength: 4000, "aria-label": "Message", placeholder: "Write to the room", dir: "auto", enterkeyhint: "send",
    onkeydown: (event) => event.key === "Enter" && !event.shiftKey && !event.isComposing && send(event),
    oninput: () => room.setTyping(text.value !== ""),
  });
  const form = h("form", { onsubmit: send }, text, h("button.main round", { "aria-label": "Send" }, icon("send")));
  const node = h("cr-chat", h("h2.unseen", "Chat"), log, down, typing, form);
  const size = new ResizeObserver((changed) => {
    for (const { target } of changed) if (target !== log) target.nextElementSibling?.toggleAttribute("hidden", target.scrollHeight <= target.clientHeight);
    if (atEnd) toEnd();
  });
  let atEnd = true;
  /** The last state shown. @type {RoomState | undefined} */
  let shown;
  /** The number of the last message that the user saw. */
  let seen = Number(localStorage.getItem(`seen ${room.id}`));
  /** The mark "New" stands above the first message after this number. */
  let mark = seen;
  /** How many messages the user has not seen. */
  let unseen = 0;

  size.observe(log);
  document.addEventListener("visibilitychange", markSeen);

  function stop() {
    size.disconnect();
    document.removeEventListener("visibilitychange", markSeen);
  }

  function update(/** @type {RoomState} */ state) {
    const before = shown;
    const { messages, pending, participants, hasEarlier } = state;
    shown = state;
    if (participants !== before?.participants) {
      const [one, other, more] = participants.filter((person) => person.is_typing && !person.is_you).map(({ name }) => h("bdi.who", name));
      fill(typing, ...(more ? ["Several people are typing…"] : one ? [one, other && " and ", other, " typing…"] : []));
    }
    if (messages === before?.messages && pending.length + before.pending.length === 0) return;
    const below = log.scrollHeight - log.scrollTop;
    count(messages.filter(({ seq, user_id: user }) => seq > (before?.messages.at(-1)?.seq ?? seen) && user !== state.you?.user_id), !before);
    earlier.hidden = !hasEarlier;
    list(rows, layOut(state), ([key]) => key, ([, make]) => make());
    if (atEnd) toEnd();
    else if (messages[0] !== before?.messages[0]) log.scrollTop = log.scrollHeight - below;
    markSeen();
  }

  /** Announce and count new messages of others. */
  function count(/** @type {Message[]} */ news, /** @type {boolean} */ isFirst) {
    if (!isFirst) for (const { type, user, text } of news) say(type === "system" ? text : `${user}: ${text}`);
    if (!unseen && !isSeen()) mark = seen;
    if (seen) unseen += news.filter(({ type }) => type !== "system").length;
  }

  const isSeen = () => atEnd && !document.hidden;

  function markSeen() {
    if (isSeen()) {
      unseen = 0;
      seen = shown?.messages.at(-1)?.seq ?? 0;
      localStorage.setItem(`seen ${room.id}`, `${seen}`);
    }
    document.title = `${unseen ? `(${unseen}) ` : ""}${room.state.room?.name}`;
    down.hidden = atEnd;
    write(down, unseen ? `${unseen} new` : "Newest");
  }

  /** The rows: days, the mark "New", messages, and what is not sent yet. */
  function layOut(/** @type {RoomState} */ { messages, pending, participants, you }) {
    /** @type {[key: string, make: () => Element][]} */
    const rows = [];
    const rule = (/** @type {string} */ text, look = "rule") => rows.push([text, () => h("li", { class: look }, text)]);
    /** @type {Message | undefined} */
    let last;
    let isMarked = !mark;
    for (const message of messages) {
      const { seq, user_id: user, created_at: at, edited_at: edited, deleted } = message;
      const [day, before] = [at, last?.created_at ?? 0].map((time) => calendar.format(new Date(time)));
      const isNew = !isMarked && seq > mark && user && user !== you?.user_id;
      if (day !== before) rule(day);
      if (isNew) rule("New", "rule new");
      if (isNew) isMarked = true;
      const follows = !isNew && !!last && !!user && last.user_id === user && Date.parse(at) - Date.parse(last.created_at) < TOGETHER_MS;
      rows.push([`${seq} ${follows} ${edited} ${deleted}`, () => line(message, follows, size)]);
      last = message;
    }
    const self = participants.find((one) => one.is_you) ?? { name: "You" };
    return [...rows, ...pending.map((one) => /** @type {typeof rows[0]} */ ([one.key + one.status, () => draft(one, self)]))];
  }

  function draft(/** @type {Pending} */ { key, text, status }, /** @type {{name: string}} */ self) {
    const note = status === "sending" ? h("p.soft", "Sending…")
      : h("p.trouble", "Not sent. ", button("Try again", () => room.retry(key).catch(unsent)), " ", button("Discard", () => room.discard(key)));
    return h("li.message", face(self), h("div", h("p.text", { dir: "auto" }, text), note));
  }

  function onScroll() {
    const { scrollTop, scrollHeight, clientHeight } = log;
    atEnd = scrollHeight - scrollTop - clientHeight < 40;
    markSeen();
    if (scrollTop < 200) loadEarlier();
  }


  function loadEarlier() {
    room.loadEarlier().catch(() => say("Not loaded. Try again."));
  }

  function send(/** @type {Event} */ event) {
    event.preventDefault();
    const value = text.value.trim();
    if (!value) return;
    text.value = "";
    mark = 0;
    atEnd = true;
    room.say(value).catch(unsent);
  }

  const unsent = (/** @type {{retryAfter?: number}} */ { retryAfter }) =>
    say(`A message was not sent${retryAfter ? `. You can send one in ${retryAfter} s` : ""}`);

  return { node, update, stop };
}

/** A text whose http and https addresses are links. A link shows the host that it opens. */
export function linked(/** @type {string} */ text) {
  return text.split(/(\bhttps?:\/\/(?:\([^\s()]*\)|[^\s<>"()\p{Cf}])+(?<![.,;:!?'’…\]}]))/giu).map((part, place) => {
    const url = place % 2 ? URL.parse(part) : null;
    if (!url) return part;
    url.username = url.password = "";
    const shown = part.toLowerCase().startsWith(url.origin) ? part : url.href;
    return h("a", { href: url.href, target: "_blank", rel: "noopener noreferrer" }, h("bdi", { dir: "ltr" }, shown));
  });
}

/** A sentence of the room about a person. The name stands out, so that no name can write such a sentence. */
export function sentence(/** @type {Message} */ { text, event }) {
  const name = event?.name ?? /^(.*) \w+ the room$/s.exec(text)?.[1] ?? ""; // old entries have no event
  const start = text.startsWith(name) ? name : "";
  return h("span", h("bdi.who", start), text.slice(start.length));
}

/** The row of a message. A message that `follows` another of the same person shows no name. `size` watches long texts. */
function line(/** @type {Message} */ message, /** @type {boolean} */ follows, /** @type {ResizeObserver} */ size) {
  const { type, user, user_id: id, avatar, text, created_at: at, deleted } = message;
  const time = h("time", { datetime: at }, clock.format(new Date(at)));
  if (type === "system") return h("li.event soft", sentence(message), " ", time);
  const body = deleted ? h("p.soft", "Message deleted") : h("p", { class: type === "emoji" && isEmoji(text) ? "text big" : "text", dir: "auto" }, ...linked(text));
  const more = button("More", () => (body.style.maxHeight = "none"));
  more.hidden = true;
  if (text.length >= 100) size.observe(body);
  return h("li.message", !follows && face({ id, name: user, avatar }),
    h("div", h("p", { class: follows ? "unseen" : "who" }, h("bdi", user), " ", time), body, more));
}
