/** Plays the sound of others: one audio element for each page. */

/** @import { Player } from "./internal.js" */
/** @import { AudioLike, VoiceDeps, VoiceFacts } from "./public.js" */

/**
 * @param {VoiceDeps} deps
 * @param {VoiceFacts} facts `blocked` and `output` are kept here
 * @param {{change: () => void, fail: (error: unknown) => void}} on
 */
export function createPlayback(deps, facts, on) {
  const volumes = /** @type {Map<string, number>} */ (new Map());
  const players = /** @type {Map<Player, AudioLike>} */ (new Map());

  /** @param {AudioLike} audio */
  async function play(audio) {
    try {
      await audio.play();
    } catch (error) {
      const { name } = /** @type {Error} */ (error);
      if (name === "NotAllowedError") facts.blocked = true;
      else if (name !== "AbortError") on.fail(error); // AbortError: the other page hung up in between
      on.change();
    }
  }

  return {
    /** A player for the sound of a user's page. It is silent until the user may be heard. @param {string} userId */
    add(userId) {
      const audio = deps.audio();
      let track = /** @type {MediaStreamTrack | null} */ (null);
      audio.volume = volumes.get(userId) ?? 1;

      /** @type {Player} */
      const player = {
        userId,
        isAudible: false,

        start(next) {
          track = next;
          player.setAudible(player.isAudible);
          audio.srcObject = deps.stream(track);
          if (facts.output) audio.setSinkId?.(facts.output).catch(on.fail);
          play(audio);
        },

        setAudible(isAudible) {
          player.isAudible = isAudible;
          if (track) track.enabled = isAudible;
        },

        stop() {
          players.delete(player);
          audio.srcObject = null;
        },
      };
      players.set(player, audio);
      return player;
    },

    /** @param {string} userId @param {number} volume */
    setVolume(userId, volume) {
      volumes.set(userId, volume);
      for (const [player, audio] of players) if (player.userId === userId) audio.volume = volume;
    },

    /** Use another loudspeaker. @param {string} id */
    async useOutput(id) {
      facts.output = id;
      await Promise.all([...players.values()].map((audio) => audio.setSinkId?.(id)));
    },

    /** Play what the browser has blocked. */
    async resume() {
      facts.blocked = false;
      await Promise.all([...players.values()].map(play));
    },
  };
}
