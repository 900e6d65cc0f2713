/** The microphone of this page, and how loud it is. */

import { CoworkingError } from "./errors.js";
import { measureLevel } from "./levels.js";

/** @import { VoiceDeps } from "./public.js" */

/** The microphone can't be used. `code` is `denied`, `missing`, `busy` or `unsupported`. */
export class MicrophoneError extends CoworkingError {
  /** The name of the class. */
  name = "MicrophoneError";

  /** @param {any} cause */
  constructor(cause) {
    const code = /NotFound|Overconstrained/.test(cause.name) ? "missing" : /NotReadable|Abort/.test(cause.name) ? "busy"
      : cause.name === "NotSupportedError" ? "unsupported" : "denied";
    super({ code }, { cause });
  }
}

/**
 * @param {VoiceDeps} deps
 * @param {MediaTrackConstraints | undefined} constraints
 * @param {{fail: (error: unknown) => void, ended: () => void}} on
 */
export function createMicrophone(deps, constraints, on) {
  let track = /** @type {MediaStreamTrack | null} */ (null);
  let context = /** @type {AudioContext | undefined} */ (undefined);
  let meter = /** @type {ReturnType<typeof createMeter> | null} */ (null);
  /** Counts requests for a microphone: only the newest one counts. */
  let requests = 0;

  /** @param {MediaTrackConstraints} audio */
  async function request(audio) {
    try {
      return await /** @type {MediaDevices} */ (deps.media).getUserMedia({ audio });
    } catch (cause) {
      throw new MicrophoneError(cause);
    }
  }

  /** Measure a stream. A microphone works without a meter, too. @param {MediaStream} stream */
  function startMeter(stream) {
    meter?.stop();
    meter = null;
    try {
      context ??= deps.context();
      meter = createMeter(context, stream);
    } catch (cause) {
      on.fail(new CoworkingError({ code: "no_meter" }, { cause }));
    }
  }

  return {
    get track() {
      return track;
    },

    get isSuspended() {
      return context?.state === "suspended";
    },

    /**
     * Open a microphone. Returns false if another request or `close` came in between.
     * @param {string | undefined} id
     * @throws {MicrophoneError}
     */
    async open(id) {
      const number = ++requests;
      const stream = await request({ ...constraints, ...(id && { deviceId: { exact: id } }) });
      const [opened] = stream.getAudioTracks();
      if (number !== requests) {
        opened.stop();
        return false;
      }
      track?.stop();
      track = opened;
      track.onended = on.ended;
      startMeter(stream);
      return true;
    },

    /** Drop the requests that the browser has not answered. */
    cancel() {
      requests++;
    },

    /** The track has ended. */
    forget() {
      track = null;
    },

    resume: async () => context?.resume(),

    /** How loud it is, 0 to 1. */
    getLevel: () => meter?.getLevel() ?? 0,

    close() {
      requests++;
      track?.stop();
      track = null;
      context?.close().catch(on.fail);
      context = undefined;
      meter = null;
    },
  };
}

/** @param {AudioContext} context @param {MediaStream} stream */
function createMeter(context, stream) {
  const samples = new Float32Array(2048);
  const analyser = context.createAnalyser();
  const source = context.createMediaStreamSource(stream);
  source.connect(analyser);
  return {
    getLevel() {
      analyser.getFloatTimeDomainData(samples);
      return measureLevel(samples);
    },
    stop: () => source.disconnect(),
  };
}
