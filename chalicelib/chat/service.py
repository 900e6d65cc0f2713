"""Send messages and emoji, and read the history of a room."""

from functools import partial
from typing import Literal

from chalicelib import log
from chalicelib.chat.schemas import EmojiReaction, History, HistoryQuery, MessageSent
from chalicelib.contract import Context
from chalicelib.delivery import Connection
from chalicelib.kernel.errors import RateLimitedError
from chalicelib.log import Draft
from chalicelib.log.schemas import RoomMessage
from chalicelib.seats.broadcast import broadcast, deliver
from chalicelib.seats.connections import get_roster
from chalicelib.seats.leases import renew_by_call
from chalicelib.seats.service import require_member
from chalicelib.seats.table import get_participant
from chalicelib.store.idempotency import IdempotencyKey, IdempotencyRecord, find_record, record_once


def send_message(context: Context, text: str, kind: Literal["text", "emoji"], client_key: str | None) -> RoomMessage:
    """Store a message and push it to the room. The same client key again answers the message stored first.

    Raises:
        NotInRoomError: the user has no seat in the room.
        RoomNotFoundError: the room does not exist.
        RateLimitedError: too many messages in a short time; no number of the log is used.
    """
    store, room_id, user_id, now = context.store, context.room_id, context.user_id, context.now
    key = IdempotencyKey(room_id, user_id, client_key) if client_key else None
    limits, limit = context.backend.rate_limits, context.settings.messages_limit
    member, roster, wait, record = store.run_parallel(
        partial(get_participant, store, room_id, user_id),
        partial(get_roster, store, room_id),
        partial(limits.check, f"messages#{user_id}", limit, now),
        lambda: find_record(store, key, now) if key else None,
    )
    member = require_member(context, member)
    if record and (stored := _stored_before(context, record, roster)):
        return stored
    if wait:
        raise RateLimitedError(wait)
    seq, _ = store.run_parallel(partial(log.allocate, store, room_id, now), partial(renew_by_call, context, member))
    writes = [record_once(key, now, room_id=room_id, seq=seq)] if key else []
    message = log.commit(context, Draft(text, kind, user_id, member.name, member.avatar), seq=seq, writes=writes)
    if message is None:
        record = find_record(store, key, now) if key else None
        if record and (stored := _stored_before(context, record, roster)):
            return stored
        raise RuntimeError("an idempotency key was refused, but has no message")
    answer = RoomMessage.of(message)
    frame = MessageSent if kind == "text" else EmojiReaction
    broadcast(context, context.stamp(frame, seq=seq, data=answer), roster, ack=answer)
    return answer


def get_history(context: Context, query: HistoryQuery) -> History:
    """A part of the log, oldest first: the messages after `after_seq`, else the newest before `before_seq`.

    Raises:
        NotInRoomError: the user has no seat in the room.
        RoomNotFoundError: the room does not exist.
    """
    store, room_id = context.store, context.room_id
    forward = query.after_seq is not None
    read = log.list_following if forward else log.list_newest
    member, found = store.run_parallel(
        partial(get_participant, store, room_id, context.user_id),
        partial(read, store, room_id, query.limit + 1, after=query.after_seq or 0, before=query.before_seq),
    )
    renew_by_call(context, require_member(context, member))
    shown = found[: query.limit] if forward else found[-query.limit :]
    return History(messages=[RoomMessage.of(message) for message in shown], has_more=len(found) > query.limit)


def _stored_before(context: Context, record: IdempotencyRecord, roster: list[Connection]) -> RoomMessage | None:
    """The message that was stored under the key. Only the sender is told again."""
    message = log.get_message(context.store, record.room_id, record.seq)
    if message is None:
        return None
    answer = RoomMessage.of(message)
    deliver(context, context.claim_ack(answer), roster)
    return answer
