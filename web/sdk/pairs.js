/** The connections of this page to the pages of others. The frames of the room carry the signalling. */

import { createLimit, createTimers } from "./deps.js";
import { CoworkingError } from "./errors.js";
import { createSpeech } from "./levels.js";
import { isAudible } from "./participant.js";
import { createPeer, nextId } from "./peer.js";

/** @import { Pair, Player, Signal } from "./internal.js" */
/** @import { Frame, RoomState, VoiceDeps, VoiceRoom } from "./public.js" */

const WINDOW_MS = 10_000;
/** A user may have five connections. */
const MAX_PAGES = 5;
const MAX_PAIRS = 60;

/**
 * @param {VoiceRoom} room
 * @param {RTCConfiguration | undefined} rtc
 * @param {VoiceDeps} deps
 * @param {{change: () => void, fail: (error: unknown) => void, player: (userId: string) => Player}} on
 */
export function createPairs(room, rtc, deps, on) {
  const timers = createTimers(deps);
  const pairs = /** @type {Map<string, Pair>} */ (new Map());
  /** Users who sent something before the room showed their seat. */
  const early = /** @type {Set<string>} */ (new Set());
  // This page answers frames of others with frames and connections. These limits bound them in each window.
  const mayAnswer = createLimit(deps, 3, WINDOW_MS);
  const mayAddFirst = createLimit(deps, 1, WINDOW_MS);
  const mayAdd = createLimit(deps, MAX_PAGES, WINDOW_MS);
  const mayAddAny = createLimit(deps, MAX_PAIRS, WINDOW_MS);
  const maySend = createLimit(deps, 150, WINDOW_MS); // the service allows 200
  /** The name of this page for other pages. */
  let ownPage = "";
  let track = /** @type {MediaStreamTrack | null} */ (null);

  const findPairs = (/** @type {string} */ userId) => [...pairs.values()].filter((pair) => pair.userId === userId);
  const findParticipant = (/** @type {string} */ userId) => room.state.participants.find(({ id }) => id === userId);

  /** Greet all other pages: they connect to this page. Repeat the greeting if participants do not react. */
  function greet(times = 3) {
    room.send("voice", { page: ownPage, n: nextId() });
    const isMissing = () => room.state.participants.some((one) => one.is_online && !one.is_you && !findPairs(one.id).length);
    if (times > 1) timers.set("greet", 4_000, () => isMissing() && greet(times - 1));
  }

  /** Greet once, and soon: others may be the reason, so they get one greeting together. */
  function scheduleGreeting() {
    if (!timers.has("greet")) timers.set("greet", 4_000, () => greet(1));
  }

  /** @param {Frame} frame */
  function receive({ type, from, connection, data }) {
    if (!from || !connection || from === room.state.you?.user_id) return;
    if (type === "user-left") return onUnreachable(from, connection);
    if (typeof data?.page !== "string") return;
    if (!findParticipant(from)) return void (early.size < MAX_PAIRS && early.add(from));
    const { page, n, session = 0, peer = 0, bye, ...signal } = data;
    const key = JSON.stringify([from, page]);
    if (bye) return remove(key);
    const old = pairs.get(key);
    if (old && session && session < old.remoteSession) return; // a frame of an attempt that they have given up
    if (old?.peer.hasAnswered() && session > old.remoteSession) remove(key);
    const pair = pairs.get(key) ?? add(key, from, page);
    if (!pair) return;
    if (n > pair.n) {
      Object.assign(pair, { n, connection });
      pair.peer.isUnreachable = false;
    }
    pair.remoteSession = session || pair.remoteSession;
    const isOurs = session && (!peer || peer === pair.session);
    const isReply = isOurs && (signal.candidates || signal.description?.type === "answer");
    if (!isReply && !mayAnswer(key)) return;
    if (isOurs) return pair.peer.receive(signal);
    if (session) return pair.peer.resendOffer();
    pair.peer.retry();
    if (pair.peer.hasAnswered()) send(pair, { candidates: [] }); // they learn our new connection from it
  }

  /** Free a connection if all are in use: a user with several gives one up. Returns true if there is one now. */
  function makeRoom() {
    if (pairs.size < MAX_PAIRS) return true;
    const surplus = [...pairs.values()].findLast((pair) => findPairs(pair.userId).length > 1);
    if (surplus) remove(surplus.key);
    return Boolean(surplus);
  }

  /** Connect to a page, unless its user has too many pages. @param {string} key @param {string} userId @param {string} page */
  function add(key, userId, page) {
    const count = findPairs(userId).length;
    if (count >= MAX_PAGES || (count > 0 && pairs.size >= MAX_PAIRS)) return null;
    if (!mayAddFirst(userId) && !(mayAdd(userId) && mayAddAny())) return null;
    if (!makeRoom()) return null;
    let pc;
    try {
      pc = deps.connection(rtc);
    } catch (error) {
      on.fail(error); // too many connections, or wrong options
      return null;
    }
    const player = on.player(userId);
    const peer = createPeer(pc, {
      polite: ownPage < page,
      track,
      deps,
      on: {
        signal: (signal) => send(pair, signal),
        track: player.start,
        change: on.change,
        end(error) {
          remove(key);
          if (error) on.fail(error);
          else scheduleGreeting();
        },
      },
    });
    const pair = /** @type {Pair} */ ({ key, userId, connection: "", n: 0, session: nextId(), remoteSession: 0, peer, player, speech: createSpeech() });
    pairs.set(key, pair);
    listenTo(pair);
    return pair;
  }

  /** A muted user is not heard, even if their page sends sound. @param {Pair} pair */
  function listenTo({ userId, player, speech }) {
    const participant = findParticipant(userId);
    player.setAudible(participant !== undefined && isAudible(participant));
    if (!player.isAudible) speech.speaking = false;
  }

  /** Send a signal. It may get lost: peers and greetings repeat themselves. @param {Pair} pair @param {Signal} signal */
  async function send({ userId, connection, session, remoteSession }, signal) {
    if (!maySend()) return;
    const data = { page: ownPage, n: nextId(), session, peer: remoteSession, ...signal };
    try {
      await room.request(signal.description?.type ?? "ice-candidate", data, { to: connection });
    } catch (error) {
      if (!(error instanceof CoworkingError)) throw error;
      if (error.code === "peer_unavailable") onUnreachable(userId, connection);
    }
  }

  /** A connection to the room is gone. Keep the pair as long as its sound arrives. @param {string} userId @param {string} connection */
  function onUnreachable(userId, connection) {
    for (const pair of findPairs(userId)) {
      if (pair.connection !== connection) continue;
      pair.peer.isUnreachable = true;
      if (pair.peer.state !== "connected") remove(pair.key);
    }
  }

  /** @param {string} key */
  function remove(key) {
    const pair = pairs.get(key);
    if (!pair) return;
    pairs.delete(key);
    pair.peer.close();
    pair.player.stop();
    on.change();
  }

  return {
    receive,
    greet,

    /** The name of this page; "" while voice is off. */
    get page() {
      return ownPage;
    },

    /** The pairs, as applications see them. */
    list: () =>
      [...pairs.values()].map(({ userId, connection: connectionId, peer: { state }, speech: { speaking } }) => ({ userId, connectionId, state, speaking })),

    /** @param {string} page */
    start(page) {
      ownPage = page;
    },

    /** Hang up. */
    stop() {
      room.send("voice", { page: ownPage, n: nextId(), bye: true });
      for (const key of pairs.keys()) remove(key);
      timers.clear();
      early.clear();
      ownPage = "";
    },

    /** The room has other participants, or they have changed. @param {Pick<RoomState, "participants">} state */
    update({ participants }) {
      const seats = new Set(participants.map(({ id }) => id));
      for (const pair of pairs.values()) {
        if (seats.has(pair.userId)) listenTo(pair);
        else remove(pair.key);
      }
      for (const userId of early) if (seats.has(userId) && early.delete(userId)) scheduleGreeting();
    },

    /** Send this sound to all. @param {MediaStreamTrack | null} next */
    setTrack(next) {
      track = next;
      for (const { peer } of pairs.values()) peer.setTrack(track);
    },

    /** Find out who is speaking. @param {number} now */
    measure(now) {
      for (const { peer, player, speech } of pairs.values()) if (player.isAudible) speech.update(peer.getLevel(), now);
    },
  };
}
