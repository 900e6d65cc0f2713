/** The page: it signs the user in and shows the view that the address names. */
import { Coworking } from "../sdk/index.js";
import { button, h, say } from "./dom.js";
import { createLobby } from "./lobby.js";
import { RoomView } from "./room.js";
import { notice, trouble, welcome } from "./screens.js";
import { createSignIn } from "./signin.js";

const { style } = document.documentElement;
const view = /** @type {HTMLElement} */ (document.getElementById("view"));

/** @returns {App} */
function createApp(/** @type {Settings} */ { api, signIn: settings, rtc }) {
  const bar = h("p", { popover: "manual", role: "alert" }, "Your sign-in ends soon. ", button("Sign in again", () => signInAgain(), "main"));
  const signIn = createSignIn(settings, () => bar.showPopover());
  let isSignedIn = false;

  const start = async () => {
    view.after(bar);
    setTheme(localStorage.getItem("theme") ?? "");
    addEventListener("hashchange", route);
    try {
      isSignedIn = await signIn.ready();
      route();
    } catch (error) {
      console.warn(error); // an address can have any text: show none of it
      showWelcome("Signing in did not work. Try again.");
    }
  };

  /** Show the view that the address names. */
  const route = () => {
    const id = /^#\/rooms\/([^/]+)$/.exec(location.hash)?.[1];
    if (!isSignedIn) showWelcome();
    else show(id ? new RoomView(app, id) : createLobby(app));
  };

  const show = (/** @type {HTMLElement} */ shown) => {
    document.title = "Coworking Rooms";
    style.removeProperty("--h");
    for (const open of document.querySelectorAll("dialog")) open.close();
    view.replaceChildren(shown);
    shown.querySelector("h1")?.focus();
  };

  const showWelcome = (/** @type {string | undefined} */ text = undefined) => show(welcome(signIn.isLocal, startSignIn, text));

  const startSignIn = async (who = {}) => {
    await signIn.start(who);
    isSignedIn = signIn.isLocal;
    if (isSignedIn) route();
  };

  const signInAgain = () => startSignIn().catch(() => say("That did not work"));

  /** Show a screen for an error. */
  const fail = (/** @type {any} */ error) => {
    if (!error.code) reportError(error);
    const hasExpired = error.code === "unauthorized";
    if (hasExpired) bar.hidePopover();
    show(trouble(error, hasExpired ? signInAgain : route));
  };

  const setTheme = (/** @type {string} */ theme) => {
    localStorage.setItem("theme", theme);
    style.colorScheme = theme;
  };

  const app = { rtc, coworking: new Coworking({ api, token: signIn.token }), start, fail, setTheme };
  return app;
}

const settings = await fetch("config.json", { cache: "no-cache" }).then((answer) => answer.json()).catch(() => null);
if (settings) await createApp(settings).start();
else view.append(notice("The page can't start", "Its config.json can't be read."));
