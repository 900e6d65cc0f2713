/** Ada owns a private room. She invites Grace, mutes her, slows her down, makes her a moderator, and keeps her out. */
import assert from "node:assert/strict";
import { Coworking } from "../../web/sdk/index.js";

const [stack, ...tokens] = process.argv.slice(2);
const [ada, grace] = tokens.map((token) => new Coworking({ api: `${stack}/api`, token: () => token }));

/** Wait until the state of a room fulfils a condition. */
const until = (room, holds) =>
  new Promise((resolve) => {
    const stop = room.subscribe((state) => holds(state) && queueMicrotask(() => resolve(stop())));
  });
const find = ({ participants }, name) => participants.find((one) => one.name === name);

const { id } = await ada.api.createRoom({ name: `Private ${Math.random()}` });
await ada.api.updateRoom(id, { visibility: "private" });
await assert.rejects(grace.enter(id), { code: "room_not_found" });
const host = await ada.enter(id);
const { token } = await ada.api.createInvite(id, { uses: 1 });
const guest = await grace.enter(id, { invite: token });
const userId = guest.state.you.user_id;

await guest.setMuted(false);
await host.moderate("mute", { userId });
await until(guest, (state) => find(state, "Grace").muted_by === host.state.you.user_id && find(state, "Grace").is_muted);
await assert.rejects(guest.setMuted(false), { code: "muted_by_moderator" });
await host.moderate("unmute", { userId });
await until(host, (state) => find(state, "Grace").muted_by === null);
await guest.setMuted(false);
await host.moderate("mute_all");
await until(guest, (state) => find(state, "Grace").muted_by && !find(state, "Ada").muted_by);

await host.moderate("lock");
await host.moderate("slow", { seconds: 60 });
await until(guest, ({ room }) => room.is_locked && room.slow_seconds === 60);
await guest.say("Tea?");
await assert.rejects(guest.say("Coffee?"), ({ code, retryAfter }) => code === "rate_limited" && retryAfter > 30);

await ada.api.setRole(id, userId, "moderator");
await until(guest, ({ you }) => you.role === "moderator" && you.can.includes("kick"));
await ada.api.removeRole(id, userId);
await until(guest, ({ ended }) => ended?.code === "removed");
await host.moderate("ban", { userId, reason: "Advertising", seconds: 600 });
const { bans } = await ada.api.bans(id);
assert.deepEqual(bans.map((one) => [one.user_id, one.reason]), [[userId, "Advertising"]]);
const { entries } = await ada.api.audit(id);
assert.equal(entries[0].action, "ban");
process.exit();
