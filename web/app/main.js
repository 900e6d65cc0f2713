/** The page: which view is shown, for whom. @module */
import { Coworking } from "../sdk/index.js";
import { Lobby } from "./lobby.js";
import { RoomView } from "./room.js";
import { explain, notice, welcome } from "./screens.js";
import { signIn } from "./signin.js";

export class App {
  /** @type {{id?: string, name: string, avatar: string | null} | null} */
  me = null;

  /** @param {{api: string, signIn: import("./signin.js").Settings}} config */
  constructor(config) {
    this.signIn = signIn(config.signIn);
    this.coworking = new Coworking({ api: config.api, token: (options) => this.signIn.token(options) });
  }

  async start() {
    this.setTheme(localStorage.getItem("theme") ?? "system");
    addEventListener("hashchange", () => this.route());
    try {
      this.known = await this.signIn.ready();
    } catch (/** @type {any} */ error) {
      this.trouble = error.message;
    }
    this.route();
  }

  /** Show what the address says. */
  route() {
    this.me ??= this.signIn.who;
    if (!this.known) return this.show(welcome(this.signIn.local, (who) => this.#enter(who), this.trouble));
    if (!this.me?.id) this.#meet();
    const id = /^#\/rooms\/([^/]+)$/.exec(location.hash)?.[1];
    this.show(id ? new RoomView(this, id) : new Lobby(this));
  }

  /** @param {HTMLElement} view */
  show(view) {
    document.title = "Coworking Rooms";
    document.documentElement.style.removeProperty("--hue");
    document.getElementById("view")?.replaceChildren(view);
    view.querySelector("h1")?.focus();
  }

  /** Show what went wrong, as a whole screen. @param {any} error */
  fail(error) {
    this.show(explain(error, { retry: () => this.route(), signIn: () => this.#enter() }));
  }

  /** @param {string} name @param {string | null} avatar */
  async rename(name, avatar) {
    this.me = await this.coworking.api.updateMe({ name, avatar });
    if (this.signIn.local) await this.signIn.start({ name, avatar });
    this.route();
  }

  /** @param {string} theme */
  setTheme(theme) {
    localStorage.setItem("theme", theme);
    document.documentElement.style.colorScheme = theme === "system" ? "" : theme;
  }

  /** @param {{name: string, avatar: string | null}} [who] */
  async #enter(who) {
    await this.signIn.start(who);
    if (!this.signIn.local) return;
    this.known = true;
    this.me = null;
    this.route();
  }

  /** Learn how the service shows us. */
  async #meet() {
    try {
      const before = this.me?.name;
      this.me = await this.coworking.api.me();
      if (this.me?.name !== before && document.querySelector("cr-lobby")) this.route();
    } catch {
      // Whatever is wrong, the view that was opened meets it too, and says so.
    }
  }
}

try {
  const answer = await fetch("config.json", { cache: "no-cache" });
  await new App(await answer.json()).start();
} catch {
  document.getElementById("view")?.replaceChildren(
    notice("The page can't start", "Its settings could not be read.", ["Reload", () => location.reload()]));
}
