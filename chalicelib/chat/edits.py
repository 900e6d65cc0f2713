"""Edit a message: its author, for a day, unless the deployment sets another time."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from chalicelib import log
from chalicelib.chat.schemas import MessageEdited, MessageEditedData
from chalicelib.contract import Context
from chalicelib.delivery import Connection
from chalicelib.kernel.errors import ForbiddenError, MessageDeletedError, MessageNotFoundError, UnavailableError
from chalicelib.kernel.fingerprints import fingerprint
from chalicelib.kernel.times import iso
from chalicelib.log import EventDraft, Message
from chalicelib.log.changes import edit_text
from chalicelib.log.schemas import RoomMessage
from chalicelib.personal.table import MENTION_UNITS, count_mentions
from chalicelib.seats.authors import show_messages
from chalicelib.seats.broadcast import broadcast, deliver
from chalicelib.seats.connections import get_roster
from chalicelib.seats.leases import renew_by_call
from chalicelib.seats.numbers import HeldNumber
from chalicelib.seats.service import require_member
from chalicelib.seats.table import Participant, get_participant, require_seat
from chalicelib.store.budgets import STORED_UNIT_BYTES

_HOUR_MS = 3_600_000
_KEYS = 10
"""How many client keys a message remembers."""


def edit_message(
    context: Context, seq: int, text: str, mentions: Sequence[str] | None, client_key: str | None
) -> RoomMessage:
    """Change a message of the user's, and tell the room. Without `mentions`, these stay as they are.

    Of simultaneous edits, the one with the highest number stays. An edit that changes nothing, or whose client key was
    used for one of the last ten edits, writes nothing. Each call answers the message as it is then. Only users whom the
    message did not mention before are counted as mentioned.

    Raises:
        NotInRoomError, RoomNotFoundError, MessageNotFoundError, MessageDeletedError.
        ForbiddenError: it is not the user's own text, or too old.
        UnavailableError: it is edited too often at the same time.
    """
    store, room_id = context.store, context.room_id
    key = fingerprint(room_id, client_key) if client_key else None
    find_member = partial(get_participant, store, room_id, context.user_id)
    find_message = partial(log.get_message, store, room_id, seq)
    member, message, roster = store.run_parallel(find_member, find_message, partial(get_roster, store, room_id))
    with HeldNumber(context) as number:
        read = partial(store.run_parallel, find_member, find_message)
        for found in number.tries((member, message), read, lambda found: _number_of(found[1])):
            member = require_member(context, found[0])
            message = _require_own(context, found[1])
            after = _edited(context, message, text, mentions, key)
            if number.is_below(_number_of(message)) or _is_done(message, after, key):
                return _answer(context, message, member, roster)
            _require_in_time(context, message)
            if answer := _try(context, number, message, after, member, roster):
                return answer
    raise UnavailableError("The message changes too often; try again")


def _number_of(message: Message | None) -> int:
    """The number of the last edit, or that of the message."""
    return (message.edited_seq or message.seq) if message else 0


def _require_own(context: Context, message: Message | None) -> Message:
    if message is None:
        raise MessageNotFoundError
    if message.user_id != context.user_id:
        raise ForbiddenError("Only its author may edit a message")
    if message.deleted_at is not None:
        raise MessageDeletedError
    if message.type != "text":
        raise ForbiddenError("Only a text can be edited")
    return message


def _require_in_time(context: Context, message: Message) -> None:
    hours = context.settings.edit_window_hours
    if context.now - message.created_at > hours * _HOUR_MS:
        raise ForbiddenError(f"A message can be edited for {hours} h")


def _edited(context: Context, message: Message, text: str, mentions: Sequence[str] | None, key: str | None) -> Message:
    keys = [*_keys_of(message), *([key] if key else [])][-_KEYS:]
    return replace(
        message,
        text=text,
        mentions=message.mentions if mentions is None else frozenset(mentions),
        edited_at=context.now,
        edit_keys=" ".join(keys) or None,
    )


def _keys_of(message: Message) -> list[str]:
    return (message.edit_keys or "").split()


def _is_done(before: Message, after: Message, key: str | None) -> bool:
    """True if there is nothing to change, or the key was used before."""
    return key in _keys_of(before) or (before.text, before.mentions) == (after.text, after.mentions)


def _answer(context: Context, message: Message, member: Participant, roster: list[Connection]) -> RoomMessage:
    """The message as it is. Only the sender is told."""
    renew_by_call(context, member)
    (answer,) = show_messages(context, [message], [member], log.LOOKUP_BYTES)
    deliver(context, context.claim_ack(answer), roster)
    return answer


def _try(
    context: Context,
    number: HeldNumber,
    before: Message,
    after: Message,
    member: Participant,
    roster: list[Connection],
) -> RoomMessage | None:
    """Store an edit, and tell the room. None if the message or the membership has changed."""
    store, room_id, user_id = context.store, context.room_id, context.user_id
    data = MessageEditedData(
        target_seq=after.seq, text=after.text, edited_at=iso(context.now), mentions=sorted(after.mentions)
    )
    draft = EventDraft("message_edited", data, target=after, shows_text=True)
    added = after.mentions - before.mentions - {user_id}
    units = 2 * draft.size // STORED_UNIT_BYTES + MENTION_UNITS * len(added)
    context.backend.budgets.charge(user_id, units, context.now)
    seq, original, _ = store.run_parallel(
        partial(number.take, draft, above=_number_of(before)),
        partial(log.get_message, store, room_id, after.reply_to or 0),
        partial(renew_by_call, context, member),
    )
    counts = count_mentions(added, room_id, seq, context.now)
    event = number.try_commit(draft, [edit_text(before, after, seq), require_seat(member), *counts])
    if event is None:
        return None
    answer = RoomMessage.of(after, member.avatar, reader=fingerprint(room_id, user_id), original=original)
    broadcast(context, context.stamp(MessageEdited, seq=event.seq, data=data), roster, ack=answer)
    return answer
