import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { MicrophoneError } from "../../web/sdk/voice.js";
import { createRandom } from "./fakes.js";
import { FakeConnection, Relay } from "./voice-fakes.js";

/** @import { FakeRoom } from "./voice-fakes.js" */

const SEEDS = Number(process.env.VOICE_SEEDS ?? 12);

/** @type {Relay} */
let relay;

beforeEach(() => {
  FakeConnection.all = [];
  relay = new Relay();
});

/** Everybody starts to talk, one after the other, and is connected. @param {string[]} users */
async function meet(...users) {
  const rooms = [];
  for (const user of users) rooms.push(await talk(user));
  assert(relay.isMesh());
  return rooms;
}

/** @param {string} user */
async function talk(user) {
  const room = relay.enter(user);
  await Promise.all([room.voice.start(), relay.clock.pass(2_000)]);
  return room;
}

/** @param {FakeRoom} room */
const users = (room) => room.voice.state.peers.map(({ userId }) => userId).sort();

/** @param {string} type */
const sent = (type) => relay.frames.filter((frame) => frame.type === type).length;

const violations = () => FakeConnection.all.flatMap((connection) => connection.violations);

/** @param {FakeRoom[]} rooms @param {string} state what the two make of the network between them */
const both = (rooms, state) => rooms.forEach(({ connection }) => connection.become(state));

test("a new user gets one connection to each other user", async () => {
  await meet("ada", "grace", "linus", "mary");
  assert.equal(FakeConnection.all.length, 12);
  assert.deepEqual(violations(), []);
});

test("users who start at the same moment have one connection", async () => {
  const rooms = ["ada", "grace", "linus"].map((user) => relay.enter(user));
  await Promise.all([...rooms.map(({ voice }) => voice.start()), relay.clock.pass(2_000)]);
  assert(relay.isMesh());
  assert.equal(FakeConnection.all.length, 6);
});

test("both send their microphone and play the other's sound", async () => {
  const rooms = await meet("ada", "grace");
  for (const { connection, media, audios } of rooms) {
    assert.equal(connection.sending, media.tracks[0]);
    assert.deepEqual(connection.getTransceivers().map(({ direction }) => direction), ["sendrecv"]);
    assert(audios.some(({ srcObject, played }) => srcObject && played));
  }
});

test("if both offer at once, the polite one gives way", async () => {
  const rooms = await meet("ada", "grace");
  const offers = rooms.map(({ connection }) => connection.offers);
  both(rooms, "failed");
  rooms.forEach(({ connection }) => connection.restartIce());
  await relay.clock.pass(10);
  assert.deepEqual(rooms.map(({ connection }) => connection.offers), offers.map((offer) => offer + 1));
  await relay.clock.pass(5_000);
  assert(relay.isMesh());
  assert.deepEqual(violations(), []);
});

test("candidates wait for their description", async () => {
  relay.fate = ({ data }) => [data.description ? 900 : 20];
  await meet("ada", "grace");
  assert.deepEqual(violations(), []);
});

test("candidates of an abandoned description are dropped", async () => {
  const rooms = await meet("ada", "grace");
  relay.fate = ({ data }) => [data.candidates ? 4_000 : 20];
  rooms.forEach(({ connection }) => connection.restartIce());
  await relay.clock.pass(20_000);
  assert(relay.isMesh());
  assert.deepEqual(violations(), []);
});

test("late old descriptions are ignored", async () => {
  const rooms = await meet("ada", "grace");
  relay.fate = ({ type }) => (type === "ice-candidate" ? [20] : [20, 1_010, 2_510]);
  for (let time = 0; time < 5; time++) {
    rooms[time % 2].connection.restartIce();
    await relay.clock.pass(1_000);
  }
  await relay.clock.pass(5_000);
  assert(relay.isMesh());
  assert.deepEqual(violations(), []);
});

test("an answer to an abandoned offer is ignored", async () => {
  const [ada, grace] = await meet("ada", "grace");
  ada.connection.restartIce();
  await relay.clock.pass(1_000);
  const { data } = /** @type {any} */ (relay.frames.findLast(({ type, from }) => type === "answer" && from === "grace"));
  relay.fate = () => [500];
  ada.connection.restartIce();
  await relay.clock.pass(100);
  ada.receive({ type: "answer", from: "grace", connection: grace.connectionId, data });
  await relay.clock.pass(5_000);
  assert(relay.isMesh());
  assert.deepEqual(violations(), []);
});

test("an empty signal is answered with the offer at once", async () => {
  const ada = await talk("ada");
  relay.fate = ({ type }) => (type === "offer" ? [] : [20]);
  const grace = await talk("grace");
  await relay.clock.pass(10_000);
  const [caller, called] = sent("offer") && relay.frames.find(({ type }) => type === "offer")?.from === "ada" ? [ada, grace] : [grace, ada];
  const { data } = /** @type {any} */ (relay.frames.find(({ type, from }) => type === "ice-candidate" && from === called.userId));
  const before = sent("offer");
  caller.receive({ type: "ice-candidate", from: called.userId, connection: called.connectionId, data });
  await relay.clock.pass(10);
  assert.equal(sent("offer"), before + 1);
});

for (const lost of ["voice", "offer", "answer", "ice-candidate"])
  test(`a lost ${lost} is sent again`, async () => {
    const losses = new Set(["ada", "grace"]);
    relay.fate = ({ type, from }) => (type === lost && losses.delete(from ?? "") ? [] : [20]);
    await Promise.all([relay.enter("ada").voice.start(), relay.enter("grace").voice.start(), relay.clock.pass(60_000)]);
    assert(relay.isMesh());
    assert.deepEqual(violations(), []);
  });

test("a doubled frame has no second effect", async () => {
  relay.fate = () => [20, 20, 700];
  await meet("ada", "grace", "linus");
  await relay.clock.pass(5_000);
  assert.equal(FakeConnection.all.length, 6);
  assert.equal(FakeConnection.all.reduce((sum, { offers }) => sum + offers, 0), 3);
  assert.deepEqual(violations(), []);
});

for (let seed = 0; seed < SEEDS; seed++)
  test(`with random faults all are connected in the end (${seed})`, async () => {
    const random = createRandom(seed);
    relay.fate = () => (random() < 0.2 ? [] : random() < 0.2 ? [random() * 3_000, random() * 3_000] : [random() * 3_000]);
    const rooms = ["ada", "grace", "linus", "mary"].map((user) => relay.enter(user));
    for (const { voice } of rooms) await Promise.all([voice.start(), relay.clock.pass(random() * 3_000)]);
    for (let blow = 0; blow < 8; blow++) {
      const room = rooms[Math.floor(random() * rooms.length)];
      const blows = [
        () => room.connection?.become("failed"),
        () => room.connection?.become("disconnected"),
        () => room.reconnect(),
        () => (room.isOnline = false),
        () => room.voice.stop(),
        () => room.voice.listen(),
      ];
      blows[Math.floor(random() * blows.length)]();
      await relay.clock.pass(random() * 8_000);
    }
    relay.fate = () => [random() * 500];
    for (const room of rooms) {
      room.voice.listen();
      if (!room.isOnline) room.reconnect();
    }
    for (let second = 0; second < 180 && !relay.isMesh(); second += 5) await relay.clock.pass(5_000);
    await relay.clock.pass(2_000);
    assert(relay.isMesh());
    assert.deepEqual(violations(), []);
    assert.deepEqual(rooms.map(({ voice }) => voice.state.error), [null, null, null, null]);
  });

test("a failed connection is restarted", async () => {
  const rooms = await meet("ada", "grace");
  both(rooms, "failed");
  await relay.clock.pass(5_000);
  assert(relay.isMesh());
  assert.equal(FakeConnection.all.length, 2);
});

test("a disconnected connection is restarted after three seconds, unless it recovers", async () => {
  const rooms = await meet("ada", "grace");
  const before = sent("offer");
  both(rooms, "disconnected");
  await relay.clock.pass(2_000);
  both(rooms, "connected");
  await relay.clock.pass(10_000);
  assert.equal(sent("offer"), before);
  both(rooms, "disconnected");
  await relay.clock.pass(4_000);
  assert.equal(sent("offer"), before + 1);
  assert(relay.isMesh());
});

test("if restarts do not help, they become rare", async () => {
  const [ada, grace] = await meet("ada", "grace");
  ada.connection.network = false;
  const before = sent("offer");
  for (let minute = 0; minute < 10; minute++) {
    both([ada, grace], "failed");
    await relay.clock.pass(60_000);
  }
  assert(sent("offer") - before < 40);
  ada.connection.network = true;
  both([ada, grace], "failed");
  await relay.clock.pass(60_000);
  assert(relay.isMesh());
});

test("a greeting restarts a failed connection at once", async () => {
  const [ada, grace] = await meet("ada", "grace");
  ada.connection.network = false;
  both([ada, grace], "failed");
  for (let minute = 0; minute < 5; minute++) {
    await relay.clock.pass(60_000);
    both([ada, grace], "failed");
  }
  ada.connection.network = true;
  grace.reconnect();
  await relay.clock.pass(1_000);
  assert(relay.isMesh());
});

test("a page with a new WebSocket keeps its peer connections, and gets signals there", async () => {
  const [ada, grace] = await meet("ada", "grace");
  const offers = sent("offer");
  grace.reconnect();
  await relay.clock.pass(1_000);
  assert.equal(ada.voice.state.peers[0].connectionId, grace.connectionId);
  assert.equal(sent("offer"), offers);
  ada.connection.restartIce();
  await relay.clock.pass(1_000);
  assert.equal(relay.frames.findLast(({ type }) => type === "offer")?.to, grace.connectionId);
  assert(relay.isMesh());
});

test("after a cut of all WebSockets, all pages know each other's new connection ids", async () => {
  const rooms = await meet("ada", "grace", "linus");
  rooms.forEach((room) => (room.isOnline = false));
  for (const room of rooms) {
    room.reconnect();
    await relay.clock.pass(1_000);
  }
  for (const room of rooms)
    for (const { userId, connectionId } of room.voice.state.peers)
      assert.equal(connectionId, rooms.find((one) => one.userId === userId)?.connectionId);
  assert.equal(FakeConnection.all.length, 6);
});

test("a late frame does not bring back an old connection id", async () => {
  const [ada, grace] = await meet("ada", "grace");
  const delays = [2_000, 20];
  relay.fate = () => [delays.shift() ?? 20];
  grace.connection.onicecandidate({ candidate: { toJSON: () => ({ candidate: "late" }) } });
  await relay.clock.pass(500);
  grace.reconnect();
  await relay.clock.pass(5_000);
  assert.equal(ada.voice.state.peers[0].connectionId, grace.connectionId);
});

test("a reloaded page replaces the one before", async () => {
  const [ada, grace] = await meet("ada", "grace");
  grace.window.dispatchEvent(new Event("pagehide"));
  grace.vanish();
  const again = await talk("grace");
  assert.deepEqual(ada.voice.state.peers.map(({ connectionId }) => connectionId), [again.connectionId]);
  assert(relay.isMesh());
});

test("a page from the back-forward cache listens again", async () => {
  const [ada, grace] = await meet("ada", "grace");
  grace.window.dispatchEvent(new Event("pagehide"));
  await relay.clock.pass(1_000);
  assert.deepEqual([users(ada), grace.voice.state.status], [[], "off"]);
  grace.window.dispatchEvent(new Event("pageshow"));
  await relay.clock.pass(2_000);
  assert(relay.isMesh());
  assert.equal(grace.voice.state.status, "listening");
});

test("a page that was reloaded without a bye is removed when its sound ends", async () => {
  const [ada, grace] = await meet("ada", "grace");
  const [old] = ada.connections;
  grace.vanish();
  await talk("grace");
  assert.equal(ada.voice.state.peers.length, 2);
  await relay.clock.pass(10_000);
  assert.equal(old.connectionState, "closed");
  assert(relay.isMesh());
});

test("a user without a WebSocket is heard as long as sound arrives", async () => {
  const [ada, grace] = await meet("ada", "grace");
  grace.isOnline = false;
  ada.receive({ type: "user-left", from: "grace", connection: grace.connectionId, data: { userId: "grace" } });
  assert.equal(ada.voice.state.peers.length, 1);
  grace.reconnect();
  await relay.clock.pass(1_000);
  ada.connection.become("disconnected");
  await relay.clock.pass(10_000);
  assert(relay.isMesh());
  assert.equal(FakeConnection.all.length, 2);
});

test("a user without WebSocket and sound is removed, and comes back later", async () => {
  const [ada, grace] = await meet("ada", "grace");
  grace.isOnline = false;
  ada.receive({ type: "user-left", from: "grace", connection: grace.connectionId, data: { userId: "grace" } });
  both([ada, grace], "disconnected");
  await relay.clock.pass(10_000);
  assert.deepEqual(users(ada), []);
  grace.reconnect();
  await relay.clock.pass(10_000);
  assert(relay.isMesh());
});

for (const order of [["ada", "grace"], ["grace", "ada"]])
  test(`a pair that only one side gave up starts anew (${order[0]} first)`, async () => {
    await meet(...order);
    const ada = relay.rooms.find(({ userId }) => userId === "ada");
    assert(ada);
    ada.seat(["ada"]);
    await relay.clock.pass(100);
    assert.deepEqual(users(ada), []);
    relay.announce();
    relay.rooms.forEach((room) => room !== ada && room.connection.become("disconnected"));
    await relay.clock.pass(10_000);
    assert(relay.isMesh());
    assert.equal(FakeConnection.all.length, 4);
    for (const { type, from, data } of relay.frames.slice()) {
      const [sender] = relay.rooms.filter(({ userId }) => userId === from);
      const receiver = relay.rooms.find(({ userId }) => userId !== from);
      receiver?.receive({ type, from, connection: sender.connectionId, data });
    }
    await relay.clock.pass(10_000);
    assert(relay.isMesh());
    assert.equal(FakeConnection.all.length, 4);
    assert.deepEqual(violations(), []);
  });

test("a pair with a connection that is gone is removed", async () => {
  const ada = await talk("ada");
  const frame = { type: "voice", from: "grace", connection: "gone", data: { page: "gone", n: 1 } };
  ada.receive(frame);
  await relay.clock.pass(1_000);
  assert.deepEqual(users(ada), []);
  assert.equal(ada.connection.connectionState, "closed");
});

test("an offer without an answer is given up after a minute", async () => {
  const ada = await talk("ada");
  relay.enter("grace");
  ada.receive({ type: "voice", from: "grace", connection: "grace", data: { page: "silent", n: 1 } });
  relay.fate = () => [];
  const [, grace] = relay.rooms;
  ada.receive({ type: "voice", from: "grace", connection: grace.connectionId, data: { page: "silent", n: 2 } });
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

test("a user is heard before the room tells of the seat", async () => {
  const [ada] = await meet("ada", "grace");
  ada.seat(["ada"]);
  const linus = relay.enter("linus");
  ada.seat(["ada"]);
  await Promise.all([linus.voice.start(), relay.clock.pass(2_000)]);
  ada.show(true);
  assert.deepEqual(users(ada), ["linus"]);
});

test("tabs of the same user do not hear each other", async () => {
  const one = await talk("ada");
  const other = await talk("ada");
  assert.deepEqual([...users(one), ...users(other)], []);
  const grace = await talk("grace");
  assert.deepEqual(users(grace), ["ada", "ada"]);
});

test("a user is heard from at most five pages", async () => {
  const ada = await talk("ada");
  const grace = relay.enter("grace");
  for (let tab = 1; tab <= 8; tab++)
    ada.receive({ type: "voice", from: "grace", connection: grace.connectionId, data: { page: `tab ${tab}`, n: tab } });
  await relay.clock.pass(100);
  assert.deepEqual(users(ada), Array(5).fill("grace"));
  assert.equal(ada.connections.filter(({ connectionState }) => connectionState === "closed").length, 3);
});

test("a frame without voice data is ignored", async () => {
  const ada = await talk("ada");
  for (const data of [undefined, null, {}, { page: 7 }, { sdp: "v=0" }])
    ada.receive({ type: "offer", from: "grace", connection: "c9", data });
  assert.deepEqual(users(ada), []);
});

test("nonsense from a peer ends only that pair", async () => {
  const [ada, grace, linus] = await meet("ada", "grace", "linus");
  const last = relay.frames.findLast(({ from, to }) => from === "linus" && to === ada.connectionId)?.data;
  const data = { ...last, n: 1e6, id: 1e6, description: { type: "offer", sdp: "nonsense" } };
  ada.receive({ type: "offer", from: "linus", connection: linus.connectionId, data });
  await relay.clock.pass(10);
  assert.deepEqual(users(ada), ["grace"]);
  assert.match(String(ada.voice.state.error), /SyntaxError/);
  assert.deepEqual(users(grace), ["ada", "linus"]);
});

test("muting disables the track at once", async () => {
  const [ada] = await meet("ada", "grace");
  const [track] = ada.media.tracks;
  assert.equal(track.enabled, true);
  const muting = ada.voice.setMuted(true);
  assert.equal(track.enabled, false);
  await muting;
  assert.deepEqual(ada.told, [{ name: "muted", value: false }, { name: "muted", value: true }]);
});

test("a user whom the room shows as muted is silent", async () => {
  const [ada] = await meet("ada", "grace");
  const [track] = ada.media.tracks;
  ada.show(true);
  assert.deepEqual([track.enabled, ada.voice.state.muted], [false, true]);
  ada.show(false);
  assert.deepEqual([track.enabled, ada.voice.state.muted], [true, false]);
  await ada.voice.setMuted(true);
  ada.refusal = new Error("offline");
  await assert.rejects(ada.voice.setMuted(false), /offline/);
  assert.deepEqual([track.enabled, ada.voice.state.muted], [false, true]);
});

test("useInput keeps the microphone muted", async () => {
  const ada = relay.enter("ada");
  await ada.voice.useInput();
  assert.deepEqual([ada.media.tracks[0].enabled, ada.voice.state.status], [false, "talking"]);
});

test("the start and the end of speaking are sent, and seldom", async () => {
  const [ada, grace] = await meet("ada", "grace");
  for (let second = 0; second < 60; second++) {
    ada.samples = second % 2 ? 0.2 : 0;
    await relay.clock.pass(500);
  }
  ada.samples = 0;
  await relay.clock.pass(3_000);
  assert.deepEqual(ada.told.slice(1), [{ name: "speaking", value: true }, { name: "speaking", value: false }]);
  assert.equal(grace.told.length, 1);
});

test("muting ends speaking without another frame", async () => {
  const [ada] = await meet("ada", "grace");
  ada.samples = 0.2;
  await relay.clock.pass(1_000);
  assert.equal(ada.voice.state.speaking, true);
  await Promise.all([ada.voice.setMuted(true), relay.clock.pass(200)]);
  assert.equal(ada.voice.state.speaking, false);
  assert.deepEqual(ada.told.slice(-2), [{ name: "speaking", value: true }, { name: "muted", value: true }]);
});

test("speaking is sent again on a new connection", async () => {
  const [ada] = await meet("ada", "grace");
  ada.samples = 0.2;
  await relay.clock.pass(1_000);
  ada.reconnect();
  assert.deepEqual(ada.told.slice(1).map(({ value }) => value), [true, true]);
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
    await relay.clock.pass(1_000);
    assert(relay.isMesh());
    assert.deepEqual([ada.voice.state.status, ada.voice.state.muted], ["listening", true]);
    assert.equal(grace.connection.sending, grace.media.tracks[0]);
    assert.equal(ada.connection.sending, null);
  });

test("a listener who unmutes is asked for the microphone, and heard without negotiation", async () => {
  await talk("grace");
  const ada = relay.enter("ada");
  ada.voice.listen();
  await relay.clock.pass(1_000);
  const offers = sent("offer");
  await Promise.all([ada.voice.setMuted(false), relay.clock.pass(1_000)]);
  assert.equal(ada.connection.sending, ada.media.tracks[0]);
  assert.deepEqual([sent("offer"), ada.voice.state.status, ada.voice.state.muted], [offers, "talking", false]);
});

test("another microphone replaces the first without negotiation", async () => {
  const [ada] = await meet("ada", "grace");
  const offers = sent("offer");
  await Promise.all([ada.voice.useInput("headset"), relay.clock.pass(1_000)]);
  const [first, second] = ada.media.tracks;
  assert.deepEqual([first.stopped, second.stopped, second.enabled], [true, false, true]);
  assert.deepEqual([ada.connection.sending, ada.voice.state.input, sent("offer")], [second, "headset", offers]);
});

test("of two microphones chosen at once the later one stays", async () => {
  const [ada] = await meet("ada", "grace");
  await Promise.all([ada.voice.useInput("headset"), ada.voice.useInput("mic"), relay.clock.pass(1_000)]);
  assert.deepEqual(ada.media.tracks.map(({ stopped }) => stopped), [true, true, false]);
  assert.equal(ada.voice.state.input, "mic");
});

test("a microphone that fails leaves the one before in use", async () => {
  const [ada] = await meet("ada", "grace");
  ada.media.refusal = new DOMException("In use", "NotReadableError");
  await assert.rejects(ada.voice.useInput("headset"), { code: "busy" });
  assert.deepEqual([ada.connection.sending, ada.voice.state.status], [ada.media.tracks[0], "talking"]);
});

test("an unplugged microphone is replaced by another one", async () => {
  const [ada] = await meet("ada", "grace");
  ada.media.devices = ["headset"];
  ada.media.tracks[0].onended?.();
  ada.media.dispatchEvent(new Event("devicechange"));
  await relay.clock.pass(1_000);
  assert.equal(ada.connection.sending, ada.media.tracks[1]);
  assert.deepEqual(ada.voice.state.inputs.map(({ id }) => id), ["headset"]);
});

test("without its only microphone a user listens, and is shown as muted", async () => {
  const [ada] = await meet("ada", "grace");
  ada.media.refusal = new DOMException("None", "NotFoundError");
  ada.media.tracks[0].onended?.();
  await relay.clock.pass(1_000);
  const { status, muted, error } = ada.voice.state;
  assert.deepEqual([status, muted, /** @type {any} */ (error).code], ["listening", true, "missing"]);
  assert.deepEqual(ada.told.at(-1), { name: "muted", value: true });
  assert.equal(ada.connection.sending, null);
});

test("each user has a volume, and all use the chosen loudspeaker", async () => {
  const [ada] = await meet("ada", "grace");
  ada.voice.setVolume("grace", 0.25);
  ada.voice.setVolume("linus", 0.5);
  await ada.voice.useOutput("speaker");
  await talk("linus");
  const playing = ada.audios.filter(({ srcObject }) => srcObject);
  assert.deepEqual(playing.map(({ volume, sink }) => [volume, sink]), [[0.25, "speaker"], [0.5, "speaker"]]);
  assert.deepEqual(await ada.voice.devices(), {
    inputs: [{ id: "mic", label: "mic" }, { id: "headset", label: "headset" }],
    outputs: [{ id: "speaker", label: "Speaker" }],
  });
});

test("an unplugged loudspeaker is replaced by the browser's own", async () => {
  const [ada] = await meet("ada", "grace");
  await ada.voice.useOutput("speaker");
  ada.media.outputs = [];
  ada.media.dispatchEvent(new Event("devicechange"));
  await relay.clock.pass(0);
  assert.equal(ada.voice.state.output, "");
  assert.deepEqual(ada.audios.filter(({ srcObject }) => srcObject).map(({ sink }) => sink), [""]);
});

test("a user is heard though the chosen loudspeaker fails", async () => {
  const ada = await talk("ada");
  await ada.voice.useOutput("speaker");
  ada.sinkRefusal = new DOMException("Gone", "NotFoundError");
  await talk("grace");
  assert(ada.audios.some(({ srcObject, played }) => srcObject && played));
  assert.equal(ada.voice.state.error, ada.sinkRefusal);
});

test("blocked sound is played on a click", async () => {
  const [ada] = await meet("ada", "grace");
  const audio = ada.audios.find(({ srcObject }) => srcObject);
  assert(audio);
  audio.refusal = new DOMException("Click first", "NotAllowedError");
  await ada.voice.resume();
  assert.equal(ada.voice.state.blocked, true);
  audio.refusal = null;
  const before = audio.played;
  ada.window.dispatchEvent(new Event("pointerdown"));
  await relay.clock.pass(0);
  assert.deepEqual([ada.voice.state.blocked, audio.played], [false, before + 1]);
});

test("stop closes all connections and sends nothing more", async () => {
  const [ada, grace] = await meet("ada", "grace");
  ada.voice.stop();
  await relay.clock.pass(100);
  assert.deepEqual([users(grace), grace.connection.connectionState], [[], "closed"]);
  assert.deepEqual([ada.media.tracks[0].stopped, ada.connection.connectionState], [true, "closed"]);
  assert.deepEqual(ada.told.at(-1), { name: "muted", value: true });
  assert.equal(ada.voice.state.status, "off");
  const frames = relay.frames.length;
  ada.samples = 0.5;
  await relay.clock.pass(60_000);
  assert(relay.frames.slice(frames).every(({ from }) => from !== "ada"));
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
  await Promise.all([ada.voice.start(), relay.clock.pass(2_000)]);
  assert(relay.isMesh());
});

test("the end of the room stops voice", async () => {
  const [ada] = await meet("ada", "grace");
  ada.end();
  assert.deepEqual([ada.voice.state.status, ada.media.tracks[0].stopped], ["off", true]);
});

test("subscribers get the state at once and after changes only", async () => {
  const [ada] = await meet("ada", "grace");
  const states = /** @type {unknown[]} */ ([]);
  const off = ada.voice.subscribe((state) => states.push(state));
  await relay.clock.pass(5_000);
  assert.equal(states.length, 1);
  ada.connection.become("disconnected");
  await relay.clock.pass(0);
  assert.equal(states.length, 2);
  off();
  both(relay.rooms, "connected");
  await relay.clock.pass(1_000);
  assert.equal(states.length, 2);
});
