/** Two people talk in a room while the network drops their connections. In the end, both see all messages, once. */
import assert from "node:assert/strict";
import { Coworking } from "../../web/sdk/index.js";

const [stack, id, ...tokens] = process.argv.slice(2);
const ROUNDS = 4;
const LINES = 3;
/** Timers are shorter here, so that the test takes less time. */
const deps = { setTimeout: (call, delay) => setTimeout(call, delay < 30_000 ? delay / 4 : delay / 2) };

const rooms = [];
const heard = tokens.map(() => []);
for (const [who, token] of tokens.entries()) {
  const room = await new Coworking({ api: `${stack}/api`, token: () => token }, deps).enter(id);
  room.on("message", ({ seq }) => heard[who].push(seq));
  rooms.push(room);
}

const said = [];
for (let round = 0; round < ROUNDS; round++) {
  const texts = rooms.map((_, who) => Array.from({ length: LINES }, (_, line) => `${who} ${round}.${line}`));
  const stored = rooms.map((room, who) => Promise.all(texts[who].map((text) => room.say(text))));
  await fetch(`${stack}/dev/cut`, { method: "POST" });
  for (const [who, messages] of (await Promise.all(stored)).entries())
    assert.deepEqual(messages.map(({ text }) => text), texts[who]);
  said.push(...texts.flat());
}

await fetch(`${stack}/dev/faults`, { method: "PUT", body: "{}" });
const { messages: log } = await rooms[0].api.history(id, { limit: 100 });
const stored = log.filter(({ type }) => type === "text");
assert.deepEqual(stored.map(({ text }) => text).sort(), said.sort());
for (const [who, room] of rooms.entries()) {
  await new Promise((resolve) => {
    room.subscribe(({ connection, messages, pending }) => {
      if (connection === "live" && !pending.length && messages.at(-1)?.seq >= stored.at(-1).seq) resolve();
    });
  });
  assert.deepEqual(room.state.messages.filter(({ type }) => type === "text"), stored);
  assert.deepEqual(heard[who], [...new Set(heard[who])].sort((one, other) => one - other));
  await room.leave();
}
process.exit();
