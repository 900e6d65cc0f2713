/** The page: what it shows, and to whom. */
import { Coworking } from "../sdk/index.js";
import { say } from "./dom.js";
import { Lobby } from "./lobby.js";
import { RoomView } from "./room.js";
import { notice, trouble, welcome } from "./screens.js";
import { signIn } from "./signin.js";

export class App {
  /** @type {import("../sdk/wire.js").Profile | undefined} */
  me;
  known = false;

  /** @param {{api: string, signIn: import("./signin.js").Settings}} config */
  constructor(config) {
    this.signIn = signIn(config.signIn);
    this.coworking = new Coworking({ api: config.api, token: (wanted) => this.signIn.token(wanted) });
  }

  async start() {
    this.dress(localStorage.getItem("theme") ?? "");
    addEventListener("hashchange", () => this.route());
    await this.signIn.ready().then((known) => {
      this.known = known;
      this.route();
    }, ({ message }) => this.ask(message));
  }

  /** Show what the address says. */
  route() {
    const id = /^#\/rooms\/([^/]+)$/.exec(location.hash)?.[1];
    if (!this.known) this.ask();
    else this.show(id ? new RoomView(this, id) : new Lobby(this));
  }

  /** @param {HTMLElement} view */
  show(view) {
    document.title = "Coworking Rooms";
    for (const name of ["--h", "--v"]) document.documentElement.style.removeProperty(name);
    document.getElementById("view")?.replaceChildren(view);
    view.querySelector("h1")?.focus();
  }

  /** @param {string} [text] */
  ask(text) {
    this.show(welcome(this.signIn.local, (who) => this.enter(who), text));
  }

  /** @param {{name?: string}} [who] */
  async enter(who = {}) {
    await this.signIn.start(who);
    this.known = this.signIn.local;
    if (this.known) this.route();
  }

  /** Show what went wrong, as a whole screen. @param {any} error */
  fail(error) {
    if (!error.code) reportError(error);
    const again = error.code === "unauthorized" ? () => this.enter().catch(() => say("That did not work")) : () => this.route();
    this.show(trouble(error, again));
  }

  /** @param {string} theme `light`, `dark`, or whichever the system has */
  dress(theme) {
    localStorage.setItem("theme", theme);
    document.documentElement.style.colorScheme = theme;
  }
}

const config = await fetch("config.json", { cache: "no-cache" }).then((answer) => answer.json()).catch(() => null);
if (config) await new App(config).start();
else document.getElementById("view")?.append(notice("The page can't start", "Its config.json can't be read. Try again later."));
