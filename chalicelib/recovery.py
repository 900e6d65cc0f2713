"""What a client missed: the part of a room's log that makes it whole again, or the honest answer that it can't."""

from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.records import Message, Room
from chalicelib.store import messages
from chalicelib.store.messages import Head
from chalicelib.times import Moment

RECOVERABLE = 300
SHOWN = 50
SETTLED_MS = 60_000
"""A number still unused after this is never used: whoever took it has run into a function's 29 s timeout,
and whoever dates its age may have taken as long."""
_DAY_MS = 86_400_000


@dataclass(frozen=True)
class Recovery:
    """Messages in order; up to `last_seq` nothing can be missing any more."""

    messages: list[Message]
    recovered: bool
    last_seq: int

    def lacking_some(self) -> "Recovery":
        """The same where it turns out that it isn't all."""
        return Recovery(self.messages[-SHOWN:], False, self.last_seq)


def recover(room_id: str, last_seq: int | None, now: Moment) -> Recovery:
    """Every message after `last_seq` if that is at most 300, else the last 50."""
    # The head first: what it counts is either in the log that is read next, or on its way.
    head = messages.head(room_id)
    if last_seq is not None and _is_in_log(room_id, last_seq, head):
        found = messages.following(room_id, RECOVERABLE + 1, after=last_seq)
        if len(found) <= RECOVERABLE:
            return Recovery(found, True, settled_seq(last_seq, found, head, now))
    shown = messages.newest(room_id, SHOWN)
    start = shown[0].seq - 1 if len(shown) == SHOWN else 0
    return Recovery(shown, False, settled_seq(start, shown, head, now))


def _is_in_log(room_id: str, seq: int, head: Head) -> bool:
    """Whether a client can have come that far. One that is further than the log, since that was restored to an
    earlier state, would take all that comes for old."""
    return seq <= head.last_seq or messages.get(room_id, seq) is not None


def settled_seq(after: int, found: Sequence[Message], head: Head, now: Moment) -> int:
    """The number up to which the log is final, given all messages found above `after`.

    Messages are numbered before they are stored, so that one may still turn up below others. A number that
    nobody used for a minute is skipped for good.
    """
    settled = after
    final_below = max((m.seq for m in found if m.created_at <= now - SETTLED_MS), default=0)
    for message in found:
        if message.seq > settled + 1 and message.seq > final_below:
            return settled
        settled = message.seq
    if head.last_seq > settled and head.allocated_at <= now - SETTLED_MS:
        return head.last_seq
    return settled


def could_lack_some(room: Room, last_seq: int | None, missed: Recovery, retention_days: int, now: Moment) -> bool:
    """Whether retention may have taken messages after `last_seq`.

    It takes those that are due within days and in no order. What follows a message that isn't due isn't due either.
    """
    due = now - retention_days * _DAY_MS
    if last_seq is None or room.created_at > due:
        return False
    contiguous = last_seq
    for message in missed.messages:
        if message.seq != contiguous + 1:
            break
        if message.created_at > due:
            return False
        contiguous = message.seq
    before = messages.newest(room.id, 1, before=contiguous + 1)
    return not before or before[0].created_at <= due
