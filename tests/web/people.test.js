import assert from "node:assert/strict";
import { test } from "node:test";
import { Service, enterRoom, findPerson, problem } from "./fakes.js";

/** What a test looks at: who is muted by whom, the roles, and the state of the room. */
function look({ state: { room, participants, you } }) {
  const show = ({ id, role, is_muted, muted_by }) => [id, role, is_muted ? "muted" : "open", muted_by].filter(Boolean).join(" ");
  return [...participants.map(show), you.role, room.is_locked && "locked", room.slow_seconds && `slow ${room.slow_seconds}`].filter(Boolean);
}

/** A room with Ada, who looks at it, Ben, a moderator, and Cleo. */
async function meet() {
  const entered = await enterRoom();
  const { service } = entered;
  service.roles.ben = "moderator";
  for (const user of ["ben", "cleo"]) service.seat(user);
  for (const user of ["ada", "ben", "cleo"]) {
    service.unmuted.add(user);
    service.push({ type: "mic_toggled", from: user, data: { user_id: user, is_muted: false } });
  }
  await service.clock.pass(100);
  const moderate = (action, data) => service.event("member_moderated", { action, user_id: null, by: "ben", reason: null, until: null, ...data });
  const setRole = (user_id, role) => service.event("role_changed", { user_id, role, by: "ben" });
  return { ...entered, moderate, setRole };
}

for (const [name, act, expected] of [
  ["a mute", ({ moderate }) => moderate("mute", { user_id: "cleo" }), ["ada member open", "ben moderator open", "cleo member muted ben"]],
  ["a mute that ends", ({ moderate }) => (moderate("mute", { user_id: "cleo" }), moderate("unmute", { user_id: "cleo" })),
    ["ada member open", "ben moderator open", "cleo member muted"]],
  ["a mute of all", ({ moderate }) => moderate("mute_all"), ["ada member muted ben", "ben moderator open", "cleo member muted ben"]],
  ["a lock", ({ moderate }) => moderate("lock"), ["ada member open", "ben moderator open", "cleo member open", "locked"]],
  ["a lock that ends", ({ moderate }) => (moderate("lock"), moderate("unlock")), ["ada member open", "ben moderator open", "cleo member open"]],
  ["slow messages", ({ moderate }) => moderate("slow", { seconds: 30 }), ["ada member open", "ben moderator open", "cleo member open", "slow 30"]],
  ["an act of a later version", ({ moderate }) => moderate("applaud", { user_id: "cleo" }), ["ada member open", "ben moderator open", "cleo member open"]],
  ["another role", ({ setRole }) => setRole("cleo", "moderator"), ["ada member open", "ben moderator open", "cleo moderator open"]],
  ["a role that is taken away", ({ setRole }) => setRole("ben", null), ["ada member open", "ben member open", "cleo member open"]],
])
  test(`the state shows ${name}`, async () => {
    const entered = await meet();
    act(entered);
    await entered.service.clock.pass(100);
    assert.deepEqual(look(entered.room), expected.toSpliced(3, 0, "member"));
  });

test("a mute counts before its turn in the log, an unmute does not", async () => {
  const { service, room, moderate } = await meet();
  service.network = (_, { type }) => (type === "sync" ? [] : [5]);
  for (const [action, isMuted] of [["mute", true], ["unmute", true]]) {
    service.loseFrames(() => service.say("ben", "lost"));
    moderate(action, { user_id: "cleo" });
    await service.clock.pass(100);
    assert.equal(Boolean(findPerson(room, "cleo").muted_by), isMuted, action);
  }
  service.network = () => [5];
  await service.clock.pass(60_000);
  assert.equal(findPerson(room, "cleo").muted_by, null);
});

test("a user who gets a role learns what it allows", async () => {
  const { service, room, setRole } = await meet();
  assert.deepEqual(room.state.you.can, []);
  setRole("ada", "moderator");
  await service.clock.pass(1000);
  assert.deepEqual([room.state.you.role, room.state.you.can], ["moderator", ["mute"]]);
});

for (const until of ["2026-01-01T00:10:00.000Z", null])
  test(`a ban ${until ? "with" : "without"} an end is told to who enters, and to who comes back`, async () => {
    const banned = ({ path }) => (path === "/join" ? problem(403, "banned", { until }) : undefined);
    const service = new Service();
    service.intercept = banned;
    await assert.rejects(service.enter("ada"), { code: "banned", until });
    const entered = await enterRoom();
    entered.service.seats.delete("ada");
    entered.service.intercept = banned;
    entered.service.dropAll();
    await entered.until("ended");
    assert.deepEqual(entered.room.state.ended, { code: "banned", reason: "banned", action: "stop", until });
  });

test("an invitation is used for the first seat only", async () => {
  const service = new Service();
  const { coworking } = service.client("ada");
  const room = await service.wait(coworking.enter("room", { invite: "T" }));
  service.seats.delete("ada");
  service.dropAll();
  await service.clock.until(() => room.state.connection === "live");
  const joins = service.calls.filter(({ path }) => path === "/join").map(({ body }) => JSON.parse(body));
  assert.deepEqual(joins, [{ expects_socket: true, invite: "T" }, { expects_socket: true }]);
});

test("in a room with slow messages a message fails, and can be sent again", async () => {
  const { service, room } = await enterRoom();
  service.refuse("message", 1, { code: "rate_limited", retry_after: 31 });
  await assert.rejects(service.wait(room.say("Tea?")), { code: "rate_limited", retryAfter: 31 });
  const [{ key, status }] = room.state.pending;
  assert.equal(status, "failed");
  await service.wait(room.retry(key));
  assert.deepEqual(room.state.pending, []);
});
