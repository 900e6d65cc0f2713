"""What a client has of a room's log, by the rules of the WebSocket reference: messages, and events that change them."""

from collections.abc import Iterable
from typing import Any

from chalicelib.log.schemas import Original, Reaction, RoomMessage

Frame = dict[str, Any]
FOLDED = ("message_edited", "reactions_changed")
"""Events that a snapshot leaves out, if it has the changed message."""
_EXCERPT = 100


class View:
    """A client's copy of a log. `contiguous`: the client has all entries up to this number."""

    def __init__(self, user_id: str) -> None:
        self.kept: dict[int, RoomMessage | Frame] = {}
        """Messages as they came, and the frames of events, by number."""
        self.contiguous = 0
        self.start: int | None = None
        """The number of the first snapshot: it has messages up to there, and no events."""
        self._user_id = user_id
        self._known: dict[tuple[int, str], int] = {}
        """For a message of a snapshot and a kind of event: the message has the changes up to this number."""

    def keep(self, frame: Frame) -> str:
        """Keep an entry, if it is new. Returns what it was, for the report."""
        seq, entry = frame["seq"], read_entry(frame)
        if seq in self.kept:
            assert identity(self.kept[seq]) == identity(entry), f"two entries have the number {seq}"
            return "repetitions dropped"
        if seq <= self.contiguous:
            return "entries too late"
        self.kept[seq] = entry
        self._advance()
        return "entries kept"

    def take_snapshot(self, messages: Iterable[Frame], events: Iterable[Frame], last_seq: int) -> None:
        """Take what a snapshot has. Its messages are as they are now, without the changes in `events`."""
        if self.start is not None and last_seq <= self.contiguous:
            return
        events, known = list(events), dict[tuple[int, str], int]()
        for message in map(RoomMessage.model_validate, messages):
            self.kept[message.seq] = message
            known |= {(message.seq, kind): last_seq for kind in FOLDED}
        for event in reversed(events):
            self.keep(event)
            if (change := (event["data"].get("target_seq"), event["type"])) in known:
                known[change] = event["seq"] - 1
        self._known |= known
        self.reach(last_seq)

    def reach(self, last_seq: int) -> None:
        """Note that nothing is missing up to this number."""
        self.start = last_seq if self.start is None else self.start
        self.contiguous = max(self.contiguous, last_seq)
        self._advance()

    def is_missing_some(self) -> bool:
        """True if there is an entry after a number that is missing."""
        return max(self.kept, default=0) > self.contiguous

    def list_events(self) -> dict[int, Frame]:
        return {seq: one for seq, one in self.kept.items() if isinstance(one, dict) and one["type"] != "seq_unused"}

    def fold(self) -> dict[int, RoomMessage]:
        """The messages as they are now."""
        messages = {seq: one for seq, one in self.kept.items() if isinstance(one, RoomMessage)}
        for seq, event in sorted(self.list_events().items()):
            target = event["data"].get("target_seq")
            if target in messages and seq > self._known.get((target, event["type"]), 0):
                messages[target] = self._change(messages[target], event)
        return {seq: _resolve(one, messages) for seq, one in messages.items()}

    def _change(self, message: RoomMessage, event: Frame) -> RoomMessage:
        data = event["data"]
        if event["type"] == "message_edited":
            return message.model_copy(update={name: data[name] for name in ("text", "edited_at", "mentions")})
        reactions = {one.emoji: one for one in message.reactions}
        before = reactions.pop(data["emoji"], None)
        if data["count"]:
            me = data["on"] if data["user_id"] == self._user_id else bool(before and before.me)
            reactions[data["emoji"]] = Reaction(emoji=data["emoji"], count=data["count"], me=me)
        ordered = sorted(reactions.values(), key=lambda one: (-one.count, one.emoji))
        return message.model_copy(update={"reactions": ordered})

    def _advance(self) -> None:
        while self.contiguous + 1 in self.kept:
            self.contiguous += 1


def read_entry(frame: Frame) -> RoomMessage | Frame:
    """The message that a frame tells, or the frame of an event."""
    data = frame.get("data", {})
    if frame["type"] in ("message_sent", "emoji_reaction"):
        return RoomMessage.model_validate(data)
    if frame["type"] in ("user_joined", "user_left"):
        return RoomMessage.model_validate(data["message"])
    return {"type": frame["type"], "from": frame.get("from"), "data": data}


def identity(entry: RoomMessage | Frame) -> object:
    """What never changes of an entry. The log shows an edit with the present text."""
    if isinstance(entry, RoomMessage):
        return entry.id
    return entry | {"data": {**entry["data"], "text": None, "edited_at": None, "mentions": None}}


def key_of(kind: str, user_id: str | None, data: Frame) -> tuple[object, ...]:
    """What an event did, without its number: each act has its own."""
    return (kind, user_id, *(data.get(name) for name in ("target_seq", "emoji", "action", "user_id", "role")))


def _resolve(message: RoomMessage, messages: dict[int, RoomMessage]) -> RoomMessage:
    """The message with its original as it is now."""
    original = messages.get(message.reply_to.seq) if message.reply_to else None
    if original is None:
        return message
    shown = Original(seq=original.seq, user=original.user, text=original.text[:_EXCERPT])
    return message.model_copy(update={"reply_to": shown})
