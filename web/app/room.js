/** A room from inside. */
import { Voice } from "../sdk/voice.js";
import { Chat } from "./chat.js";
import { dialog, field, fill, h, icon, paint, say, write } from "./dom.js";
import { People } from "./people.js";
import { notice } from "./screens.js";

/** @import { Room } from "../sdk/index.js" */
/** @import { Device } from "../sdk/voice-types.js" */
/** @import { App } from "./main.js" */

const EMOJI = ["👏", "❤️", "😂", "🎉", "👍", "🍵", "🙋", "👋"];
const LINE = { connecting: "Connecting…", live: "Connected", reconnecting: "Reconnecting…", offline: "Offline", ended: "" };
const NO_MICROPHONE = /** @type {Record<string, string>} */ ({
  denied: "Your browser keeps the microphone to itself. To speak, allow it for this page, beside the address.",
  missing: "There is no microphone. Plug one in to speak.",
  busy: "Another program holds the microphone. Close that to speak.",
});

export class RoomView extends HTMLElement {
  #stop = new AbortController();

  /** @param {App} app @param {string} key the room's id */
  constructor(app, key) {
    super();
    this.app = app;
    this.key = key;
  }

  async connectedCallback() {
    const { signal } = this.#stop;
    fill(this, notice("Taking a seat…", ""));
    try {
      const room = await this.app.coworking.enter(this.key, { signal });
      this.#open(room, new Voice(room));
    } catch (error) {
      if (!signal.aborted) this.app.fail(error);
    }
  }

  disconnectedCallback() {
    this.#stop.abort();
  }

  /** @param {Room} room @param {Voice} voice */
  #open(room, voice) {
    const people = new People((user, volume) => voice.setVolume(user, volume));
    const chat = new Chat(room);
    const [name, about, line] = [h("h1", { tabindex: -1, dir: "auto" }), h("p", { class: "soft", dir: "auto" }), h("p", { role: "status" })];
    const mic = h("button", { class: "main mic", onclick: () => toggle(room, voice) });
    const reactions = EMOJI.map((emoji) => h("button", { onclick: () => room.react(emoji).catch(() => say("Not sent")) }, emoji));
    fill(this,
      h("header", {}, h("div", {}, name, about), line),
      h("main", {}, people, chat),
      h("footer", {}, mic,
        h("button", { popovertarget: "emoji", "aria-label": "React" }, icon("smile"), h("span", {}, "React")),
        h("button", { class: "round", "aria-label": "Microphone and sound", onclick: () => choose(voice) }, icon("sliders")),
        h("a", { class: "button", href: "#/", "aria-label": "Leave" }, icon("leave"), h("span", {}, "Leave"))),
      h("div", { id: "emoji", popover: "auto", role: "group", "aria-label": "Reactions" }, ...reactions));
    const show = () => {
      const { state } = room;
      if (!state.room || state.ended) return;
      const muted = isMuted(room);
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
    const undo = [
      room.subscribe(show),
      voice.subscribe(show),
      room.on("reaction", ({ user, text }) => this.#float(user, text)),
      room.on("recovered", ({ complete }) => say(complete ? "Connected again, nothing is missing" : "Connected again")),
      room.on("ended", (ended) => this.app.fail(ended)),
    ];
    // Whoever goes elsewhere in the page gives up the seat; a reload keeps it.
    this.#stop.signal.addEventListener("abort", () => {
      for (const end of undo) end();
      voice.stop();
      if (!room.state.ended) room.leave().catch(() => room.close());
    });
    voice.listen();
    name.focus();
  }

  /** Let an emoji rise. @param {string} user @param {string} emoji */
  #float(user, emoji) {
    const node = h("p", { class: "float", "aria-hidden": "true", onanimationend: () => node.remove() }, emoji, h("bdi", {}, user));
    node.style.left = `${20 + Math.random() * 40}%`;
    this.append(node);
  }
}
customElements.define("cr-room", RoomView);

/** @param {Room} room */
const isMuted = (room) => room.state.participants.find((person) => person.is_you)?.is_muted !== false;

/** @param {Room} room @param {Voice} voice */
async function toggle(room, voice) {
  const muted = !isMuted(room);
  try {
    await voice.setMuted(muted);
    say(muted ? "Muted" : "Microphone on");
  } catch (/** @type {any} */ error) {
    const again = () => (box.close(), toggle(room, voice));
    const box = dialog("You can still listen",
      h("p", {}, NO_MICROPHONE[error.code] ?? error.detail, " You hear everybody, and can write and react."),
      h("p", { class: "row" }, h("button", { class: "main", onclick: () => box.close() }, "Just listen"), h("button", { onclick: again }, "Try again")));
  }
}

/** Ask which devices to use. @param {Voice} voice */
async function choose(voice) {
  await voice.devices();
  const { inputs, outputs, input, output } = voice.state;
  const pick = (/** @type {string} */ label, /** @type {readonly Device[]} */ devices, /** @type {string} */ used, /** @type {(id: string) => any} */ use) =>
    field(label, "select", { disabled: !devices.length, onchange: ({ target }) => use(target.value) },
      ...devices.map(({ id, label: name }, place) => h("option", { value: id, selected: id === used }, name || `${label} ${place + 1}`)));
  dialog("Microphone and sound",
    pick("Microphone", inputs, input, (id) => voice.useInput(id)), pick("Speaker", outputs, output, (id) => voice.useOutput(id)),
    h("form", { method: "dialog" }, h("button", { class: "main" }, "Done")));
}
