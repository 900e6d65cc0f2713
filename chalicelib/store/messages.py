"""The `messages` table: a log for each room. The item with `seq` 0 is a log's head and holds `last_seq`."""

from dataclasses import dataclass

from pynamodb.exceptions import DoesNotExist

from chalicelib.records import Message
from chalicelib.store.guards import Receipt, claim
from chalicelib.store.tables import MessageRow
from chalicelib.times import Moment

_DAY_SECONDS = 86_400
_HEAD = 0
_ERASE_PAGE = 500


@dataclass(frozen=True, slots=True)
class Head:
    """How far a log has been numbered, and when the last number was given out."""

    last_seq: int
    allocated_at: Moment


def allocate(room_id: str, now: Moment) -> int:
    """Give out the room's next number. It is never given out again, used or not. 1 write unit."""
    answer = MessageRow._get_connection().update_item(
        room_id,
        str(_HEAD),
        actions=[MessageRow.last_seq.add(1), MessageRow.allocated_at.set(now)],
        return_values="UPDATED_NEW",
    )
    return int(answer["Attributes"]["last_seq"]["N"])


def head(room_id: str) -> Head:
    """How far the log goes, read eventually consistent. 0.5 read units."""
    try:
        row = MessageRow.get(room_id, _HEAD)
    except DoesNotExist:
        return Head(0, 0)
    return Head(int(row.last_seq), int(row.allocated_at))


def put(message: Message, retention_days: int) -> None:
    """Store a message at its number."""
    row_of(message, retention_days).save()


def put_once(message: Message, retention_days: int, receipt: Receipt) -> None:
    """Store a message with its receipt, both or neither.

    Raises:
        ClaimedError: the receipt exists: this message has been stored before.
    """
    row = row_of(message, retention_days)
    claim(receipt, row, message.created_at, room_id=message.room_id, seq=message.seq)


def get(room_id: str, seq: int) -> Message | None:
    """One message, or None where retention has taken it."""
    try:
        return MessageRow.get(room_id, seq, consistent_read=True).record()
    except DoesNotExist:
        return None


def newest(room_id: str, limit: int, *, after: int = 0, before: int | None = None) -> list[Message]:
    """The last `limit` messages above `after` and below `before`, oldest first."""
    return _query(room_id, after, before, limit, forward=False)[::-1]


def following(room_id: str, limit: int, *, after: int, before: int | None = None) -> list[Message]:
    """The first `limit` messages above `after` and below `before`, oldest first."""
    return _query(room_id, after, before, limit, forward=True)


def erase_some(room_id: str) -> bool:
    """Delete a page of a log; False once there is nothing left, head included."""
    keys = ["room_id", "seq"]
    rows = list(MessageRow.query(room_id, consistent_read=True, limit=_ERASE_PAGE, attributes_to_get=keys))
    with MessageRow.batch_write() as batch:
        for row in rows:
            batch.delete(row)
    return len(rows) == _ERASE_PAGE


def row_of(message: Message, retention_days: int) -> MessageRow:
    """The item that holds a message."""
    return MessageRow(
        message.room_id,
        message.seq,
        message_id=message.id,
        type=message.type,
        user_id=message.user_id,
        user=message.user,
        avatar=message.avatar,
        text=message.text,
        created_at=message.created_at,
        expires_at=message.created_at // 1000 + retention_days * _DAY_SECONDS,
    )


def _query(room_id: str, after: int, before: int | None, limit: int, *, forward: bool) -> list[Message]:
    if before is not None and before - after < 2:
        return []
    between = MessageRow.seq > after if before is None else MessageRow.seq.between(after + 1, before - 1)
    found = MessageRow.query(room_id, between, consistent_read=True, scan_index_forward=forward, limit=limit)
    return [row.record() for row in found]
