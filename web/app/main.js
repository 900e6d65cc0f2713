/** The page: it signs the user in and shows the view that the address names. */
import { Coworking } from "../sdk/index.js";
import { say } from "./dom.js";
import { Lobby } from "./lobby.js";
import { RoomView } from "./room.js";
import { notice, trouble, welcome } from "./screens.js";
import { signIn } from "./signin.js";

const { style } = document.documentElement;
const view = /** @type {HTMLElement} */ (document.getElementById("view"));

export class App {
  /** @type {Profile | undefined} */
  me;
  isSignedIn = false;
  /** By room id: seats that are being given up. A return to the room waits for that. @type {Record<string, Promise<void>>} */
  leaving = {};

  constructor(/** @type {Settings} */ { api, signIn: settings, rtc }) {
    this.rtc = rtc;
    this.signIn = signIn(settings);
    this.coworking = new Coworking({ api, token: (wanted) => this.signIn.token(wanted) });
  }

  async start() {
    this.setTheme(localStorage.getItem("theme") ?? "");
    addEventListener("hashchange", () => this.route());
    try {
      this.isSignedIn = await this.signIn.ready();
      this.route();
    } catch (error) {
      console.warn(error); // an address can have any text: show none of it
      this.welcome("Signing in did not work. Try again.");
    }
  }

  /** Show the view that the address names. */
  route() {
    const id = /^#\/rooms\/([^/]+)$/.exec(location.hash)?.[1];
    if (!this.isSignedIn) this.welcome();
    else this.show(id ? new RoomView(this, id) : new Lobby(this));
  }

  show(/** @type {HTMLElement} */ shown) {
    document.title = "Coworking Rooms";
    style.removeProperty("--h");
    for (const open of document.querySelectorAll("dialog")) open.close();
    view.replaceChildren(shown);
    shown.querySelector("h1")?.focus();
  }

  welcome(/** @type {string | undefined} */ text = undefined) {
    this.show(welcome(this.signIn.local, (who) => this.startSignIn(who), text));
  }

  async startSignIn(who = {}) {
    await this.signIn.start(who);
    this.isSignedIn = this.signIn.local;
    if (this.isSignedIn) this.route();
  }

  /** Show a screen for an error. */
  fail(/** @type {any} */ error) {
    if (!error.code) reportError(error);
    const again = error.code === "unauthorized" ? () => this.startSignIn().catch(() => say("That did not work")) : () => this.route();
    this.show(trouble(error, again));
  }

  /** Choose a theme: `light`, `dark`, or "" for the system's. */
  setTheme(/** @type {string} */ theme) {
    localStorage.setItem("theme", theme);
    style.colorScheme = theme;
  }
}

const settings = await fetch("config.json", { cache: "no-cache" }).then((answer) => answer.json()).catch(() => null);
if (settings) await new App(settings).start();
else view.append(notice("The page can't start", "Its config.json can't be read.", null));
