/** Whether the user has agreed to be heard. The room and a long absence end it; only the user gives it again. */

import { NetworkError } from "./errors.js";
import { nextId } from "./peer.js";

/** @import { Participant, VoiceFacts } from "./public.js" */

/** The service keeps a seat without a connection for this time. After it, the user is muted. */
const GRACE_MS = 20_000;

/** @param {Pick<VoiceFacts, "muteReason">} facts `muteReason` is kept here @param {() => number} now */
export function createConsent(facts, now) {
  /** Muted here, and muted in the room. The user is heard if both are false. */
  let isMuted = true;
  let isMutedInRoom = true;
  /** A moderator has muted the user. */
  let isModerated = false;
  /** The number of the unmuting that the room has not confirmed, or 0. */
  let wish = 0;
  /** The last time at which the page was in the room. */
  let presentAt = 0;

  /** @param {NonNullable<VoiceFacts["muteReason"]>} reason */
  function forget(reason) {
    isMuted = true;
    facts.muteReason = reason;
  }

  const consent = {
    get isMuted() {
      return isMuted || isMutedInRoom;
    },

    /** The user has agreed, whatever the room shows. */
    get isGiven() {
      return !isMuted;
    },

    /** The room has not confirmed it yet. */
    get isAsked() {
      return wish > 0;
    },

    get muteReason() {
      return isModerated ? "moderator" : facts.muteReason;
    },

    /** The page is in the room now. */
    attend() {
      presentAt = now();
    },

    /** The user mutes. */
    withdraw() {
      wish = 0;
      isMuted = true;
      facts.muteReason = null;
    },

    /** The user unmutes. `confirm` asks for a microphone, and tells the room when it calls `give`. @param {(give: () => boolean) => Promise<void>} confirm */
    async ask(confirm) {
      const own = (wish = nextId());
      facts.muteReason = null;
      const give = () => {
        if (own !== wish) return false;
        isMuted = false;
        consent.attend();
        return true;
      };
      try {
        await confirm(give);
      } catch (error) {
        if (own === wish) isMuted = true;
        if (own === wish && error instanceof NetworkError) facts.muteReason = "unconfirmed";
        throw error;
      } finally {
        if (own === wish) wish = 0;
      }
    },

    /** The room shows the user, or no longer. `isNew`: on a new connection. @param {Participant | undefined} own @param {boolean} isNew */
    observe(own, isNew) {
      const wasMuted = isMutedInRoom;
      isMutedInRoom = own?.is_muted ?? true;
      isModerated = Boolean(own?.muted_by);
      if (isMutedInRoom && !wasMuted && !isMuted && !wish) forget(isNew || !own ? "away" : "elsewhere");
    },

    /** Returns true if the user was out of the room for too long: the earlier consent no longer counts. @param {boolean} isLive */
    lapse(isLive) {
      const isLate = !isMuted && now() - presentAt > GRACE_MS;
      if (isLate) forget("away");
      if (isLive) consent.attend();
      return isLate;
    },
  };
  return consent;
}
