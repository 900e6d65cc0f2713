/** Ada and Grace answer, edit, delete and react. Linus sees it without a connection in between, and Olga comes later. */
import assert from "node:assert/strict";
import { Coworking } from "../../web/sdk/index.js";
import { defaultDeps } from "../../web/sdk/deps.js";

const [stack, id, ...tokens] = process.argv.slice(2);
const sockets = [];
const connect = (url) => sockets[sockets.push(defaultDeps.connect(url)) - 1];
const enter = (token, deps) => new Coworking({ api: `${stack}/api`, token: () => token }, deps).enter(id);
const [ada, grace] = [await enter(tokens[0]), await enter(tokens[1])];
/** Linus reconnects half a second after each loss. */
const linus = await enter(tokens[2], { connect, random: () => 0.25 });

/** Wait until the state of a room fulfils a condition. */
const until = (room, holds) =>
  new Promise((resolve) => {
    const stop = room.subscribe((state) => holds(state) && queueMicrotask(() => resolve(stop())));
  });
const find = ({ messages }, seq) => messages.find((one) => one.seq === seq);
const own = (room) => room.state.you.user_id;
/** The messages, without what depends on the reader. */
const show = (room) => room.state.messages.map((one) => ({ ...one, reactions: one.reactions.map(({ emoji, count }) => [emoji, count]) }));

const tea = await ada.say("Tea?");
const coffee = await ada.say("Coffee?");
await until(linus, (state) => find(state, coffee.seq));
sockets.at(-1).close();
const reply = await grace.say("Yes!", { replyTo: tea.seq, mentions: [own(ada)] });
const edited = await ada.editMessage(tea.seq, "Green tea?");
assert.deepEqual([edited.text, edited.edited_at !== null], ["Green tea?", true]);
await grace.reactTo(tea.seq, "🍵");
const { reactions } = await ada.reactTo(tea.seq, "🍵");
assert.deepEqual(reactions, [{ emoji: "🍵", count: 2, me: true }]);
await grace.reactTo(tea.seq, "🍵", false);
await ada.deleteMessage(coffee.seq);
await assert.rejects(ada.editMessage(coffee.seq, "Cocoa?"), { code: "message_deleted" });
await assert.rejects(grace.editMessage(tea.seq, "Cocoa?"), { code: "forbidden" });
await assert.rejects(grace.reactTo(9_999, "🍵"), { code: "message_not_found" });

const isDone = (state) => find(state, coffee.seq)?.deleted && find(state, tea.seq).reactions[0]?.count === 1 && find(state, reply.seq);
for (const room of [ada, grace, linus]) await until(room, isDone);
const olga = await enter(tokens[3]);
await until(ada, (state) => state.participants.length === 4);
for (const room of [grace, linus, ada]) {
  await until(room, (state) => state.messages.length === ada.state.messages.length);
  assert.deepEqual(show(room), show(ada));
}
assert.deepEqual(show(ada).slice(-show(olga).length), show(olga));
assert.deepEqual(find(olga.state, reply.seq).reply_to, { seq: tea.seq, user: "Ada", text: "Green tea?" });
assert.deepEqual([ada, grace].map(({ state }) => find(state, tea.seq).reactions[0].me), [true, false]);

await grace.request("read", { seq: olga.state.messages.at(-1).seq });
const [{ unread, read_seq }] = await grace.api.myRooms();
assert.deepEqual([unread, read_seq], [0, olga.state.messages.at(-1).seq]);
const { entries } = await ada.api.entries(id, { afterSeq: reply.seq, limit: 5 });
assert.deepEqual(entries.map(({ type }) => type), ["message_edited", ...Array(3).fill("reactions_changed"), "message_deleted"]);
process.exit();
