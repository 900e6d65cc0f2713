/** The messages of a room: how to send, change, react to, read and load them. */
import { createTimers, requireType } from "./deps.js";
import { CoworkingError } from "./errors.js";
/** @import { Log } from "./log.js" */
/** @import { createModel } from "./model.js" */
/** @import { Api, Deps, Pending, Room, SayOptions } from "./public.js" */
/** @import { createSocket } from "./socket.js" */
/** @import { RoomMessage } from "./wire.js" */

/**
 * @param {{api: Api, id: string, deps: Deps, log: Log, model: ReturnType<typeof createModel>, socket: ReturnType<typeof createSocket>}} room
 */
export function createMessages({ api, id, deps, log, model, socket }) {
  /** The service ignores what comes within ten seconds. The network may shorten a pause. */
  const READ_MS = 11_000;
  const { store, drafts, set } = model;
  const timers = createTimers(deps);
  let earlier = /** @type {Promise<boolean> | null} */ (null);
  /** The numbers up to which the user has read, here and as far as the service was told. */
  let read = 0;
  let told = 0;

  const toData = (/** @type {SayOptions} */ { replyTo: reply_to, mentions }) => ({ reply_to, mentions });

  /** @returns {Promise<RoomMessage>} */
  async function send(/** @type {Pending["kind"]} */ kind, /** @type {string} */ text, /** @type {SayOptions} */ options, key = deps.uuid()) {
    requireType("string", kind, text);
    const draft = drafts.set({ key, text, kind, status: "sending", ...options });
    set();
    const frame = kind === "text" ? { type: "message", data: { text, ...toData(options) } } : { type: "emoji", data: { emoji: text } };
    try {
      const message = await socket.request(frame, { repeat: true, queue: "chat" }, key);
      draft.seq = message.seq;
      return message;
    } catch (error) {
      drafts.set({ ...draft, status: "failed" });
      throw error;
    } finally {
      set();
    }
  }

  /** Change a message. A newer request of the same kind for the same thing replaces the one that waits. */
  async function change(/** @type {string} */ type, /** @type {{seq: number, [field: string]: unknown}} */ data, about = "") {
    requireType("number", "seq", data.seq);
    return socket.request({ type, data }, { repeat: true, queue: `${data.seq} ${about}`, latest: true });
  }

  async function loadEarlier() {
    const [first] = log.messages;
    if (!first || !store.value.hasEarlier) return false;
    const asOf = log.contiguousSeq ?? 0;
    const { messages, has_more } = await api.history(id, { beforeSeq: first.seq, limit: 50 });
    if (log.messages[0]?.seq !== first.seq) return store.value.hasEarlier; // in between, a snapshot has replaced the log
    log.prepend(messages, asOf);
    set({ hasEarlier: has_more });
    return has_more;
  }

  /** Tell the service how far the user has read: now, or when eleven seconds have passed since the last time. */
  function tellRead() {
    if (read <= told) return;
    if (socket.send({ type: "read", data: { seq: read } })) told = read;
    timers.set("read", READ_MS, tellRead);
  }

  return {
    /** Tell at once how far the user has read, if there is a connection: the room ends, or the page is closed. */
    end() {
      tellRead();
      timers.clear();
    },

    /** @type {Pick<Room, "say" | "react" | "retry" | "discard" | "editMessage" | "deleteMessage" | "reactTo" | "markRead" | "loadEarlier">} */
    methods: {
      say: (text, { replyTo, mentions } = {}) => send("text", text, { replyTo, mentions }),
      react: (emoji) => send("emoji", emoji, {}),
      async retry(key) {
        const { kind, text, replyTo, mentions } = drafts.getFailed(key) ?? {};
        if (!kind || !text) throw new CoworkingError({ code: "unknown_key" });
        return send(kind, text, { replyTo, mentions }, key);
      },
      discard(key) {
        drafts.discard(key);
        set();
      },
      async editMessage(seq, text, { mentions } = {}) {
        requireType("string", "text", text);
        return change("edit", { seq, text, mentions });
      },
      async deleteMessage(seq) {
        requireType("number", "seq", seq);
        await api.deleteMessage(id, seq); // a connection does not tell the service who is an administrator
      },
      async reactTo(seq, emoji, on = true) {
        requireType("string", "emoji", emoji);
        return change("react", { seq, emoji, on }, emoji);
      },
      markRead(seq = log.messages.at(-1)?.seq ?? 0) {
        requireType("number", "seq", seq);
        read = Math.max(read, seq);
        if (!timers.has("read")) tellRead();
      },
      loadEarlier: () => (earlier ??= loadEarlier().finally(() => (earlier = null))),
    },
  };
}
