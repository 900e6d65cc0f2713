/** The changing fields of a participant: how a client sets its own, and how a frame changes somebody's. */
/** @import { Frame, Participant } from "./public.js" */
/** @import { ParticipantView } from "./wire.js" */

export const muted = (/** @type {boolean} */ is_muted) => ({ is_muted });
export const speaking = (/** @type {boolean} */ is_speaking) => ({ is_speaking });
export const typing = (/** @type {unknown} */ is_typing) => ({ is_typing: is_typing === true });

/** Whether a participant may be heard: unmuted, and not muted by a moderator. */
export const isAudible = (/** @type {ParticipantView} */ { is_muted, muted_by }) => !is_muted && !muted_by;

/** The changes of a user that a frame reports, by the type of the frame. @type {Record<string, (data: any) => Partial<Participant>>} */
const CHANGES = {
  message_sent: () => typing(false),
  typing: ({ is_typing }) => typing(is_typing),
  mic_toggled: ({ is_muted }) => ({ is_muted, ...(is_muted && speaking(false)) }),
  speaking_changed: ({ is_speaking }) => ({ is_speaking }),
  presence_changed: ({ is_online }) => ({ is_online, ...(is_online || { ...speaking(false), ...typing(false) }) }),
};

/** Whether frames of this type tell the present state of a participant or of the room. */
export const isState = (/** @type {string} */ type) => type === "room_updated" || Object.hasOwn(CHANGES, type);

/** Whether a frame shows a muted participant speaking, which the service allows nobody. @param {Frame} frame @param {readonly Participant[]} participants */
export const speaksMuted = ({ type, data }, participants) =>
  type === "speaking_changed" && data.is_speaking && participants.some(({ id, is_muted }) => id === data.user_id && is_muted);

/** Apply a frame's data to a participant. Returns the same object if nothing changes. @returns {Participant} */
export function change(/** @type {Participant} */ participant, /** @type {string} */ type, /** @type {object} */ data) {
  const changed = { ...participant, ...CHANGES[type](data) };
  const names = /** @type {(keyof Participant)[]} */ (Object.keys(changed));
  return names.some((name) => changed[name] !== participant[name]) ? Object.freeze(changed) : participant;
}

/** A participant as applications see it. @returns {Participant} */
export const toParticipant = (/** @type {ParticipantView} */ view, /** @type {string | undefined} */ you, isTyping = false) =>
  Object.freeze({ ...view, is_you: view.id === you, ...typing(isTyping) });
