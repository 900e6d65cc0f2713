"""Fit reads and answers into their limits of bytes.

Of an answer, long avatars go first, and then the messages that are farthest away.
"""

import json
from collections.abc import Callable, Sequence
from typing import TypeVar

from pydantic import BaseModel

from chalicelib.contract.sizes import MAX_ANSWER_BYTES, answer_bytes
from chalicelib.delivery import Connection
from chalicelib.log.reading import LOOKUP_BYTES, READ_BYTES
from chalicelib.log.schemas import RoomMessage
from chalicelib.seats.schemas import ParticipantView, RoomDetail
from chalicelib.seats.table import Participant

MAX_READ_BYTES = 256_000
"""For all reads of an operation together."""
_ROOM_BYTES, _PROFILES_BYTES = 10_500 + 27_000, 33_000
"""The longest room with the seats that are kept in it, and the profiles of authors who have left."""
_MEMBER_BYTES, _CONNECTION_BYTES = 450, 300
"""The rest of an item: names of attributes, ids that the service makes, times."""
_LEAST_LOG_BYTES = 2 * LOOKUP_BYTES
LONG_AVATAR = 400
"""In bytes. The longest possible avatar addresses of a full room would fill an answer."""
V = TypeVar("V", ParticipantView, RoomMessage)
Measure = Callable[[BaseModel], int]


def left_for_log(members: Sequence[Participant], connections: Sequence[Connection] = ()) -> int:
    """How many bytes of the log an operation may read that also reads these members and connections."""
    read = sum(_MEMBER_BYTES + len(f"{one.user_id}{one.name}{one.avatar}".encode()) for one in members)
    read += sum(_CONNECTION_BYTES + len(one.user_id.encode()) for one in connections)
    return max(_LEAST_LOG_BYTES, min(READ_BYTES, MAX_READ_BYTES - _ROOM_BYTES - _PROFILES_BYTES - read))


def left_for_entries(members: Sequence[Participant]) -> int:
    """How many bytes of the log a read of entries may read. It does not read the room, and may look up one message."""
    return min(READ_BYTES, left_for_log(members) + _ROOM_BYTES - LOOKUP_BYTES)


def fit_messages(
    messages: Sequence[RoomMessage], left: int, measure: Measure = answer_bytes, *, forward: bool = False
) -> list[RoomMessage]:
    """The newest messages that fit, or the oldest with `forward`."""
    if sum(measure(message) + 1 for message in messages) <= left:
        return list(messages)
    kept: list[RoomMessage] = []
    for message in messages if forward else reversed(messages):
        short = _without_long_avatar(message)
        left -= measure(short) + 1
        if left < 0:
            break
        kept.append(short)
    return kept if forward else kept[::-1]


def fit_participants(participants: Sequence[ParticipantView], left: int, measure: Measure) -> list[ParticipantView]:
    """The participants, without long avatars if they do not fit."""
    if sum(measure(one) + 1 for one in participants) <= left:
        return list(participants)
    return [_without_long_avatar(one) for one in participants]


def fit_detail(detail: RoomDetail) -> RoomDetail:
    """The detail of a room within 200,000 bytes."""
    if answer_bytes(detail) <= MAX_ANSWER_BYTES:
        return detail
    seated = fit_participants(detail.participants, MAX_ANSWER_BYTES // 2, answer_bytes)
    bare = detail.model_copy(update={"participants": seated, "messages": []})
    messages = fit_messages(detail.messages, MAX_ANSWER_BYTES - answer_bytes(bare))
    return bare.model_copy(update={"messages": messages})


def _without_long_avatar(shown: V) -> V:
    is_long = shown.avatar is not None and len(json.dumps(shown.avatar)) > LONG_AVATAR
    return shown.model_copy(update={"avatar": None}) if is_long else shown
