/** A room from inside. @module */
import { Voice } from "../sdk/voice.js";
import { Chat } from "./chat.js";
import { dialog, field, fill, h, icon, paint, say, set, write } from "./dom.js";
import { People } from "./people.js";

/** @import { App } from "./main.js" */
/** @import { Room } from "../sdk/index.js" */
/** @import { Device } from "../sdk/voice-types.js" */
/** @import { RoomState } from "../sdk/wire.js" */

const EMOJI = ["👏", "❤️", "😂", "🎉", "👍", "🍵", "🙋", "👋"];
const LINE = {
  connecting: "Connecting…", live: "Connected", reconnecting: "Reconnecting…", offline: "Offline, waiting for the network", ended: "",
};
const NO_MICROPHONE = /** @type {Record<string, string>} */ ({
  denied: "Your browser keeps the microphone to itself. To speak, allow it for this page in the address bar.",
  missing: "There is no microphone to be found. Plug one in to speak.",
  busy: "Another program holds the microphone. Close it to speak.",
});

export class RoomView extends HTMLElement {
  #stop = new AbortController();
  /** @type {Room | undefined} */
  #room;
  /** @type {RoomState | undefined} */
  #before;

  /** @param {App} app @param {string} key the room's id */
  constructor(app, key) {
    super();
    this.app = app;
    this.key = key;
  }

  async connectedCallback() {
    const { signal } = this.#stop;
    fill(this, h("main", { class: "notice" }, h("div", { class: "pane" }), h("h1", { tabindex: -1 }, "Taking a seat…")));
    try {
      const room = await this.app.coworking.enter(this.key, { signal });
      if (signal.aborted) return void room.leave();
      this.#room = room;
      this.#open(room);
    } catch (error) {
      if (!signal.aborted) this.app.fail(error);
    }
  }

  /** Whoever goes elsewhere in the page gives up the seat; a reload keeps it. */
  disconnectedCallback() {
    this.#stop.abort();
    this.voice?.stop();
    if (this.#room?.state.connection !== "ended") this.#room?.leave().catch(() => this.#room?.close());
  }

  /** @param {Room} room */
  #open(room) {
    const voice = (this.voice = new Voice(room));
    const people = new People((user, volume) => voice.setVolume(user, volume));
    const chat = new Chat(room);
    const name = h("h1", { tabindex: -1, dir: "auto" });
    const about = h("p", { class: "soft", dir: "auto" });
    const line = h("p", { class: "line", role: "status" });
    const mic = h("button", { class: "button main mic", onclick: () => this.#toggle() });
    const emoji = h("div", { id: "emoji", popover: "auto", role: "group", "aria-label": "Reactions" },
      ...EMOJI.map((one) => h("button", { onclick: () => room.react(one).catch(() => say("The reaction was not sent")) }, one)));
    const dock = h("footer", { class: "dock", "aria-label": "Controls" }, mic,
      h("button", { class: "button", popovertarget: "emoji", "aria-label": "React" }, icon("smile"), h("span", {}, "React")),
      h("button", { class: "button round", "aria-label": "Microphone and sound", onclick: () => this.#choose() }, icon("sliders")),
      h("a", { class: "button", href: "#/", "aria-label": "Leave" }, icon("leave"), h("span", {}, "Leave")));
    fill(this, h("header", { class: "bar" }, h("div", {}, name, about), line), h("main", {}, people, chat), dock, emoji);
    name.focus();
    const { signal } = this.#stop;
    let heard = new Set();
    const show = () => {
      const { state } = room;
      const you = state.participants.find((person) => person.is_you);
      if (state.ended || !state.room) return;
      write(name, state.room.name);
      write(about, state.room.description);
      paint(document.documentElement, state.room.color);
      write(line, LINE[state.connection]);
      line.className = `line ${state.connection}`;
      const muted = you?.is_muted !== false;
      fill(mic, icon(muted ? "muted" : "mic"), muted ? "Unmute" : "Mute");
      people.update(state, heard);
      chat.update(state, this.#before);
      this.#before = state;
    };
    signal.addEventListener("abort", room.subscribe(show));
    signal.addEventListener("abort", voice.subscribe(({ peers }) => {
      heard = new Set(peers.filter((peer) => peer.speaking).map((peer) => peer.userId));
      show();
    }));
    room.on("reaction", ({ user_id: user, text }) => people.float(user ?? "", text));
    room.on("recovered", () => say("Connected again, nothing was missed"));
    room.on("ended", (ended) => signal.aborted || this.app.fail(ended));
    voice.listen();
  }

  async #toggle() {
    const { voice } = this;
    const muted = this.#room?.state.participants.find((person) => person.is_you)?.is_muted !== false;
    try {
      await voice?.setMuted(!muted);
      say(muted ? "Microphone on" : "Muted");
    } catch (/** @type {any} */ error) {
      const box = dialog("You can listen", h("p", {}, NO_MICROPHONE[error.code] ?? error.detail ?? "The microphone can't be had just now."),
        h("p", {}, "You hear everybody, and can write and react."),
        h("div", { class: "row" }, h("button", { class: "button main", onclick: () => box.close() }, "Just listen"),
          h("button", { class: "button", onclick: () => (box.close(), this.#toggle()) }, "Try again")));
    }
  }

  /** Ask which devices to use. */
  async #choose() {
    const { voice } = this;
    if (!voice) return;
    const { inputs, outputs } = await voice.devices();
    const pick = (/** @type {readonly Device[]} */ devices, /** @type {(id: string) => void} */ use) =>
      h("select", { onchange: (/** @type {any} */ event) => use(event.target.value) },
        ...devices.map(({ id, label }, place) => h("option", { value: id }, label || `Device ${place + 1}`)));
    const box = dialog("Microphone and sound",
      inputs.length ? field("Microphone", pick(inputs, (id) => voice.useInput(id))) : h("p", {}, "No microphone found."),
      outputs.length > 0 && field("Speaker", pick(outputs, (id) => voice.useOutput(id))),
      h("div", { class: "row" }, h("button", { class: "button main", onclick: () => box.close() }, "Done")));
  }
}
customElements.define("cr-room", RoomView);
