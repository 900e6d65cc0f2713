/** A room from inside. */
import { Voice } from "../sdk/voice.js";
import { Chat } from "./chat.js";
import { dialog, done, field, fill, h, icon, paint, say, write } from "./dom.js";
import { People } from "./people.js";
import { notice } from "./screens.js";

const EMOJI = ["👏", "❤️", "😂", "🎉", "👍", "🍵", "🙋", "👋"];
const LINE = /** @type {Record<string, string>} */ ({ live: "Connected", reconnecting: "Reconnecting…", offline: "Offline" });
const NO_MICROPHONE = /** @type {Record<string, string>} */ ({
  denied: "Your browser keeps the microphone to itself. To speak, allow it for this page, beside the address.",
  missing: "There is no microphone. Plug one in to speak.",
  busy: "Another program holds the microphone. Close that to speak.",
});

export class RoomView extends HTMLElement {
  /** What ends with the view. @type {(() => void)[]} */
  #undo = [];
  /** @type {Promise<Room> | undefined} */
  #entering;

  constructor(/** @type {App} */ app, /** @type {string} */ key) {
    super();
    this.app = app;
    this.key = key;
  }

  async connectedCallback() {
    const { app, key } = this;
    fill(this, notice("Taking a seat…", "", null));
    await app.leaving[key];
    if (!this.isConnected) return;
    this.#entering = app.coworking.enter(key);
    try {
      const room = await this.#entering;
      if (this.isConnected) this.#open(room, new Voice(room, { rtc: app.rtc }));
    } catch (error) {
      if (this.isConnected) app.fail(error);
    }
  }

  disconnectedCallback() {
    for (const end of this.#undo) end();
    if (this.#entering) this.app.leaving[this.key] = this.#leave(this.#entering).catch(() => {});
  }

  /** Whoever goes elsewhere in the page gives up the seat; a reload keeps it. */
  async #leave(/** @type {Promise<Room>} */ entering) {
    const room = await entering;
    if (!room.state.ended) await room.leave(); // where that fails, the seat is given up a moment later
  }

  #open(/** @type {Room} */ room, /** @type {Voice} */ voice) {
    const people = new People((user, volume) => voice.setVolume(user, volume));
    const chat = new Chat(room);
    const name = h("h1", { tabindex: -1, dir: "auto" });
    const about = h("p", { class: "soft", dir: "auto" });
    const line = h("p", { role: "status" });
    const mic = h("button", { class: "main mic", onclick: () => this.#toggle(voice) });
    const reactions = EMOJI.map((emoji) => h("button", { onclick: () => room.react(emoji).catch(() => say("Not sent")) }, emoji));
    fill(this,
      h("header", {}, h("div", {}, name, about), line),
      h("main", {}, people, chat),
      h("footer", {}, mic,
        h("button", { popovertarget: "emoji" }, icon("smile"), h("span", {}, "React")),
        h("button", { class: "round", "aria-label": "Microphone and sound", onclick: () => choose(voice) }, icon("sliders")),
        h("a", { class: "button", href: "#/" }, icon("leave"), h("span", {}, "Leave")),
        h("div", { id: "emoji", popover: "auto", role: "group", "aria-label": "Reactions" }, ...reactions)));
    const show = () => {
      const { state } = room;
      if (!state.room || state.ended) return;
      const { muted } = voice.state;
      paint(document.documentElement, state.room.color);
      write(name, state.room.name);
      write(about, state.room.description);
      write(line, voice.state.blocked ? "Click anywhere to hear the others" : LINE[state.connection]);
      line.className = `line ${state.connection}`;
      if (mic.value !== `${muted}`) fill(mic, icon(muted ? "muted" : "mic"), muted ? "Unmute" : "Mute");
      mic.value = `${muted}`;
      people.update(state, new Set(voice.state.peers.filter((peer) => peer.speaking).map((peer) => peer.userId)));
      chat.update(state);
    };
    this.#undo = [
      room.subscribe(show),
      voice.subscribe(show),
      room.on("reaction", ({ user, text }) => this.#float(user, text)),
      room.on("ended", (ended) => this.app.fail(ended)),
      () => voice.stop(),
    ];
    voice.listen();
    name.focus();
  }

  async #toggle(/** @type {Voice} */ voice) {
    const muted = !voice.state.muted;
    try {
      await voice.setMuted(muted);
      if (this.isConnected) say(muted ? "Muted" : "Microphone on");
    } catch (/** @type {any} */ error) {
      if (!this.isConnected) return;
      const again = () => (box.close(), this.#toggle(voice));
      const box = dialog("You can still listen",
        h("p", {}, NO_MICROPHONE[error.code] ?? error.detail, " You hear everybody, and can write and react."),
        h("p", { class: "row" }, h("button", { class: "main", onclick: () => box.close() }, "Just listen"), h("button", { onclick: again }, "Try again")));
    }
  }

  #float(/** @type {string} */ user, /** @type {string} */ emoji) {
    const node = h("p", { class: "float", "aria-hidden": "true", onanimationend: () => node.remove() }, emoji, h("bdi", {}, user));
    node.style.left = `${20 + Math.random() * 40}%`;
    this.append(node);
  }
}
customElements.define("cr-room", RoomView);

/** Ask which devices to use. */
async function choose(/** @type {Voice} */ voice) {
  await voice.devices();
  const { inputs, outputs, input, output } = voice.state;
  const trouble = h("p", { class: "trouble", role: "alert" });
  const refused = (/** @type {any} */ { code }) => write(trouble, NO_MICROPHONE[code] ?? "That one can't be used.");
  const pick = (/** @type {string} */ kind, /** @type {readonly Device[]} */ devices, /** @type {string} */ used, /** @type {(id: string) => Promise<void>} */ use) =>
    field(kind, "select", { disabled: !devices.length, onchange: ({ target }) => use(target.value).then(() => write(trouble, ""), refused) },
      ...devices.map(({ id, label }, place) => h("option", { value: id, selected: id === used }, label || `${kind} ${place + 1}`)));
  dialog("Microphone and sound", pick("Microphone", inputs, input, (id) => voice.useInput(id)),
    pick("Speaker", outputs, output, (id) => voice.useOutput(id)), trouble, done());
}
