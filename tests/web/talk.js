/** Two people talk in a room while the network drops their connections. In the end, both see each message once. */
import assert from "node:assert/strict";
import { Coworking } from "../../web/sdk/index.js";

const [stack, id, ...tokens] = process.argv.slice(2);
/** Shorter timers make the test faster. */
const deps = { setTimeout: (call, delay) => setTimeout(call, delay < 30_000 ? delay / 4 : delay / 2) };

const people = [];
for (const token of tokens) {
  const room = await new Coworking({ api: `${stack}/api`, token: () => token }, deps).enter(id);
  const person = { room, said: [], heard: [] };
  room.on("message", ({ seq }) => person.heard.push(seq));
  people.push(person);
}

for (let round = 0; round < 4; round++) {
  const talks = people.map(async ({ room, said }) => {
    const texts = [1, 2, 3].map((line) => `${round}.${line}`);
    const messages = await Promise.all(texts.map((text) => room.say(text)));
    assert.deepEqual(messages.map(({ text }) => text), texts);
    said.push(...texts);
  });
  await fetch(`${stack}/dev/cut`, { method: "POST" });
  await Promise.all(talks);
}

await fetch(`${stack}/dev/faults`, { method: "PUT", body: "{}" });
const getTexts = (messages) => messages.filter(({ type }) => type === "text");
const stored = getTexts((await people[0].room.api.history(id, { limit: 100 })).messages);
for (const { room, said, heard } of people) {
  const own = stored.filter(({ user_id }) => user_id === room.state.you.user_id);
  assert.deepEqual(own.map(({ text }) => text), said);
  await new Promise((resolve) => {
    room.subscribe(({ connection, messages, pending }) => {
      if (connection === "live" && !pending.length && getTexts(messages).length === stored.length) resolve();
    });
  });
  assert.deepEqual(getTexts(room.state.messages), stored);
  assert.deepEqual(heard, [...new Set(heard)].sort((one, other) => one - other));
}
process.exit();
