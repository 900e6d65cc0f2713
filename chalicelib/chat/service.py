"""Send messages and emoji."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Literal

from chalicelib import log
from chalicelib.chat.schemas import EmojiReaction, MessageSent
from chalicelib.contract import Context
from chalicelib.delivery import Connection
from chalicelib.grants.rules import rank_of
from chalicelib.kernel.errors import InvalidRequestError, RateLimitedError, UnavailableError
from chalicelib.kernel.settings import Limit
from chalicelib.log import Draft, Message
from chalicelib.log.schemas import RoomMessage
from chalicelib.personal.table import MENTION_UNITS, count_mentions
from chalicelib.rooms.table import get_room
from chalicelib.seats.authors import show_messages
from chalicelib.seats.broadcast import broadcast, deliver
from chalicelib.seats.connections import get_roster
from chalicelib.seats.entries import commit
from chalicelib.seats.leases import renew_by_call
from chalicelib.seats.service import require_member
from chalicelib.seats.table import Participant, get_participant, mark_own
from chalicelib.store import ATTEMPTS, Write
from chalicelib.store.budgets import STORED_UNIT_BYTES
from chalicelib.store.idempotency import IdempotencyKey, IdempotencyRecord, find_record, record_once

ChatType = Literal["text", "emoji"]


def send_message(
    context: Context,
    text: str,
    kind: ChatType,
    client_key: str | None,
    *,
    reply_to: int | None = None,
    mentions: Iterable[str] = (),
) -> RoomMessage:
    """Store a message and push it to the room. The same client key again answers the message stored first.

    Raises:
        NotInRoomError: the user has no seat in the room.
        RoomNotFoundError: the room does not exist.
        RateLimitedError: too many messages in a short time, or too early in a slow room; no number of the log is used.
        InvalidRequestError: `reply_to` is no message of the room that can be answered.
    """
    store, room_id, user_id, now = context.store, context.room_id, context.user_id, context.now
    key = IdempotencyKey(room_id, user_id, client_key) if client_key else None
    limits, limit = context.backend.rate_limits, context.settings.messages_limit
    find = partial(find_record, store, key, now) if key else lambda: None
    member, roster, wait, record, original, room = store.run_parallel(
        partial(get_participant, store, room_id, user_id),
        partial(get_roster, store, room_id),
        partial(limits.check, f"messages#{user_id}", limit, now),
        find,
        partial(log.get_message, store, room_id, reply_to or 0),
        partial(get_room, store, room_id, consistent=False),
    )
    slow_seconds = room.slow_seconds if room else 0
    draft = Draft(text, kind, user_id, reply_to=reply_to, mentions=frozenset(mentions))
    for _ in range(ATTEMPTS):
        member = require_member(context, member)
        if record and (stored := _stored_before(context, record, member, roster)):
            return stored
        if wait:
            raise RateLimitedError(wait)
        _require_original(draft, original)
        pace = _count_pace(context, member, slow_seconds)
        if message := _store(context, member, draft, key, pace):
            return _push(context, message, member, roster, original)
        # The same key was used at the same moment, or the membership has ended.
        member, record = store.run_parallel(partial(get_participant, store, room_id, user_id), find)
    raise UnavailableError("You come and go too fast to send a message; try again")


def _require_original(draft: Draft, original: Message | None) -> None:
    """Check that an answer has a message that it can answer. If this is deleted at the same moment, nothing is shown.

    Raises:
        InvalidRequestError: it has not.
    """
    if draft.reply_to and (original is None or original.type == "system" or original.deleted_at is not None):
        raise InvalidRequestError.of("reply_to", "must be the number of a message of this room that is not deleted")


def _count_pace(context: Context, member: Participant, seconds: int) -> list[Write]:
    """The write that counts a message in a slow room, for its transaction. Moderators need not wait.

    Raises:
        RateLimitedError: it is too short.
    """
    if not seconds or rank_of(member.role, is_admin=context.is_admin) >= rank_of("moderator"):
        return []
    # With the seconds in the name, another setting counts from now on.
    subject = f"slow#{context.room_id}#{context.user_id}#{seconds}"
    planned = context.backend.rate_limits.plan(subject, Limit(1, seconds), context.now)
    if isinstance(planned, int):
        raise RateLimitedError(planned, f"This room is slow: one message in {seconds} s")
    return [planned]


def _store(
    context: Context, member: Participant, draft: Draft, key: IdempotencyKey | None, pace: Sequence[Write]
) -> Message | None:
    """Store a message. None if its key has been used, or its author has no seat."""
    store, room_id, user_id, now = context.store, context.room_id, context.user_id, context.now
    draft = replace(draft, user=member.name)
    others = draft.mentions - {user_id}
    context.backend.budgets.charge(user_id, draft.size // STORED_UNIT_BYTES + MENTION_UNITS * len(others), now)
    position, _ = store.run_parallel(partial(log.allocate, context, draft), partial(renew_by_call, context, member))
    writes: list[Write] = [mark_own(member, position), *pace, *count_mentions(others, room_id, position.last_seq, now)]
    if key:
        writes.append(record_once(key, now, room_id=room_id, seq=position.last_seq))
    return commit(context, draft, writes, position=position)


def _push(
    context: Context, message: Message, member: Participant, roster: list[Connection], original: Message | None
) -> RoomMessage:
    answer = RoomMessage.of(message, member.avatar, original=original)
    frame = MessageSent if message.type == "text" else EmojiReaction
    broadcast(context, context.stamp(frame, seq=message.seq, data=answer), roster, ack=answer)
    return answer


def _stored_before(
    context: Context, record: IdempotencyRecord, member: Participant, roster: list[Connection]
) -> RoomMessage | None:
    """The message that was stored under the key. Only the sender is told again."""
    message = log.get_message(context.store, record.room_id, record.seq)
    if message is None:
        return None
    (answer,) = show_messages(context, [message], [member], log.LOOKUP_BYTES)
    deliver(context, context.claim_ack(answer), roster)
    return answer
