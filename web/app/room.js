/** A room that the user has entered. */
import { REASONS } from "../sdk/errors.js";
import { MicrophoneError, Voice } from "../sdk/voice.js";
import { createChat } from "./chat.js";
import { dialog, done, field, fill, h, icon, isEmoji, paint, say, write } from "./dom.js";
import { createPeople } from "./people.js";
import { notice } from "./screens.js";

const EMOJI = ["👏", "❤️", "😂", "🎉", "👍", "🍵", "🙋", "👋"];
const STATUS = /** @type {Record<string, string>} */ ({ live: "Connected", reconnecting: "Reconnecting…", offline: "Offline" });
/** Why you are muted though you did not mute. */
const MUTED = /** @type {Record<string, string>} */ ({
  away: "You were away, so you are muted",
  elsewhere: "You were muted elsewhere",
  moderator: "A moderator has muted you",
  unconfirmed: "Not connected, so you stay muted",
});
/** What a browser without voice says: on the button, and beside the state of the connection. */
const LACKS = {
  webrtc: ["No voice", "This browser can't do voice: it has no WebRTC"],
  microphone: ["Listen only", "The browser gives this page no microphone. It needs https"],
};
const NO_MICROPHONE = /** @type {Record<string, string>} */ ({
  denied: "Your browser blocks the microphone. To speak, allow it for this page, next to the address.",
  missing: "There is no microphone. Plug one in to speak.",
  busy: "Another program uses the microphone. Close it to speak.",
});

export class RoomView extends HTMLElement {
  /** Called when the view is closed. @type {(() => void)[]} */
  #onClose = [];
  #closed = new AbortController();

  constructor(/** @type {App} */ app, /** @type {string} */ key) {
    super();
    this.app = app;
    this.key = key;
  }

  async connectedCallback() {
    const { app, key } = this;
    fill(this, notice("Taking a seat…", ""));
    try {
      this.#open(await app.coworking.enter(key, { signal: this.#closed.signal }));
    } catch (error) {
      if (this.isConnected) app.fail(error);
    }
  }

  disconnectedCallback() {
    this.#closed.abort();
    for (const end of this.#onClose) end();
  }

  /** Going to another view gives up the seat. A reload keeps it. */
  async #leave(/** @type {Room} */ room) {
    if (!room.state.ended) await room.leave().catch(() => {}); // then the seat is free some time later
  }

  #open(/** @type {Room} */ room) {
    if (!this.isConnected) return this.#leave(room);
    const voice = new Voice(room, { rtc: this.app.rtc });
    const people = createPeople((user, volume) => voice.setVolume(user, volume));
    const chat = createChat(room);
    const name = h("h1", { tabindex: -1, dir: "auto" });
    const about = h("p.soft", { dir: "auto" });
    const status = h("p", { role: "status" });
    const mic = h("button.main mic", { onclick: () => this.#toggleMicrophone(voice) });
    const reactions = EMOJI.map((emoji) => h("button", { onclick: () => room.react(emoji).catch(() => say("Not sent")) }, emoji));
    fill(this,
      h("header", h("div", name, about), status),
      h("main", people.node, chat.node),
      h("footer", mic,
        h("button", { popovertarget: "emoji" }, icon("smile"), h("span", "React")),
        h("button.round", { "aria-label": "Microphone and sound", onclick: () => chooseDevices(voice) }, icon("sliders")),
        h("a.button", { href: "#/" }, icon("leave"), h("span", "Leave")),
        h("div", { id: "emoji", popover: "auto", role: "group", "aria-label": "Reactions" }, ...reactions)));
    const show = () => {
      const { state } = room;
      if (!state.room || state.ended) return;
      const { muted, unmuting, muteReason, blocked, lacks } = voice.state;
      const label = lacks ? LACKS[lacks][0] : unmuting ? "Unmuting…" : muted ? "Unmute" : "Mute";
      paint(document.documentElement, state.room.color);
      write(name, state.room.name);
      write(about, state.room.description);
      const notes = [STATUS[state.connection], blocked && "Click anywhere to hear the others", muteReason && MUTED[muteReason], lacks && LACKS[lacks][1],
        state.reason === "websocket_blocked" && REASONS.websocket_blocked];
      write(status, notes.filter(Boolean).join(". "));
      status.className = `line ${state.connection}`;
      if (mic.value !== label) fill(mic, icon(muted ? "muted" : "mic"), label);
      mic.value = label;
      mic.disabled = !!lacks;
      people.update(state, new Set(voice.state.peers.filter((peer) => peer.speaking).map((peer) => peer.userId)));
      chat.update(state);
    };
    this.#onClose = [
      room.subscribe(show),
      voice.subscribe(show),
      room.on("reaction", ({ user, text }) => this.#showReaction(user, text)),
      room.on("ended", (ended) => this.app.fail(ended)),
      () => voice.stop(),
      () => this.#leave(room),
      chat.stop,
    ];
    voice.listen();
    name.focus();
  }

  async #toggleMicrophone(/** @type {Voice} */ voice) {
    try {
      await voice.setMuted(voice.state.unmuting || !voice.state.muted);
      if (this.isConnected) say(voice.state.muted ? "Muted" : "Microphone on");
    } catch (/** @type {any} */ error) {
      if (!this.isConnected) return;
      if (!(error instanceof MicrophoneError)) return say(error.detail ?? "That did not work");
      const again = () => (box.close(), this.#toggleMicrophone(voice));
      const box = dialog("You can still listen",
        h("p", NO_MICROPHONE[error.code] ?? error.detail, " You can hear everybody, write and react."),
        h("p.row", h("button.main", { onclick: () => box.close() }, "Just listen"), h("button", { onclick: again }, "Try again")));
    }
  }

  #showReaction(/** @type {string} */ user, /** @type {string} */ emoji) {
    if (!isEmoji(emoji) || this.querySelectorAll(".float").length > 20) return;
    const node = h("p.float", { "aria-hidden": "true", onanimationend: () => node.remove() }, emoji, h("bdi", user));
    node.style.left = `${20 + Math.random() * 40}%`;
    this.append(node);
  }
}
customElements.define("cr-room", RoomView);

/** Show a dialog for the choice of devices. */
async function chooseDevices(/** @type {Voice} */ voice) {
  await voice.devices();
  const { inputs, outputs, input, output } = voice.state;
  const trouble = h("p.trouble", { role: "alert" });
  const refused = (/** @type {any} */ { code }) => write(trouble, NO_MICROPHONE[code] ?? "This device can't be used.");
  const pick = (/** @type {string} */ kind, /** @type {readonly Device[]} */ devices, /** @type {string} */ used, /** @type {(id: string) => Promise<void>} */ use) =>
    field(kind, "select", { disabled: !devices.length, onchange: ({ target }) => use(target.value).then(() => write(trouble, ""), refused) },
      ...devices.map(({ id, label }, place) => h("option", { value: id, selected: id === used }, label || `${kind} ${place + 1}`)));
  dialog("Microphone and sound", pick("Microphone", inputs, input, (id) => voice.useInput(id)),
    pick("Speaker", outputs, output, (id) => voice.useOutput(id)), trouble, done());
}
