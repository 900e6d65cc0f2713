/** What roles and moderation change of a room and its participants. */
/** @import { Frame, Participant, RoomState } from "./public.js" */

/** @typedef {Pick<RoomState, "room" | "you" | "participants">} People */
/** @typedef {{action: string, user_id?: string | null, by?: string | null, seconds?: number | null}} Moderated */

const muted = (/** @type {string | null | undefined} */ by) => ({ is_muted: true, is_speaking: false, muted_by: by ?? "a moderator" });

/** Change the participants for whom `applies` is true. @returns {People} */
function changeAll(/** @type {People} */ people, /** @type {(one: Participant) => boolean} */ applies, /** @type {Partial<Participant>} */ change) {
  return { ...people, participants: people.participants.map((one) => (applies(one) ? Object.freeze({ ...one, ...change }) : one)) };
}

/** @returns {People} */
const changeRoom = (/** @type {People} */ people, /** @type {{is_locked?: boolean, slow_seconds?: number}} */ change) =>
  ({ ...people, room: people.room && { ...people.room, ...change } });

/** What each act of a moderator changes. Others, such as `kick`, come with a frame of their own. @type {Record<string, (people: People, data: Moderated) => People>} */
const ACTS = {
  mute: (people, { user_id, by }) => changeAll(people, ({ id }) => id === user_id, muted(by)),
  unmute: (people, { user_id }) => changeAll(people, ({ id }) => id === user_id, { muted_by: null }),
  mute_all: (people, { by }) => changeAll(people, ({ id, role, muted_by }) => id !== by && role === "member" && !muted_by, muted(by)),
  lock: (people) => changeRoom(people, { is_locked: true }),
  unlock: (people) => changeRoom(people, { is_locked: false }),
  slow: (people, { seconds }) => changeRoom(people, { slow_seconds: seconds ?? 0 }),
};

/** @type {Record<string, (people: People, data: any) => People>} */
const CHANGES = {
  member_moderated: (people, data) => (Object.hasOwn(ACTS, data.action) ? ACTS[data.action](people, data) : people),
  role_changed(people, { user_id, role }) {
    const { you } = people;
    return changeAll({ ...people, you: you?.user_id === user_id ? /** @type {any} */ ({ ...you, role }) : you }, ({ id }) => id === user_id, { role: role ?? "member" });
  },
};

/** Whether frames of this type are about roles or moderation. */
export const isAboutPeople = (/** @type {string} */ type) => Object.hasOwn(CHANGES, type);

/** Apply such a frame. */
export const applyToPeople = (/** @type {People} */ people, /** @type {string} */ type, /** @type {any} */ data) => CHANGES[type](people, data);

/** Whether a frame changes what the user may do: only a snapshot tells what that is. */
export const changesRights = (/** @type {Frame | undefined} */ frame, /** @type {RoomState["you"]} */ you) =>
  frame?.type === "role_changed" && frame.data.user_id === you?.user_id;

/** Whether a frame mutes somebody: it counts as soon as it comes, also before its turn in the log. */
export const isMute = (/** @type {Frame} */ { type, data }) => type === "member_moderated" && /^mute/.test(data.action);
