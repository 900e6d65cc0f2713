/** The screens with one message: an error, or the welcome. */
import { button, explain, field, form, h } from "./dom.js";

/** For each code: title, text, and the label of a button if it is not "Try again". @type {Record<string, [string, string, string?]>} */
const TROUBLE = {
  unauthorized: ["Your sign-in has expired", "Sign in again to go on.", "Sign in again"],
  room_full: ["Every seat is taken", "Try again later, or choose another room."],
  room_inactive: ["This room is closed", "It may open again. Its messages are kept."],
  room_locked: ["This room is locked", "Nobody new gets in for now. Try again later, or choose another room."],
  room_closed: ["This room has closed", "It was closed for everybody. Other rooms are open."],
  room_not_found: ["There is no such room", "It was deleted, or the link is incomplete.", ""],
  removed: ["You were removed from this room", "A moderator did this. Other rooms are open."],
  banned: ["You are kept out of this room", "A moderator or an administrator did this."],
  account_closing: ["Your account is being deleted", "Until this is done, you can't enter a room. It takes some minutes."],
  replaced: ["You are in this room elsewhere", "It was open in too many tabs, so this one was closed.", "Continue here"],
  websocket_blocked: ["Your network blocks WebSockets", "A room needs them. Try another network, or ask who runs this one."],
  left: ["You have left this room", "You did so in another tab or on another device.", "Come back"],
};

const calendar = new Intl.DateTimeFormat([], { dateStyle: "medium", timeStyle: "short" });

export const notice = (/** @type {string} */ title, /** @type {string} */ text, /** @type {Child} */ below = null, look = "pane") =>
  h("main.notice", h("div", { class: look }), h("h1", { tabindex: -1 }, title), h("p", text), below);

/** `until` is the end of a ban. */
export function trouble(/** @type {{code?: string, detail?: string, until?: string | null}} */ error, /** @type {() => void} */ retry) {
  const { code = "", until } = error;
  const [title, text, label = "Try again"] = TROUBLE[code] ?? ["That did not work", explain(error)];
  const end = until ? ` You can come back after ${calendar.format(new Date(until))}.` : "";
  return notice(title, text + end, h("p.row",
    label && button(label, retry, "main"),
    code !== "unauthorized" && h("a.button", { href: "#/" }, "All rooms")));
}

export function welcome(/** @type {boolean} */ local, /** @type {(who: {}) => Promise<void>} */ start, text = "Quiet rooms with a few seats each.") {
  const name = field("Your name", "input", { name: "name", required: true, maxlength: 80, autocomplete: "nickname" });
  return notice("Work side by side", text, local ? form("Come in", start, name) : form("Sign in", start), "pane lit");
}
