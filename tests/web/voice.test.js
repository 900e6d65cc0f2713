import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { MicrophoneError } from "../../web/sdk/voice.js";
import { dice } from "./fakes.js";
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

const wrongs = () => FakeConnection.all.flatMap((connection) => connection.wrongs);

/** @param {FakeRoom[]} rooms @param {string} state what the two make of the network between them */
const both = (rooms, state) => rooms.forEach(({ connection }) => connection.become(state));

test("whoever comes is connected with everybody, once", async () => {
  await meet("ada", "grace", "linus", "mary");
  assert.equal(FakeConnection.all.length, 12);
  assert.deepEqual(wrongs(), []);
});

test("those who start at the same moment have one connection", async () => {
  const rooms = ["ada", "grace", "linus"].map((user) => relay.enter(user));
  await Promise.all([...rooms.map(({ voice }) => voice.start()), relay.clock.pass(2_000)]);
  assert(relay.isMesh());
  assert.equal(FakeConnection.all.length, 6);
});

test("both send what their microphone says, and hear the other", async () => {
  const rooms = await meet("ada", "grace");
  for (const { connection, media, audios } of rooms) {
    assert.equal(connection.sending, media.tracks[0]);
    assert.deepEqual(connection.getTransceivers().map(({ direction }) => direction), ["sendrecv"]);
    assert(audios.some(({ srcObject, played }) => srcObject && played));
  }
});

test("where both offer at once, the polite one gives way and both are connected", async () => {
  const rooms = await meet("ada", "grace");
  const offers = rooms.map(({ connection }) => connection.offers);
  both(rooms, "failed");
  rooms.forEach(({ connection }) => connection.restartIce());
  await relay.clock.pass(10);
  assert.deepEqual(rooms.map(({ connection }) => connection.offers), offers.map((offer) => offer + 1));
  await relay.clock.pass(5_000);
  assert(relay.isMesh());
  assert.deepEqual(wrongs(), []);
});

test("candidates wait for the description that they belong to", async () => {
  relay.fate = ({ data }) => [data.description ? 900 : 20];
  await meet("ada", "grace");
  assert.deepEqual(wrongs(), []);
});

test("candidates of a description that was given up are dropped", async () => {
  const rooms = await meet("ada", "grace");
  relay.fate = ({ data }) => [data.candidates ? 4_000 : 20];
  rooms.forEach(({ connection }) => connection.restartIce());
  await relay.clock.pass(20_000);
  assert(relay.isMesh());
  assert.deepEqual(wrongs(), []);
});

test("old descriptions that turn up late are left alone", async () => {
  const rooms = await meet("ada", "grace");
  relay.fate = ({ type }) => (type === "ice-candidate" ? [20] : [20, 1_010, 2_510]);
  for (let time = 0; time < 5; time++) {
    rooms[time % 2].connection.restartIce();
    await relay.clock.pass(1_000);
  }
  await relay.clock.pass(5_000);
  assert(relay.isMesh());
  assert.deepEqual(wrongs(), []);
});

test("an answer to an offer that was given up is left alone", async () => {
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
  assert.deepEqual(wrongs(), []);
});

test("whoever says nothing is told the offer again at once", async () => {
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
  test(`a lost ${lost} is said again`, async () => {
    const losses = new Set(["ada", "grace"]);
    relay.fate = ({ type, from }) => (type === lost && losses.delete(from ?? "") ? [] : [20]);
    await Promise.all([relay.enter("ada").voice.start(), relay.enter("grace").voice.start(), relay.clock.pass(60_000)]);
    assert(relay.isMesh());
    assert.deepEqual(wrongs(), []);
  });

test("a frame that comes twice does nothing the second time", async () => {
  relay.fate = () => [20, 20, 700];
  await meet("ada", "grace", "linus");
  await relay.clock.pass(5_000);
  assert.equal(FakeConnection.all.length, 6);
  assert.equal(FakeConnection.all.reduce((sum, { offers }) => sum + offers, 0), 3);
  assert.deepEqual(wrongs(), []);
});

for (let seed = 0; seed < SEEDS; seed++)
  test(`whatever becomes of frames, connections and sockets, all are connected in the end (${seed})`, async () => {
    const random = dice(seed);
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
    assert.deepEqual(wrongs(), []);
    assert.deepEqual(rooms.map(({ voice }) => voice.state.error), [null, null, null, null]);
  });

test("a connection that fails is mended", async () => {
  const rooms = await meet("ada", "grace");
  both(rooms, "failed");
  await relay.clock.pass(5_000);
  assert(relay.isMesh());
  assert.equal(FakeConnection.all.length, 2);
});

test("one that is disconnected for some seconds is mended, one that comes back by itself is left alone", async () => {
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

test("where nothing helps, attempts become rare", async () => {
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

test("whoever comes back finds what failed mended at once", async () => {
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

test("a page that has another socket keeps its connections, and is called where it is now", async () => {
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

test("when all sockets are cut at once, everybody knows everybody's new one", async () => {
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

test("an old frame doesn't bring an old connection back", async () => {
  const [ada, grace] = await meet("ada", "grace");
  const delays = [2_000, 20];
  relay.fate = () => [delays.shift() ?? 20];
  grace.connection.onicecandidate({ candidate: { toJSON: () => ({ candidate: "late" }) } });
  await relay.clock.pass(500);
  grace.reconnect();
  await relay.clock.pass(5_000);
  assert.equal(ada.voice.state.peers[0].connectionId, grace.connectionId);
});

test("a page that was reloaded takes the place of the one before", async () => {
  const [ada, grace] = await meet("ada", "grace");
  grace.window.dispatchEvent(new Event("pagehide"));
  grace.vanish();
  const again = await talk("grace");
  assert.deepEqual(ada.voice.state.peers.map(({ connectionId }) => connectionId), [again.connectionId]);
  assert(relay.isMesh());
});

test("a page that the browser kept listens again when it is shown again", async () => {
  const [ada, grace] = await meet("ada", "grace");
  grace.window.dispatchEvent(new Event("pagehide"));
  await relay.clock.pass(1_000);
  assert.deepEqual([users(ada), grace.voice.state.status], [[], "off"]);
  grace.window.dispatchEvent(new Event("pageshow"));
  await relay.clock.pass(2_000);
  assert(relay.isMesh());
  assert.equal(grace.voice.state.status, "listening");
});

test("one that was reloaded without a word is dropped when its media end", async () => {
  const [ada, grace] = await meet("ada", "grace");
  const [old] = ada.connections;
  grace.vanish();
  await talk("grace");
  assert.equal(ada.voice.state.peers.length, 2);
  await relay.clock.pass(10_000);
  assert.equal(old.connectionState, "closed");
  assert(relay.isMesh());
});

test("whoever lost the socket is heard as long as the media live", async () => {
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

test("whoever lost the socket and the media is gone, and back when they are", async () => {
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
  test(`a pair that only one side gave up begins anew (${order[0]} first)`, async () => {
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
    assert.deepEqual(wrongs(), []);
  });

test("a call to a connection that is gone is given up", async () => {
  const ada = await talk("ada");
  const frame = { type: "voice", from: "grace", connection: "gone", data: { page: "gone", n: 1 } };
  ada.receive(frame);
  await relay.clock.pass(1_000);
  assert.deepEqual(users(ada), []);
  assert.equal(ada.connection.connectionState, "closed");
});

test("a call that nobody answers is given up after a minute", async () => {
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

test("whoever gives up the seat is gone", async () => {
  const [ada, grace, linus] = await meet("ada", "grace", "linus");
  grace.isGone = true;
  relay.announce();
  assert.deepEqual([users(ada), users(linus)], [["linus"], ["ada"]]);
});

test("whoever calls before the room has told of the seat is heard", async () => {
  const [ada] = await meet("ada", "grace");
  ada.seat(["ada"]);
  const linus = relay.enter("linus");
  ada.seat(["ada"]);
  await Promise.all([linus.voice.start(), relay.clock.pass(2_000)]);
  ada.show(true);
  assert.deepEqual(users(ada), ["linus"]);
});

test("one doesn't hear oneself in another tab", async () => {
  const one = await talk("ada");
  const other = await talk("ada");
  assert.deepEqual([...users(one), ...users(other)], []);
  const grace = await talk("grace");
  assert.deepEqual(users(grace), ["ada", "ada"]);
});

test("nobody is heard from more pages than a user may have connections", async () => {
  const ada = await talk("ada");
  const grace = relay.enter("grace");
  for (let tab = 1; tab <= 8; tab++)
    ada.receive({ type: "voice", from: "grace", connection: grace.connectionId, data: { page: `tab ${tab}`, n: tab } });
  await relay.clock.pass(100);
  assert.deepEqual(users(ada), Array(5).fill("grace"));
  assert.equal(ada.connections.filter(({ connectionState }) => connectionState === "closed").length, 3);
});

test("what isn't a signal of voice is left alone", async () => {
  const ada = await talk("ada");
  for (const data of [undefined, null, {}, { page: 7 }, { sdp: "v=0" }])
    ada.receive({ type: "offer", from: "grace", connection: "c9", data });
  assert.deepEqual(users(ada), []);
});

test("nonsense from a peer ends that pair and no other", async () => {
  const [ada, grace, linus] = await meet("ada", "grace", "linus");
  const last = relay.frames.findLast(({ from, to }) => from === "linus" && to === ada.connectionId)?.data;
  const data = { ...last, n: 1e6, id: 1e6, description: { type: "offer", sdp: "nonsense" } };
  ada.receive({ type: "offer", from: "linus", connection: linus.connectionId, data });
  await relay.clock.pass(10);
  assert.deepEqual(users(ada), ["grace"]);
  assert.match(String(ada.voice.state.error), /SyntaxError/);
  assert.deepEqual(users(grace), ["ada", "linus"]);
});

test("muting is at once, and by the track", async () => {
  const [ada] = await meet("ada", "grace");
  const [track] = ada.media.tracks;
  assert.equal(track.enabled, true);
  const muting = ada.voice.setMuted(true);
  assert.equal(track.enabled, false);
  await muting;
  assert.deepEqual(ada.told, [{ name: "muted", value: false }, { name: "muted", value: true }]);
});

test("nobody is heard whom the room shows as muted", async () => {
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

test("one may come muted", async () => {
  const ada = relay.enter("ada");
  await ada.voice.useInput();
  assert.deepEqual([ada.media.tracks[0].enabled, ada.voice.state.status], [false, "talking"]);
});

test("speaking is told when it begins and ends, and seldom", async () => {
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

test("muting ends speaking without a frame of its own", async () => {
  const [ada] = await meet("ada", "grace");
  ada.samples = 0.2;
  await relay.clock.pass(1_000);
  assert.equal(ada.voice.state.speaking, true);
  await Promise.all([ada.voice.setMuted(true), relay.clock.pass(200)]);
  assert.equal(ada.voice.state.speaking, false);
  assert.deepEqual(ada.told.slice(-2), [{ name: "speaking", value: true }, { name: "muted", value: true }]);
});

test("whoever speaks while the socket changes is seen speaking", async () => {
  const [ada] = await meet("ada", "grace");
  ada.samples = 0.2;
  await relay.clock.pass(1_000);
  ada.reconnect();
  assert.deepEqual(ada.told.slice(1).map(({ value }) => value), [true, true]);
});

test("who of the others speaks is heard from what comes in", async () => {
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
  test(`without a microphone (${name}) one still listens`, async () => {
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

test("a listener who unmutes is asked for the microphone, and heard without new negotiation", async () => {
  await talk("grace");
  const ada = relay.enter("ada");
  ada.voice.listen();
  await relay.clock.pass(1_000);
  const offers = sent("offer");
  await Promise.all([ada.voice.setMuted(false), relay.clock.pass(1_000)]);
  assert.equal(ada.connection.sending, ada.media.tracks[0]);
  assert.deepEqual([sent("offer"), ada.voice.state.status, ada.voice.state.muted], [offers, "talking", false]);
});

test("another microphone takes the place of the first without new negotiation", async () => {
  const [ada] = await meet("ada", "grace");
  const offers = sent("offer");
  await Promise.all([ada.voice.useInput("headset"), relay.clock.pass(1_000)]);
  const [first, second] = ada.media.tracks;
  assert.deepEqual([first.stopped, second.stopped, second.enabled], [true, false, true]);
  assert.deepEqual([ada.connection.sending, ada.voice.state.input, sent("offer")], [second, "headset", offers]);
});

test("of two microphones that are chosen in haste the later one stays", async () => {
  const [ada] = await meet("ada", "grace");
  await Promise.all([ada.voice.useInput("headset"), ada.voice.useInput("mic"), relay.clock.pass(1_000)]);
  assert.deepEqual(ada.media.tracks.map(({ stopped }) => stopped), [true, true, false]);
  assert.equal(ada.voice.state.input, "mic");
});

test("a microphone that can't be had leaves the one before", async () => {
  const [ada] = await meet("ada", "grace");
  ada.media.refusal = new DOMException("In use", "NotReadableError");
  await assert.rejects(ada.voice.useInput("headset"), { code: "busy" });
  assert.deepEqual([ada.connection.sending, ada.voice.state.status], [ada.media.tracks[0], "talking"]);
});

test("when the microphone is pulled out, another one goes on", async () => {
  const [ada] = await meet("ada", "grace");
  ada.media.devices = ["headset"];
  ada.media.tracks[0].onended?.();
  ada.media.dispatchEvent(new Event("devicechange"));
  await relay.clock.pass(1_000);
  assert.equal(ada.connection.sending, ada.media.tracks[1]);
  assert.deepEqual(ada.voice.state.inputs.map(({ id }) => id), ["headset"]);
});

test("when the only microphone is pulled out, listening goes on and everybody sees it muted", async () => {
  const [ada] = await meet("ada", "grace");
  ada.media.refusal = new DOMException("None", "NotFoundError");
  ada.media.tracks[0].onended?.();
  await relay.clock.pass(1_000);
  const { status, muted, error } = ada.voice.state;
  assert.deepEqual([status, muted, /** @type {any} */ (error).code], ["listening", true, "missing"]);
  assert.deepEqual(ada.told.at(-1), { name: "muted", value: true });
  assert.equal(ada.connection.sending, null);
});

test("everybody has a volume, and all the loudspeaker that was chosen", async () => {
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

test("when the loudspeaker that was chosen is pulled out, the browser's own takes over", async () => {
  const [ada] = await meet("ada", "grace");
  await ada.voice.useOutput("speaker");
  ada.media.outputs = [];
  ada.media.dispatchEvent(new Event("devicechange"));
  await relay.clock.pass(0);
  assert.equal(ada.voice.state.output, "");
  assert.deepEqual(ada.audios.filter(({ srcObject }) => srcObject).map(({ sink }) => sink), [""]);
});

test("whom the loudspeaker that was chosen doesn't take is heard all the same", async () => {
  const ada = await talk("ada");
  await ada.voice.useOutput("speaker");
  ada.sinkRefusal = new DOMException("Gone", "NotFoundError");
  await talk("grace");
  assert(ada.audios.some(({ srcObject, played }) => srcObject && played));
  assert.equal(ada.voice.state.error, ada.sinkRefusal);
});

test("what the browser doesn't play before a click is played on one", async () => {
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

test("hanging up leaves nothing behind", async () => {
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

test("one can hang up while the browser still asks about the microphone", async () => {
  const ada = relay.enter("ada");
  const starting = ada.voice.start();
  ada.voice.stop();
  await starting;
  assert.deepEqual([ada.media.tracks[0].stopped, ada.voice.state.status, ada.told], [true, "off", []]);
});

test("after hanging up one can start again", async () => {
  const [ada] = await meet("ada", "grace");
  ada.voice.stop();
  await Promise.all([ada.voice.start(), relay.clock.pass(2_000)]);
  assert(relay.isMesh());
});

test("the end of the room is the end of voice", async () => {
  const [ada] = await meet("ada", "grace");
  ada.end();
  assert.deepEqual([ada.voice.state.status, ada.media.tracks[0].stopped], ["off", true]);
});

test("the state is told at once and when it changes, and is the same as long as nothing does", async () => {
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
