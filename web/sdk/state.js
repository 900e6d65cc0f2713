/** The state of a room as one value, and the functions that make the next state. */
import { change, isState, toParticipant } from "./participant.js";
import { applyToPeople, isAboutPeople } from "./people.js";
/** @import { Frame, Participant, RoomState } from "./public.js" */
/** @import { SnapshotData } from "./wire.js" */

/** @type {RoomState} */
export const EMPTY = {
  connection: "connecting",
  reason: null,
  retryAt: null,
  ended: null,
  room: null,
  you: null,
  participants: [],
  messages: [],
  hasEarlier: false,
  pending: [],
};

/** Take the state from a snapshot. Snapshots don't tell who is typing. */
export function applySnapshot(/** @type {RoomState} */ state, /** @type {SnapshotData} */ { room: { participants, ...room }, you }) {
  const typing = new Set(state.participants.filter((one) => one.is_typing).map((one) => one.id));
  return setParticipants({ ...state, room, you }, participants.map((one) => toParticipant(one, you.user_id, typing.has(one.id))));
}

/** Apply a frame. A frame that changes nothing returns the same state. */
export function applyFrame(/** @type {RoomState} */ state, /** @type {Frame} */ frame) {
  const { type, from, data } = frame;
  const { you } = state;
  let { room, participants } = state;
  if (!room) return state;
  if (isAboutPeople(type)) {
    const changed = applyToPeople(state, type, data);
    return setParticipants({ ...state, ...changed }, changed.participants);
  }
  if (type === "room_updated") room = { ...room, ...data };
  else if (type === "user_left") participants = participants.filter(({ id }) => id !== data.user_id);
  else if (type === "user_joined") {
    const joined = toParticipant(data.participant, you?.user_id);
    participants = [...participants.filter(({ id }) => id !== joined.id), joined];
  } else if (isState(type)) {
    const user = from ?? data.user_id;
    participants = participants.map((one) => (one.id === user ? change(one, type, { ...frame, ...data }) : one));
    if (participants.every((one, index) => one === state.participants[index])) return state;
  } else return state;
  return setParticipants({ ...state, room }, participants);
}

/** @returns {RoomState} */
function setParticipants(/** @type {RoomState} */ state, /** @type {readonly Participant[]} */ participants) {
  const room = state.room && Object.freeze({ ...state.room, participant_count: participants.length });
  return { ...state, room, participants: Object.freeze(participants) };
}
