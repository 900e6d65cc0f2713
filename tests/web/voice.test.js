import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { MicrophoneError, Voice } from "../../web/sdk/voice.js";
import { Service, createRandom } from "./fakes.js";
import { FakeConnection, Relay } from "./voice-fakes.js";

const SEEDS = Number(process.env.VOICE_SEEDS ?? 12);

let relay;

beforeEach(() => {
  FakeConnection.all = [];
  relay = new Relay();
});

afterEach(() => assert.deepEqual(FakeConnection.all.flatMap(({ violations }) => violations), []));

/** Let a user start to talk. */
async function talk(user) {
  const room = relay.enter(user);
  await during(2_000, room.voice.start());
  return room;
}

/** Let users start to talk, one after the other. They are connected in the end. */
async function meet(...users) {
  const rooms = [];
  for (const user of users) rooms.push(await talk(user));
  assertMesh();
  return rooms;
}

/** Let time pass, and wait for promises. */
const during = (milliseconds, ...promises) => Promise.all([...promises, relay.clock.pass(milliseconds)]);

/** All pages hear each other. There have been this many connections. */
function assertMesh(connections = FakeConnection.all.length) {
  assert(relay.isMesh());
  assert.equal(FakeConnection.all.length, connections);
}

/** All pages hear each other after some time. */
async function assertMends(milliseconds, connections) {
  await relay.clock.pass(milliseconds);
  assertMesh(connections);
}

const users = (room) => room.voice.state.peers.map(({ userId }) => userId).sort();
const addresses = (room) => room.voice.state.peers.map(({ connectionId }) => connectionId);
const countOffers = () => relay.sent("offer").length;

/** Both sides see a new state of their connection. */
const both = (rooms, state) => rooms.forEach(({ connection }) => connection.setState(state));

const throwing = () => {
  throw new Error("No");
};

/** Both sides make an offer at the same time. */
const restart = (rooms) => rooms.forEach(({ connection }) => connection.restartIce());

test("a new user gets one connection to each other user", async () => {
  await meet("ada", "grace", "linus", "mary");
  assertMesh(12);
});

test("users who start at the same moment have one connection", async () => {
  const rooms = ["ada", "grace", "linus"].map((user) => relay.enter(user));
  await during(2_000, ...rooms.map(({ voice }) => voice.start()));
  assertMesh(6);
});

test("both send their microphone and play the other's sound", async () => {
  for (const { connection, media, playing } of await meet("ada", "grace")) {
    assert.equal(connection.sending, media.tracks[0]);
    assert.deepEqual(connection.getTransceivers().map(({ direction }) => direction), ["sendrecv"]);
    assert.deepEqual(playing.map(({ played }) => played), [1]);
  }
});

test("if both offer at once, the polite side gives way", async () => {
  const rooms = await meet("ada", "grace");
  const offers = () => rooms.map(({ connection }) => connection.offers);
  const before = offers();
  both(rooms, "failed");
  restart(rooms);
  await relay.clock.pass(10);
  assert.deepEqual(offers(), before.map((offer) => offer + 1));
  await assertMends(5_000);
});

test("candidates wait for their description", async () => {
  relay.network = ({ data }) => [data.description ? 900 : 20];
  await meet("ada", "grace");
});

test("candidates of an abandoned description are dropped", async () => {
  const rooms = await meet("ada", "grace");
  relay.network = ({ data }) => [data.candidates ? 4_000 : 20];
  restart(rooms);
  await assertMends(20_000);
});

test("late old descriptions are ignored", async () => {
  const rooms = await meet("ada", "grace");
  relay.network = ({ type }) => (type === "ice-candidate" ? [20] : [20, 1_010, 2_510]);
  for (let time = 0; time < 5; time++) {
    rooms[time % 2].connection.restartIce();
    await relay.clock.pass(1_000);
  }
  await assertMends(5_000);
});

test("an answer to an abandoned offer is ignored", async () => {
  const [ada, grace] = await meet("ada", "grace");
  ada.connection.restartIce();
  await relay.clock.pass(1_000);
  const { data } = relay.sent("answer").findLast(({ from }) => from === "grace");
  relay.network = () => [500];
  ada.connection.restartIce();
  await relay.clock.pass(100);
  ada.hear("answer", grace, data);
  await assertMends(5_000);
});

test("an empty signal is answered with the offer at once", async () => {
  relay.network = ({ type }) => (type === "offer" ? [] : [20]);
  const [ada, grace] = [await talk("ada"), await talk("grace")];
  await relay.clock.pass(10_000);
  const [caller, called] = relay.sent("offer")[0].from === "ada" ? [ada, grace] : [grace, ada];
  const { data } = relay.sent("ice-candidate").find(({ from }) => from === called.userId);
  const before = countOffers();
  caller.hear("ice-candidate", called, data);
  await relay.clock.pass(10);
  assert.equal(countOffers(), before + 1);
});

for (const lost of ["voice", "offer", "answer", "ice-candidate"])
  test(`a lost ${lost} is sent again`, async () => {
    const losses = new Set(["ada", "grace"]);
    relay.network = ({ type, from }) => (type === lost && losses.delete(from) ? [] : [20]);
    await during(60_000, relay.enter("ada").voice.start(), relay.enter("grace").voice.start());
    assertMesh();
  });

test("a doubled frame has no second effect", async () => {
  relay.network = () => [20, 20, 700];
  await meet("ada", "grace", "linus");
  await assertMends(5_000, 6);
  assert.equal(FakeConnection.all.reduce((sum, { offers }) => sum + offers, 0), 3);
});

for (let seed = 0; seed < SEEDS; seed++)
  test(`with random faults all are connected in the end (${seed})`, async () => {
    const random = createRandom(seed);
    const late = () => random() * 3_000;
    relay.network = () => (random() < 0.2 ? [] : random() < 0.2 ? [late(), late()] : [late()]);
    const rooms = ["ada", "grace", "linus", "mary"].map((user) => relay.enter(user));
    for (const { voice } of rooms) await during(late(), voice.start());
    for (let fault = 0; fault < 8; fault++) {
      const room = rooms[Math.floor(random() * rooms.length)];
      const faults = [
        () => room.connection?.setState("failed"),
        () => room.connection?.setState("disconnected"),
        () => room.reconnect(),
        () => (room.isOnline = false),
        () => room.voice.stop(),
        () => room.voice.listen(),
      ];
      faults[Math.floor(random() * faults.length)]();
      await relay.clock.pass(random() * 8_000);
    }
    relay.network = () => [random() * 500];
    for (const room of rooms) {
      room.voice.listen();
      if (!room.isOnline) room.reconnect();
    }
    for (let second = 0; second < 180 && !relay.isMesh(); second += 5) await relay.clock.pass(5_000);
    await assertMends(2_000);
    assert.deepEqual(rooms.map(({ voice }) => voice.state.error), [null, null, null, null]);
  });

test("a failed connection is restarted", async () => {
  both(await meet("ada", "grace"), "failed");
  await assertMends(5_000, 2);
});

test("a disconnected connection is restarted, unless it recovers", async () => {
  const rooms = await meet("ada", "grace");
  const before = countOffers();
  both(rooms, "disconnected");
  await relay.clock.pass(2_000);
  both(rooms, "connected");
  await relay.clock.pass(10_000);
  assert.equal(countOffers(), before);
  both(rooms, "disconnected");
  await assertMends(4_000);
  assert.equal(countOffers(), before + 1);
});

for (const [name, recover, milliseconds] of [
  ["if restarts do not help, they become rare", (rooms) => both(rooms, "failed"), 60_000],
  ["a greeting restarts a failed connection at once", ([, grace]) => grace.reconnect(), 1_000],
])
  test(name, async () => {
    const rooms = await meet("ada", "grace");
    const { connection } = rooms[0];
    connection.network = false;
    const before = countOffers();
    for (let minute = 0; minute < 10; minute++) {
      both(rooms, "failed");
      await relay.clock.pass(60_000);
    }
    assert(countOffers() - before < 40);
    connection.network = true;
    recover(rooms);
    await assertMends(milliseconds);
  });

test("a page with a new WebSocket keeps its peer connections", async () => {
  const [ada, grace] = await meet("ada", "grace");
  const offers = countOffers();
  grace.reconnect();
  await relay.clock.pass(1_000);
  assert.deepEqual([addresses(ada), countOffers()], [[grace.connectionId], offers]);
  ada.connection.restartIce();
  await assertMends(1_000);
  assert.equal(relay.sent("offer").at(-1).to, grace.connectionId);
});

test("after a cut of all WebSockets, all pages know the new ids", async () => {
  const rooms = await meet("ada", "grace", "linus");
  rooms.forEach((room) => (room.isOnline = false));
  for (const room of rooms) {
    room.reconnect();
    await relay.clock.pass(1_000);
  }
  const ids = new Map(rooms.map(({ userId, connectionId }) => [userId, connectionId]));
  for (const { voice } of rooms)
    for (const { userId, connectionId } of voice.state.peers) assert.equal(connectionId, ids.get(userId));
  assertMesh(6);
});

test("a late frame does not bring back an old connection id", async () => {
  const [ada, grace] = await meet("ada", "grace");
  const delays = [2_000, 20];
  relay.network = () => [delays.shift() ?? 20];
  grace.connection.findCandidate();
  await relay.clock.pass(500);
  grace.reconnect();
  await relay.clock.pass(5_000);
  assert.deepEqual(addresses(ada), [grace.connectionId]);
});

test("a reloaded page replaces the one before", async () => {
  const [ada, grace] = await meet("ada", "grace");
  grace.window.dispatchEvent(new Event("pagehide"));
  grace.vanish();
  const again = await talk("grace");
  assert.deepEqual(addresses(ada), [again.connectionId]);
  assertMesh();
});

test("a page from the back-forward cache listens again", async () => {
  const [ada, grace] = await meet("ada", "grace");
  grace.window.dispatchEvent(new Event("pagehide"));
  await relay.clock.pass(1_000);
  assert.deepEqual([users(ada), grace.voice.state.status], [[], "off"]);
  grace.window.dispatchEvent(new Event("pageshow"));
  await assertMends(2_000);
  assert.equal(grace.voice.state.status, "listening");
});

test("a page reloaded without a bye is removed when its sound ends", async () => {
  const [ada, grace] = await meet("ada", "grace");
  const [old] = ada.connections;
  grace.vanish();
  await talk("grace");
  assert.deepEqual(users(ada), ["grace", "grace"]);
  await assertMends(10_000);
  assert.equal(old.connectionState, "closed");
});

for (const [name, isHeard, connections] of [
  ["a user without a WebSocket is heard as long as sound comes", true, 2],
  ["a user without WebSocket and sound is removed, and comes back", false, 4],
])
  test(name, async () => {
    const [ada, grace] = await meet("ada", "grace");
    grace.isOnline = false;
    ada.hear("user-left", grace, { userId: "grace" });
    if (!isHeard) both([ada, grace], "disconnected");
    await relay.clock.pass(10_000);
    assert.deepEqual(users(ada), isHeard ? ["grace"] : []);
    grace.reconnect();
    await relay.clock.pass(1_000);
    ada.connection.setState("disconnected");
    await assertMends(10_000, connections);
  });

for (const order of [["ada", "grace"], ["grace", "ada"]])
  test(`a pair that one side gave up starts anew (${order[0]} first)`, async () => {
    await meet(...order);
    const [ada, grace] = relay.rooms.toSorted((one, other) => one.userId.localeCompare(other.userId));
    ada.seat(["ada"]);
    await relay.clock.pass(100);
    assert.deepEqual(users(ada), []);
    relay.announce();
    grace.connection.setState("disconnected");
    await assertMends(10_000, 4);
    for (const { type, from, data } of [...relay.frames])
      if (from === "ada") grace.hear(type, ada, data);
      else ada.hear(type, grace, data);
    await assertMends(10_000, 4);
  });

test("a pair with a connection that is gone is removed", async () => {
  const ada = await talk("ada");
  ada.seat(["ada", "grace"]);
  ada.hear("voice", { userId: "grace", connectionId: "gone" }, { page: "gone", n: 1 });
  await relay.clock.pass(1_000);
  assert.deepEqual([users(ada), ada.connection.connectionState], [[], "closed"]);
});

test("an offer without an answer is given up after a minute", async () => {
  const ada = await talk("ada");
  const grace = relay.enter("grace");
  relay.network = () => [];
  ada.hear("voice", grace, { page: "silent", n: 1 });
  await relay.clock.pass(30_000);
  assert.deepEqual(users(ada), ["grace"]);
  await relay.clock.pass(60_000);
  assert.deepEqual(users(ada), []);
});

test("a user who gives up the seat is removed", async () => {
  const [ada, grace, linus] = await meet("ada", "grace", "linus");
  grace.isGone = true;
  relay.announce();
  assert.deepEqual([users(ada), users(linus)], [["linus"], ["ada"]]);
});

test("tabs of the same user do not hear each other", async () => {
  const tabs = [await talk("ada"), await talk("ada")];
  assert.deepEqual(tabs.flatMap(users), []);
  assert.deepEqual(users(await talk("grace")), ["ada", "ada"]);
});

// Peers that misbehave

/** Let somebody with a seat send 24 frames a second for 40 seconds. Returns how many frames the room's page sent meanwhile. */
async function flood(room, from, frame) {
  const sent = () => relay.frames.filter((one) => one.from === room.userId).length;
  const before = sent();
  for (let n = 1; n <= 960; n++) {
    const [type, data] = frame(n);
    room.hear(type, from, data);
    await relay.clock.pass(1000 / 24);
  }
  return sent() - before;
}

const offer = (n, page, session) => ["offer", { page, n, session, id: n, description: { type: "offer", sdp: `{"pc":0,"generation":${n}}` } }];

for (const [name, frame] of [
  ["greets", (n) => ["ice-candidate", { page: "!e", n }]],
  ["greets from a page that sorts higher", (n) => ["voice", { page: "~e", n }]],
  ["greets from a new page each time", (n) => ["voice", { page: `!${n}`, n }]],
  ["greets and hangs up", (n) => ["voice", { page: `!${n >> 1}`, n, bye: n % 2 === 1 }]],
  ["asks for an offer", (n) => ["ice-candidate", { page: "!e", n, session: 1, peer: 0 }]],
  ["answers an attempt that never was", (n) => ["answer", { page: "!e", n, session: 1, peer: -1 }]],
  ["offers", (n) => offer(n, "~e", 1)],
  ["starts anew each time", (n) => offer(n, "~e", n)],
])
  test(`a peer that ${name} costs few frames and connections`, async () => {
    const [ada] = await meet("ada", "grace");
    const before = ada.connections.length;
    const sent = await flood(ada, relay.enter("mallory"), frame);
    assert(sent <= 40, `${sent} frames`);
    assert(ada.connections.length - before <= 25, `${ada.connections.length - before} connections`);
    assert(users(ada).includes("grace"));
    FakeConnection.all.forEach(({ violations }) => violations.splice(0));
  });

test("together, peers can't use up the frames of a page", async () => {
  const ada = await talk("ada");
  const crowd = Array.from({ length: 49 }, (_, n) => relay.enter(`mallory ${n}`));
  for (let n = 1; n <= 900; n++) {
    ada.hear("voice", crowd[n % 49], { page: `!${n % 7}`, n });
    await relay.clock.pass(10);
  }
  const signals = relay.frames.filter(({ from, type }) => from === "ada" && type !== "voice");
  assert(signals.length > 60 && signals.length <= 150, `${signals.length} signals`);
  assert(ada.connections.length <= 60, `${ada.connections.length} connections`);
});

test("together, peers can't use up the connections of a page", async () => {
  const ada = await talk("ada");
  const crowd = Array.from({ length: 13 }, (_, n) => relay.enter(`mallory ${n}`));
  const grace = relay.enter("grace");
  let n = 0;
  for (const mallory of crowd) for (let page = 1; page <= 6; page++) ada.hear("voice", mallory, { page: `~${page}`, n: ++n });
  await relay.clock.pass(100);
  assert.equal(users(ada).length, 60);
  ada.hear("voice", grace, { page: "1", n: ++n });
  await relay.clock.pass(100);
  assert.deepEqual([users(ada).length, new Set(users(ada)).size], [60, 14]);
  await relay.clock.pass(10_000);
  ada.hear("voice", crowd[12], { page: "~7", n: ++n });
  assert.deepEqual([users(ada).length, users(ada).filter((userId) => userId === "mallory 12").length], [60, 1], "only a first page replaces another");
});

test("a page is heard only while the room shows its user unmuted", async () => {
  const [ada, grace] = await meet("ada", "grace");
  grace.connection.level = ada.connection.level = 0.3; // Grace's page sends sound, even if it shows her muted
  const heard = async (...state) => {
    ada.show(...state);
    await relay.clock.pass(200);
    return [ada.playing[0].srcObject.track.enabled, ada.voice.state.peers[0].speaking];
  };
  await relay.clock.pass(2_000);
  assert.deepEqual(await heard(false, "grace"), [true, true]);
  assert.deepEqual(await heard(true, "grace"), [false, false]);
  await relay.clock.pass(2_000);
  assert.deepEqual(await heard(false, "grace"), [true, true]);
  assert.deepEqual(await heard(false, "grace", { muted_by: "a moderator" }), [false, false]);
  await relay.clock.pass(2_000);
  assert.deepEqual(await heard(false, "grace", { muted_by: null }), [true, true]);
});

test("a page of a muted user is not heard from its first sound on", async () => {
  const ada = relay.enter("ada");
  ada.voice.listen();
  const grace = relay.enter("grace");
  await during(2_000, grace.voice.useInput());
  assert.equal(ada.playing[0].srcObject.track.enabled, false);
});

test("candidates without an end are dropped", async () => {
  const [ada, grace] = await meet("ada", "grace");
  const last = relay.frames.findLast(({ from, data }) => from === "grace" && data.candidates?.length).data;
  const { connection } = ada;
  let added = 0;
  connection.addIceCandidate = async () => void added++;
  for (let n = 0; n < 500; n++) ada.hear("ice-candidate", grace, { ...last, n: 1e6 + n });
  await relay.clock.pass(100);
  assert(added > 0 && added <= 100, `${added} candidates`);
});

test("frames of a user without a seat are dropped", async () => {
  const ada = await talk("ada");
  const eve = { userId: "eve", connectionId: "e" };
  const sent = await flood(ada, eve, (n) => ["voice", { page: `!${n}`, n }]);
  assert.deepEqual([sent, users(ada), ada.connections.length], [0, [], 0]);
});

test("a user whom the room shows late is greeted then", async () => {
  const ada = await talk("ada");
  const linus = relay.enter("linus");
  ada.seat(["ada"]);
  await during(20_000, linus.voice.start());
  assert.deepEqual(users(ada), []);
  relay.announce();
  await assertMends(10_000);
});

test("users who appear late in the room are greeted together", async () => {
  const ada = await talk("ada");
  const crowd = Array.from({ length: 49 }, (_, n) => `mallory ${n}`);
  for (const userId of crowd) ada.hear("voice", { userId, connectionId: "m" }, { page: "!", n: 1 });
  const before = relay.sent("voice").length;
  ada.seat(["ada", ...crowd]);
  await relay.clock.pass(10_000);
  const greetings = relay.sent("voice").length - before;
  assert(greetings > 0 && greetings <= 3, `${greetings} greetings`);
});

test("a user is heard from at most five pages", async () => {
  const ada = await talk("ada");
  const grace = relay.enter("grace");
  for (let tab = 1; tab <= 8; tab++) ada.hear("voice", grace, { page: `tab ${tab}`, n: tab });
  await relay.clock.pass(100);
  assert.deepEqual(users(ada), Array(5).fill("grace"));
  assert.equal(ada.connections.length, 5);
});

test("the name of a page can't be taken for another user's", async () => {
  const ada = await talk("ada");
  const [grace, hopper] = ["grace", "grace hopper"].map((user) => relay.enter(user));
  ada.hear("voice", hopper, { page: "1", n: 1 });
  ada.hear("voice", grace, { page: "hopper 1", n: 2 });
  await relay.clock.pass(100);
  assert.deepEqual(users(ada), ["grace", "grace hopper"]);
});

test("a frame without voice data is ignored", async () => {
  const ada = await talk("ada");
  const grace = { userId: "grace", connectionId: "c9" };
  for (const data of [undefined, null, {}, { page: 7 }, { sdp: "v=0" }]) ada.hear("offer", grace, data);
  assert.deepEqual(users(ada), []);
});

test("invalid data from a peer ends only that pair", async () => {
  const [ada, grace, linus] = await meet("ada", "grace", "linus");
  const last = relay.frames.findLast(({ from, to }) => from === "linus" && to === ada.connectionId).data;
  ada.hear("offer", linus, { ...last, n: 1e6, id: 1e6, description: { type: "offer", sdp: "nonsense" } });
  await relay.clock.pass(10);
  assert.deepEqual([users(ada), users(grace)], [["grace"], ["ada", "linus"]]);
  assert.match(String(ada.voice.state.error), /SyntaxError/);
});

// The microphone

test("muting disables the track at once", async () => {
  const [ada] = await meet("ada", "grace");
  const [track] = ada.media.tracks;
  assert.equal(track.enabled, true);
  const muting = ada.voice.setMuted(true);
  assert.equal(track.enabled, false);
  await muting;
  assert.deepEqual(ada.told, [["muted", false], ["muted", true]]);
});

test("a user whom the room mutes stays silent until the next unmute", async () => {
  const [ada] = await meet("ada", "grace");
  const { media, voice } = ada;
  const assertMuted = (muted, reason) =>
    assert.deepEqual([media.tracks[0].enabled, voice.state.muted, voice.state.muteReason], [!muted, muted, reason]);
  for (const muted of [true, false]) {
    ada.show(muted);
    assertMuted(true, "elsewhere");
  }
  await voice.setMuted(false);
  assertMuted(false, null);
  await voice.setMuted(true);
  ada.refusal = new Error("offline");
  await assert.rejects(voice.setMuted(false), /offline/);
  assertMuted(true, null);
});

// Consent: with the room of the library, and a model of the service

/** Ada enters the room of a service and unmutes. */
async function speak() {
  const service = new Service();
  relay.clock = service.clock;
  const entered = await service.enter("ada");
  const { media, deps } = relay.enter("ada");
  const voice = new Voice(entered.room, {}, deps);
  await during(1_000, voice.setMuted(false));
  const mics = () => service.sent("mic").map(({ data }) => data.is_muted);
  const assertState = (isHeard, change) => {
    const { muted, unmuting, muteReason } = voice.state;
    const state = { isHeard: media.tracks[0].enabled, unmuting, muteReason };
    assert.deepEqual({ muted, ...state }, { muted: !isHeard, isHeard, unmuting: false, muteReason: null, ...change });
  };
  assertState(true);
  return { ...entered, voice, mics, assertState };
}

test("an unmute without a connection is shown, and fails", async () => {
  const { service, until, voice, mics, assertState } = await speak();
  await during(100, voice.setMuted(true));
  service.isUp = false;
  service.dropAll();
  const failed = assert.rejects(voice.setMuted(false), { code: "closed" });
  assertState(false, { unmuting: true });
  await during(5_000, failed);
  assertState(false, { muteReason: "unconfirmed" });
  service.isUp = true;
  await until("live");
  await service.clock.pass(20_000);
  assertState(false, { muteReason: "unconfirmed" });
  assert.deepEqual(mics(), [false, true]);
});

test("a user whom a moderator mutes is silent until both unmute", async () => {
  const { service, voice, assertState } = await speak();
  const moderate = (action) => service.event("member_moderated", { action, user_id: "ada", by: "ben", reason: null, until: null });
  moderate("mute");
  await service.clock.pass(100);
  assertState(false, { muteReason: "moderator" });
  service.refuse("mic", 1, { code: "muted_by_moderator" });
  await during(100, assert.rejects(voice.setMuted(false), { code: "muted_by_moderator" }));
  assertState(false, { muteReason: "moderator" });
  moderate("unmute");
  await service.clock.pass(100);
  assertState(false);
  await during(100, voice.setMuted(false));
  assertState(true);
});

test("a second click cancels an unmute that waits", async () => {
  const { service, until, voice, mics, assertState } = await speak();
  await during(100, voice.setMuted(true));
  service.isUp = false;
  service.dropAll();
  const both = Promise.all([voice.setMuted(false), voice.setMuted(true)]);
  assertState(false);
  service.isUp = true;
  await service.wait(both);
  await until("live");
  await service.clock.pass(20_000);
  assertState(false);
  assert(mics().slice(1).every((muted) => muted));
});

for (const [name, wait, status] of [
  ["the browser asks about", () => {}, "listening"],
  ["waits for the list of devices", (media) => new Promise((resolve) => (media.enumerateDevices = async () => (resolve(), []))), "talking"],
])
  test(`a second click takes back an unmute that ${name}`, async () => {
    const { voice, media, told } = relay.enter("ada");
    const unmuting = voice.setMuted(false);
    await wait(media);
    assert.equal(voice.state.unmuting, true);
    await Promise.all([unmuting, voice.setMuted(true)]);
    const [track] = media.tracks;
    assert.deepEqual([voice.state.unmuting, voice.state.status, track.stopped || !track.enabled, told], [false, status, true, [["muted", true]]]);
  });

for (const [name, isHeard, act] of [
  ["back within the grace is heard", true, async ({ service, until }) => {
    service.dropAll();
    await until("live");
  }],
  ["away for longer than the grace is muted", false, async ({ service, until }) => {
    service.isUp = false;
    service.dropAll();
    await service.clock.pass(30_000);
    service.isUp = true;
    await until("live");
  }],
  ["in a quiet room is heard", true, async ({ service }) => {
    await service.clock.pass(60_000);
    service.seat("grace");
  }],
  ["asleep until the seat is lost is muted", false, async ({ service, until }) => {
    service.unseat("ada", "timed_out");
    service.dropAll();
    service.clock.sleep(600_000);
    await until("live");
    service.push({ type: "mic_toggled", from: "ada", data: { user_id: "ada", is_muted: false } }); // another tab
  }],
  ["with a new seat is muted", false, async ({ service, until }) => {
    service.unseat("ada", "removed");
    await until("reconnecting");
    await until("live");
  }],
])
  test(`an unmuted user ${name}`, async () => {
    const entered = await speak();
    entered.service.random = () => 0;
    await act(entered);
    await entered.service.clock.pass(10_000);
    entered.assertState(isHeard, isHeard ? {} : { muteReason: "away" });
    assert.equal(entered.mics().filter((muted) => !muted).length, 1);
    await during(1_000, entered.voice.setMuted(false));
    entered.assertState(true);
  });

test("useInput keeps the microphone muted", async () => {
  const ada = relay.enter("ada");
  await ada.voice.useInput();
  assert.deepEqual([ada.media.tracks[0].enabled, ada.voice.state.status], [false, "talking"]);
});

test("only the start and the end of speaking are sent", async () => {
  const [ada, grace] = await meet("ada", "grace");
  for (let second = 0; second < 60; second++) {
    ada.samples = second % 2 ? 0.2 : 0;
    await relay.clock.pass(500);
  }
  ada.samples = 0;
  await relay.clock.pass(3_000);
  assert.deepEqual(ada.told.slice(1), [["speaking", true], ["speaking", false]]);
  assert.equal(grace.told.length, 1);
});

for (const [name, act, told] of [
  ["muting ends speaking without another frame", (ada) => ada.voice.setMuted(true), ["muted", true]],
  ["speaking is sent again on a new connection", (ada) => ada.reconnect(), ["speaking", true]],
])
  test(name, async () => {
    const [ada] = await meet("ada", "grace");
    ada.samples = 0.2;
    await relay.clock.pass(1_000);
    assert.equal(ada.voice.state.speaking, true);
    await during(200, act(ada));
    assert.equal(ada.voice.state.speaking, told[0] === "speaking");
    assert.deepEqual(ada.told.slice(1), [["speaking", true], told]);
  });

test("the speaking of others is measured from their sound", async () => {
  const [ada, grace] = await meet("ada", "grace");
  ada.connection.level = 0.3;
  await relay.clock.pass(1_000);
  assert.deepEqual(ada.voice.state.peers.map(({ speaking }) => speaking), [true]);
  both([ada, grace], "disconnected");
  await relay.clock.pass(2_000);
  assert.deepEqual(ada.voice.state.peers.map(({ speaking }) => speaking), [false]);
});

for (const [name, code] of [
  ["NotAllowedError", "denied"],
  ["SecurityError", "denied"],
  ["NotFoundError", "missing"],
  ["OverconstrainedError", "missing"],
  ["NotReadableError", "busy"],
  ["AbortError", "busy"],
])
  test(`without a microphone (${name}) a user still listens`, async () => {
    const grace = await talk("grace");
    const ada = relay.enter("ada");
    ada.media.refusal = new DOMException("No", name);
    await assert.rejects(ada.voice.start(), (error) => error instanceof MicrophoneError && error.code === code);
    await assertMends(1_000);
    assert.deepEqual([ada.voice.state.status, ada.voice.state.muted], ["listening", true]);
    assert.deepEqual([grace.connection.sending, ada.connection.sending], [grace.media.tracks[0], null]);
  });

for (const [name, fail, code] of [
  ["meter", ({ deps }) => (deps.context = () => ({ createAnalyser: () => ({}), createMediaStreamSource: throwing, close: async () => {} })), "no_meter"],
  ["AudioContext", ({ deps }) => (deps.context = throwing), "no_meter"],
  ["list of devices", ({ media }) => (media.enumerateDevices = async () => throwing()), undefined],
])
  test(`a user without a ${name} is heard`, async () => {
    const room = relay.enter("ada");
    fail(room);
    room.voice = new Voice(room, {}, room.deps);
    await talk("grace");
    await during(2_000, room.voice.start());
    assertMesh();
    const { voice, media: { tracks } } = room;
    assert.deepEqual([voice.state.muted, voice.state.error?.code, tracks[0].enabled], [false, code, true]);
    voice.stop();
    assert.deepEqual([tracks[0].stopped, voice.state.status], [true, "off"]);
  });

for (const [lacks, change, status] of [["webrtc", { connection: undefined }, "off"], ["microphone", { media: undefined }, "listening"]])
  test(`a browser without ${lacks} says so, and shows nobody as heard`, async () => {
    const room = relay.enter("ada");
    const voice = new Voice(room, {}, { ...room.deps, ...change });
    voice.listen();
    await assert.rejects(voice.setMuted(false), { name: "MicrophoneError", code: "unsupported", message: /^This browser offers no voice/ });
    const { state } = voice;
    assert.deepEqual([state.lacks, state.status, state.muted, state.unmuting, room.told], [lacks, status, true, false, []]);
  });

test("a browser that makes no more connections stays a listener", async () => {
  const ada = await talk("ada");
  ada.deps.connection = throwing;
  ada.voice.stop();
  ada.voice = new Voice(ada, {}, ada.deps);
  ada.voice.listen();
  await talk("grace");
  assert.deepEqual([users(ada), ada.voice.state.status, ada.playing, ada.voice.state.error.message], [[], "listening", [], "No"]);
});

test("in a room that has ended no microphone is opened", async () => {
  const ada = relay.enter("ada");
  ada.end();
  await assert.rejects(ada.voice.start(), { code: "closed" });
  assert.deepEqual([ada.media.tracks, ada.told], [[], []]);
});

test("a wrong argument is a TypeError at once", async () => {
  const ada = await talk("ada");
  const calls = [() => new Voice(), () => new Voice({}), () => ada.voice.setMuted("false"), () => ada.voice.setVolume("grace", 50)];
  for (const call of calls) await assert.rejects(async () => call(), TypeError, `${call}`);
});

test("a listener who unmutes is heard without negotiation", async () => {
  await talk("grace");
  const ada = relay.enter("ada");
  ada.voice.listen();
  await relay.clock.pass(1_000);
  const offers = countOffers();
  await during(1_000, ada.voice.setMuted(false));
  assert.equal(ada.connection.sending, ada.media.tracks[0]);
  assert.deepEqual([countOffers(), ada.voice.state.status, ada.voice.state.muted], [offers, "talking", false]);
});

for (const [name, act, { sending, input, inUse }] of [
  ["another microphone replaces the first", ({ voice }) => voice.useInput("headset"),
    { sending: 1, input: "headset", inUse: [false, true] }],
  ["of two microphones chosen at once the later one stays",
    ({ voice }) => Promise.all([voice.useInput("headset"), voice.useInput("mic")]),
    { sending: 2, input: "mic", inUse: [false, false, true] }],
  ["a microphone that fails leaves the one before in use", ({ media, voice }) => {
    media.refusal = new DOMException("In use", "NotReadableError");
    return assert.rejects(voice.useInput("headset"), { code: "busy" });
  }, { sending: 0, input: "mic", inUse: [true] }],
  ["an unplugged microphone is replaced by another one", ({ media }) => {
    media.devices = ["headset"];
    media.tracks[0].onended();
    media.dispatchEvent(new Event("devicechange"));
  }, { sending: 1, input: "headset", inUse: [true, true] }],
])
  test(name, async () => {
    const [ada] = await meet("ada", "grace");
    const offers = countOffers();
    await during(1_000, act(ada));
    const { connection, media: { tracks, devices }, voice: { state } } = ada;
    assert.deepEqual([state.status, state.input, countOffers()], ["talking", input, offers]);
    assert.equal(connection.sending, tracks[sending]);
    assert.deepEqual(tracks.map(({ stopped }) => !stopped), inUse);
    assert.deepEqual(state.inputs.map(({ id }) => id), devices);
  });

test("without its only microphone a user listens, shown as muted", async () => {
  const [ada] = await meet("ada", "grace");
  ada.media.refusal = new DOMException("None", "NotFoundError");
  ada.media.tracks[0].onended();
  await relay.clock.pass(1_000);
  const { status, muted, error } = ada.voice.state;
  assert.deepEqual([status, muted, error.code, ada.told.at(-1)], ["listening", true, "missing", ["muted", true]]);
  assert.equal(ada.connection.sending, null);
});

// Loudspeakers

test("each user has a volume, and all use the chosen loudspeaker", async () => {
  const [ada] = await meet("ada", "grace");
  ada.voice.setVolume("grace", 0.25);
  ada.voice.setVolume("linus", 0.5);
  await ada.voice.useOutput("speaker");
  await talk("linus");
  assert.deepEqual(ada.playing.map(({ volume, sink }) => [volume, sink]), [[0.25, "speaker"], [0.5, "speaker"]]);
  assert.deepEqual(await ada.voice.devices(), {
    inputs: [{ id: "mic", label: "The mic" }, { id: "headset", label: "The headset" }],
    outputs: [{ id: "speaker", label: "The speaker" }],
  });
});

test("an unplugged loudspeaker is replaced by the browser's own", async () => {
  const [ada] = await meet("ada", "grace");
  await ada.voice.useOutput("speaker");
  ada.media.outputs = [];
  ada.media.dispatchEvent(new Event("devicechange"));
  await relay.clock.pass(0);
  assert.deepEqual([ada.voice.state.output, ada.playing.map(({ sink }) => sink)], ["", [""]]);
});

test("a user is heard though the chosen loudspeaker fails", async () => {
  const ada = await talk("ada");
  await ada.voice.useOutput("speaker");
  ada.sinkRefusal = new DOMException("Gone", "NotFoundError");
  await talk("grace");
  assert.deepEqual([ada.playing.map(({ played }) => played), ada.voice.state.error], [[1], ada.sinkRefusal]);
});

test("blocked sound is played on a click", async () => {
  const [ada] = await meet("ada", "grace");
  const [audio] = ada.playing;
  audio.refusal = new DOMException("Click first", "NotAllowedError");
  await ada.voice.resume();
  assert.equal(ada.voice.state.blocked, true);
  audio.refusal = null;
  ada.window.dispatchEvent(new Event("pointerdown"));
  await relay.clock.pass(0);
  assert.deepEqual([ada.voice.state.blocked, audio.played], [false, 2]);
});

// The end

test("stop closes all connections and sends nothing more", async () => {
  const [ada, grace] = await meet("ada", "grace");
  ada.voice.stop();
  await relay.clock.pass(100);
  assert.deepEqual([users(grace), grace.connection.connectionState], [[], "closed"]);
  assert.deepEqual([ada.media.tracks[0].stopped, ada.connection.connectionState, ada.meters], [true, "closed", 0]);
  assert.deepEqual([ada.told.at(-1), ada.voice.state.status], [["muted", true], "off"]);
  const before = relay.frames.length;
  ada.samples = 0.5;
  await relay.clock.pass(60_000);
  assert(relay.frames.slice(before).every(({ from }) => from !== "ada"));
});

test("stop works while the browser asks about the microphone", async () => {
  const ada = relay.enter("ada");
  const starting = ada.voice.start();
  ada.voice.stop();
  await starting;
  assert.deepEqual([ada.media.tracks[0].stopped, ada.voice.state.status, ada.told], [true, "off", []]);
});

test("voice can start again after stop", async () => {
  const [ada] = await meet("ada", "grace");
  ada.voice.stop();
  await during(2_000, ada.voice.start());
  assertMesh();
});

test("the end of the room stops voice", async () => {
  const [ada] = await meet("ada", "grace");
  ada.end();
  assert.deepEqual([ada.voice.state.status, ada.media.tracks[0].stopped], ["off", true]);
});

test("subscribers get the state at once and after changes only", async () => {
  const [ada] = await meet("ada", "grace");
  let states = 0;
  const off = ada.voice.subscribe(() => states++);
  await relay.clock.pass(5_000);
  assert.equal(states, 1);
  ada.connection.setState("disconnected");
  await relay.clock.pass(0);
  assert.equal(states, 2);
  off();
  both(relay.rooms, "connected");
  await relay.clock.pass(1_000);
  assert.equal(states, 2);
});
