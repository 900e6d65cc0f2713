/**
 * People in rooms, on the real stack. Each line of the input is a command, `{"who", "do", "with"}`, and is answered by a
 * line of the output. `do` is a function of theirs.
 */
import { createInterface } from "node:readline";
import { Coworking } from "../../web/sdk/index.js";

const people = new Map();
/** Timers are shorter here, so that tests take less time. */
const deps = { setTimeout: (call, delay) => setTimeout(call, delay < 30_000 ? delay / 4 : delay / 2) };

class Person {
  heard = [];

  async enter(api, token, room) {
    this.room = await new Coworking({ api, token: () => token }, deps).enter(room);
    this.room.on("message", ({ seq }) => this.heard.push(seq));
    return this.room.state;
  }

  say = (text) => this.room.say(text);
  sayAll = (texts) => Promise.all(texts.map((text) => this.room.say(text)));
  react = (emoji) => this.room.react(emoji);
  leave = () => this.room.leave();
  setMuted = (isMuted) => this.room.setMuted(isMuted);
  loadEarlier = () => this.room.loadEarlier();
  state = () => this.room.state;
  told = () => this.heard;

  /** Resolves with the state as soon as it has these texts, this connection and this microphone. */
  until = (wanted) =>
    new Promise((resolve) => {
      const off = this.room.subscribe((state) => {
        if (!holds(state, wanted)) return;
        resolve(state);
        queueMicrotask(() => off());
      });
    });
}

function holds(state, { texts = [], connection = state.connection, muted }) {
  const there = new Set(state.messages.map(({ text }) => text));
  const isMuted = (id) => state.participants.find((one) => one.id === id)?.is_muted;
  return texts.every((text) => there.has(text)) && state.connection === connection && (!muted || isMuted(muted[0]) === muted[1]);
}

for await (const line of createInterface({ input: process.stdin })) {
  const { id, who, do: name, with: given } = JSON.parse(line);
  if (!people.has(who)) people.set(who, new Person());
  const answer = (outcome) => process.stdout.write(`${JSON.stringify({ id, ...outcome })}\n`);
  Promise.resolve(people.get(who)[name](...given)).then(
    (value) => answer({ value }),
    (error) => answer({ error: error.code ?? String(error) }),
  );
}
process.exit();
