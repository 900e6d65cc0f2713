"""Chat: messages and emoji reactions, stored once and in order, and a room's history."""

import uuid
from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

from chalicelib import presence, seats, telemetry
from chalicelib.backend import Backend
from chalicelib.errors import RateLimitedError
from chalicelib.presence import Parcel
from chalicelib.protocol import EmojiReaction, MessageSent
from chalicelib.records import Message
from chalicelib.schemas import History, HistoryQuery, RoomMessage
from chalicelib.store import connections, guards, messages, participants
from chalicelib.store.client import together
from chalicelib.store.guards import Claim, ClaimedError, Receipt
from chalicelib.times import Moment, iso


def say(
    backend: Backend,
    user_id: str,
    room_id: str,
    text: str,
    kind: Literal["text", "emoji"],
    client_key: str | None,
    now: Moment,
    *,
    reply: Callable[[RoomMessage], Sequence[Parcel]] = lambda _: (),
) -> RoomMessage:
    """Store a message and push it to the room; the same client key again answers the message stored first.

    `reply` makes what goes out to the sender, and goes out with the push: nobody waits for the slower of the two.

    Raises:
        NotInRoomError: the user has no seat in the room.
        RoomNotFoundError: there is no such room.
        RateLimitedError: too many messages in too short a time; no number of the log is used up.
    """
    receipt = Receipt(room_id, user_id, client_key) if client_key else None
    member, roster, wait, claim = together(
        partial(participants.get, room_id, user_id),
        partial(connections.roster, room_id),
        partial(guards.admit, f"messages#{user_id}", backend.settings.messages_limit, now),
        lambda: guards.find_claim(receipt, now) if receipt else None,
    )
    member = seats.require_member(room_id, user_id, member, now)
    if claim and (stored := _stored_before(claim)):
        presence.send(backend, reply(stored), roster, now)
        return stored
    if wait:
        raise RateLimitedError(wait)
    seq, _ = together(partial(messages.allocate, room_id, now), partial(presence.renew_by_call, member, now))
    message = Message(room_id, seq, str(uuid.uuid4()), kind, user_id, member.name, member.avatar, text, now)
    try:
        _store(message, backend.settings.message_retention_days, receipt)
    except ClaimedError:
        if receipt and (claim := guards.find_claim(receipt, now)) and (stored := _stored_before(claim)):
            presence.send(backend, reply(stored), roster, now)
            return stored
        raise
    telemetry.current().note_message(message)
    answer = RoomMessage.of(message)
    frame = MessageSent if kind == "text" else EmojiReaction
    pushed = frame(room_id=room_id, ts=iso(now), sender=user_id, seq=seq, data=answer).encode()
    presence.send(backend, [*((connection, pushed) for connection in roster), *reply(answer)], roster, now)
    return answer


def history(user_id: str, room_id: str, query: HistoryQuery, now: Moment) -> History:
    """A stretch of the log, oldest first: what follows `after_seq`, else the newest before `before_seq`.

    Raises:
        NotInRoomError: the user has no seat in the room.
        RoomNotFoundError: there is no such room.
    """
    forward = query.after_seq is not None
    read = partial(messages.following if forward else messages.newest, room_id, query.limit + 1)
    member, found = together(
        partial(participants.get, room_id, user_id),
        partial(read, after=query.after_seq or 0, before=query.before_seq),
    )
    presence.renew_by_call(seats.require_member(room_id, user_id, member, now), now)
    shown = found[: query.limit] if forward else found[-query.limit :]
    return History(messages=[RoomMessage.of(message) for message in shown], has_more=len(found) > query.limit)


def _store(message: Message, retention_days: int, receipt: Receipt | None) -> None:
    if receipt:
        messages.put_once(message, retention_days, receipt)
    else:
        messages.put(message, retention_days)


def _stored_before(claim: Claim) -> RoomMessage | None:
    message = messages.get(claim.room_id, claim.seq)
    return RoomMessage.of(message) if message else None
