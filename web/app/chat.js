/** The chat of a room. */
import { face, fill, h, icon, list, say, write } from "./dom.js";

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const calendar = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });

/** The chat of a room: its element, and how to show a state. */
export function createChat(/** @type {Room} */ room) {
  const TOGETHER_MS = 5 * 60_000;
  const rows = h("ol");
  const earlier = h("button", { onclick: loadEarlier }, "Earlier messages");
  const log = h("div.log", { role: "log", "aria-live": "off", "aria-label": "Messages", tabindex: 0, onscroll: onScroll }, earlier, rows);
  const down = h("button.down", { onclick: toEnd });
  const typing = h("p.typing soft");
  const text = h("textarea", {
    rows: 1, maxlength: 4000, "aria-label": "Message", placeholder: "Write to the room", dir: "auto", enterkeyhint: "send",
    onkeydown: (event) => event.key === "Enter" && !event.shiftKey && !event.isComposing && send(event),
    oninput: () => room.setTyping(text.value !== ""),
  });
  const form = h("form", { onsubmit: send }, text, h("button.main round", { "aria-label": "Send" }, icon("send")));
  const node = h("cr-chat", {}, h("h2.unseen", {}, "Chat"), log, down, typing, form);
  const size = new ResizeObserver(() => atEnd && toEnd());
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
    const names = participants.filter((one) => one.is_typing && !one.is_you).map((one) => one.name);
    write(typing, names.length > 2 ? "Several people are typing…" : names.length ? `${names.join(" and ")} typing…` : "");
    if (messages === before?.messages && pending.length + before.pending.length === 0) return;
    shown = state;
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

  function isSeen() {
    return atEnd && !document.hidden;
  }

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
      const { seq, user_id: user, created_at: at } = message;
      const [day, before] = [at, last?.created_at ?? 0].map((time) => calendar.format(new Date(time)));
      const isNew = !isMarked && seq > mark && user && user !== you?.user_id;
      if (day !== before) rule(day);
      if (isNew) rule("New", "rule new");
      if (isNew) isMarked = true;
      const follows = !isNew && last?.type === "text" && last.user_id === user && Date.parse(at) - Date.parse(last.created_at) < TOGETHER_MS;
      rows.push([`${seq} ${follows}`, () => line(message, follows)]);
      last = message;
    }
    const self = participants.find((one) => one.is_you) ?? { name: "You" };
    return [...rows, ...pending.map((one) => /** @type {typeof rows[0]} */ ([one.key + one.status, () => draft(one, self)]))];
  }

  function draft(/** @type {Pending} */ { key, text, status }, /** @type {{name: string}} */ self) {
    const act = (/** @type {string} */ label, /** @type {() => any} */ go) => h("button", { onclick: go }, label);
    const note = status === "sending" ? h("p.soft", {}, "Sending…")
      : h("p.trouble", {}, "Not sent. ", act("Try again", () => room.retry(key).catch(unsent)), " ", act("Discard", () => room.discard(key)));
    return h("li", { class: `message ${status}` }, face(self), h("div", {}, h("p.text", { dir: "auto" }, text), note));
  }

  function onScroll() {
    const { scrollTop, scrollHeight, clientHeight } = log;
    atEnd = scrollHeight - scrollTop - clientHeight < 40;
    markSeen();
    if (scrollTop < 200) loadEarlier();
  }

  function toEnd() {
    log.scrollTop = log.scrollHeight;
  }

  function loadEarlier() {
    room.loadEarlier().catch(() => say("Earlier messages can't be loaded now"));
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

  const unsent = () => say("A message was not sent");

  return { node, update, stop };
}

/** A text whose http and https addresses are links. */
function linked(/** @type {string} */ text) {
  return text.split(/(\bhttps?:\/\/(?:\([^\s()]*\)|[^\s<>"()\p{Cf}])+(?<![.,;:!?'’…\]}]))/giu).map((part, place) =>
    place % 2 && URL.canParse(part) ? h("a", { href: new URL(part).href, target: "_blank", rel: "noopener noreferrer" }, part) : part);
}

/** The row of a message. A message that `follows` another of the same person shows no name. */
function line(/** @type {Message} */ { type, user, user_id: id, avatar, text, created_at: at }, /** @type {boolean} */ follows) {
  const time = h("time", { datetime: at }, clock.format(new Date(at)));
  if (type === "system") return h("li.event soft", {}, h("bdi", {}, text), " ", time);
  if (type === "emoji") return h("li.event soft", {}, h("bdi", {}, user), " ", h("span.big", {}, text), " ", time);
  return h("li.message", {}, !follows && face({ id, name: user, avatar }),
    h("div", {}, h("p", { class: follows ? "unseen" : "who" }, h("bdi", {}, user), " ", time), h("p.text", { dir: "auto" }, ...linked(text))));
}
