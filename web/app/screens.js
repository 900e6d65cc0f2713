/** What fills the window when there is one thing to say. @module */
import { fill, h } from "./dom.js";

/** @typedef {[label: string, act: string | (() => void)]} Action */

/** @param {string} title @param {string} text @param {...Action} actions */
export function notice(title, text, ...actions) {
  const buttons = actions.map(([label, act], place) => {
    const look = { class: place ? "button" : "button main" };
    return typeof act === "string" ? h("a", { ...look, href: act }, label) : h("button", { ...look, onclick: act }, label);
  });
  return h("main", { class: "notice" }, h("div", { class: "pane lit" }), h("h1", { tabindex: -1 }, title), h("p", {}, text),
    h("div", { class: "row" }, ...buttons));
}

/** @type {Action} */
const ROOMS = ["See all rooms", "#/"];

/** The screen for an error, or for the reason a room ended with.
 * @param {any} error @param {{retry: () => void, signIn: () => void}} acts */
export function explain(error, { retry, signIn }) {
  switch (error.code) {
    case "unauthorized":
      return notice("Your sign-in has expired", "Nothing is lost. Sign in again, and you are back where you were.",
        ["Sign in again", signIn]);
    case "room_full":
      return notice("Every seat is taken", "Somebody may get up soon. Try again in a while, or sit down elsewhere.",
        ["Try again", retry], ROOMS);
    case "room_inactive":
    case "room_closed":
      return notice("This room is closed", "Whoever looks after it has closed it. What was said in it is not yours to lose: if it opens again, it is there.",
        ROOMS, ["Try again", retry]);
    case "room_not_found":
      return notice("There is no such room", "It may have been deleted, or the link is not whole.", ROOMS);
    case "replaced":
      return notice("You are here in other windows", "This room is open in as many of your tabs and devices as can be, so this one made way.",
        ["Continue here", retry], ROOMS);
    case "left":
      return notice("You have left this room", "You did so in another tab, or on another device.", ["Come back", retry], ROOMS);
    default:
      return notice("That did not work", error.detail ?? "The rooms can't be reached. Your connection may be down, or it is us.",
        ["Try again", retry], ROOMS);
  }
}

/** Ask for a name, or send people to where they sign in.
 * @param {boolean} local @param {(who?: {name: string, avatar: string | null}) => Promise<void>} start @param {string} [trouble] */
export function welcome(local, start, trouble = "") {
  const name = h("input", { name: "name", required: true, maxlength: 80, autocomplete: "nickname", pattern: ".*\\S.*" });
  const problem = h("p", { class: "problem", role: "alert" }, trouble);
  const button = h("button", { class: "button main" }, local ? "Come in" : "Sign in");
  const form = h("form", {
    async onsubmit(/** @type {Event} */ event) {
      event.preventDefault();
      button.disabled = true;
      try {
        await start(local ? { name: name.value.trim(), avatar: null } : undefined);
      } catch {
        fill(problem, "That did not work. Try again in a moment.");
      }
      button.disabled = false;
    },
  }, local && h("label", { class: "field" }, h("span", {}, "Your name"), name), problem, button);
  return h("main", { class: "notice" }, h("div", { class: "pane lit" }), h("h1", { tabindex: -1 }, "Work side by side"),
    h("p", {}, local ? "Quiet rooms with a few seats each. What may the others call you?" : "Quiet rooms with a few seats each."), form);
}
