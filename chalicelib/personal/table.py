"""The `personal` table: how far a user has read the log of each room."""

from collections.abc import Iterable
from dataclasses import dataclass

from pynamodb.expressions.update import Action

from chalicelib.kernel.times import Moment
from chalicelib.store import Condition, Store, Table, Update

MENTION_UNITS = 3
_PREFIX = "room#"
_KEPT_SECONDS = 400 * 86_400
_MOST_MARKERS = 1_000


@dataclass(frozen=True, slots=True)
class ReadMarker:
    """How far a user has read the log of a room. It is also the note that the user was in the room.

    A user who was mentioned and never came has a row without `read_seq` and `visited_at`.
    """

    user_id: str
    kind_id: str
    room_id: str
    read_seq: int | None = None
    """The user has read everything up to this number."""
    read_n: int | None = None
    """How many text messages the log had up to there."""
    mentions_n: int | None = None
    """How often the user was mentioned."""
    mentions_read: int | None = None
    mentioned_seq: int | None = None
    """The number of the last entry that mentions the user."""
    visited_at: Moment | None = None
    """When the user last read something, or gave up a seat."""


MARKERS = Table("personal", ReadMarker, also={"expires_at": int})


def marker_key(user_id: str, room_id: str) -> tuple[str, str]:
    """The key of a user's marker in a room."""
    return user_id, f"{_PREFIX}{room_id}"


def get_marker(store: Store, user_id: str, room_id: str) -> ReadMarker:
    """The marker of a user in a room, empty if there is none. 0.5 read units."""
    key = marker_key(user_id, room_id)
    return store.get(MARKERS, key, consistent=False) or ReadMarker(*key, room_id)


def list_markers(store: Store, user_id: str) -> list[ReadMarker]:
    """The markers of a user, in any order, at most 1,000. 0.5 read units for some 20 of them."""
    return list(store.query(MARKERS, user_id, MARKERS.kind_id.startswith(_PREFIX), limit=_MOST_MARKERS))


def move_marker(store: Store, user_id: str, room_id: str, seq: int, chat_n: int, now: Moment) -> None:
    """Note that a user has read everything up to a number. A marker never moves back. 1 write unit.

    The mentions count as read, unless an entry above this number mentions the user: that costs another unit.
    """
    key, actions = marker_key(user_id, room_id), [*_visit(room_id, now), *_read(seq, chat_n)]
    read_mentions = MARKERS.mentions_read.set(MARKERS.mentions_n | 0)
    is_last = MARKERS.mentioned_seq.does_not_exist() | (MARKERS.mentioned_seq <= seq)
    if store.update(MARKERS, key, [*actions, read_mentions], _is_below(seq) & is_last, returns="ALL_NEW") is None:
        store.update(MARKERS, key, actions, _is_below(seq))


def keep_marker(store: Store, user_id: str, room_id: str, seq: int | None, chat_n: int | None, now: Moment) -> None:
    """Keep the marker of a seat that ends. If the user has read further, that marker stays. 1 write unit."""
    key, visit = marker_key(user_id, room_id), _visit(room_id, now)
    if seq is None:
        store.update(MARKERS, key, visit)
    else:
        store.update(MARKERS, key, [*visit, *_read(seq, chat_n or 0)], _is_below(seq))


def count_mentions(user_ids: Iterable[str], room_id: str, seq: int, now: Moment) -> list[Update]:
    """The writes that count a mention of each user, for the transaction of the entry with this number.

    2 write units each: charge `MENTION_UNITS` of `store.budgets` for each. Leave out the author.
    """
    actions = [*_keep(room_id, now), MARKERS.mentions_n.add(1), MARKERS.mentioned_seq.set(seq)]
    return [Update(MARKERS, marker_key(user_id, room_id), actions) for user_id in sorted(user_ids)]


def _keep(room_id: str, now: Moment) -> list[Action]:
    return [MARKERS.room_id.set(room_id), MARKERS.expires_at.set(now // 1000 + _KEPT_SECONDS)]


def _visit(room_id: str, now: Moment) -> list[Action]:
    return [*_keep(room_id, now), MARKERS.visited_at.set(now)]


def _read(seq: int, chat_n: int) -> list[Action]:
    return [MARKERS.read_seq.set(seq), MARKERS.read_n.set(chat_n)]


def _is_below(seq: int) -> Condition:
    condition: Condition = MARKERS.read_seq.does_not_exist() | (MARKERS.read_seq < seq)
    return condition
