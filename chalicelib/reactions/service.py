"""React to messages."""

from dataclasses import replace
from functools import partial

from chalicelib import log
from chalicelib.contract import Context
from chalicelib.delivery import Connection
from chalicelib.kernel.errors import (
    MessageDeletedError,
    MessageNotFoundError,
    TooManyReactionsError,
    UnavailableError,
)
from chalicelib.kernel.fingerprints import fingerprint
from chalicelib.log import EventDraft, Message
from chalicelib.log.changes import change_reactions
from chalicelib.log.schemas import list_reactions
from chalicelib.log.table import MESSAGES
from chalicelib.reactions.schemas import MessageReactions, ReactionsChanged, ReactionsChangedData
from chalicelib.seats.broadcast import broadcast, deliver
from chalicelib.seats.connections import get_roster
from chalicelib.seats.leases import renew_by_call
from chalicelib.seats.numbers import HeldNumber
from chalicelib.seats.service import require_member
from chalicelib.seats.table import Participant, get_participant, require_seat
from chalicelib.store.budgets import STORED_UNIT_BYTES
from chalicelib.store.tables import item_bytes

MAX_KINDS = 20
MAX_BYTES = 3000
"""What a message has for its reactions. `log.reading.ENTRY_BYTES` counts on it."""


def react(context: Context, seq: int, emoji: str, *, is_on: bool) -> MessageReactions:
    """Put an emoji of the user on a message, or take it back, and tell the room. Doing it twice changes nothing.

    The reactions to one message change in the order of their numbers, so the `count` of an event is exact at its
    number. If somebody else was faster, the act is tried again.

    Raises:
        NotInRoomError, RoomNotFoundError, MessageNotFoundError, MessageDeletedError, TooManyReactionsError.
        UnavailableError: too many people react at the same time.
    """
    store, room_id = context.store, context.room_id
    find_member = partial(get_participant, store, room_id, context.user_id)
    find_message = partial(log.get_message, store, room_id, seq)
    member, message, roster = store.run_parallel(find_member, find_message, partial(get_roster, store, room_id))
    with HeldNumber(context) as number:
        read = partial(store.run_parallel, find_member, find_message)
        for found in number.tries((member, message), read, lambda found: _number_of(found[1])):
            member = require_member(context, found[0])
            before = _require_message(found[1])
            after = _changed(context, before, emoji, is_on=is_on)
            if after == before:
                return _answer(context, before, member, roster)
            if is_on:
                _require_space(after)
            if answer := _try(context, number, before, after, emoji, member, roster):
                return answer
    raise UnavailableError("Too many people react to this message; try again")


def _number_of(message: Message | None) -> int:
    """The number of the last change of the reactions, or that of the message."""
    return (message.reacted_seq or message.seq) if message else 0


def _require_message(message: Message | None) -> Message:
    if message is None:
        raise MessageNotFoundError
    if message.deleted_at is not None:
        raise MessageDeletedError
    return message


def _changed(context: Context, message: Message, emoji: str, *, is_on: bool) -> Message:
    own = {f"{emoji} {fingerprint(context.room_id, context.user_id)}"}
    return replace(message, reactions=message.reactions | own if is_on else message.reactions - own)


def _require_space(message: Message) -> None:
    """Check the limits of a message that gets one more reaction."""
    kinds = {reaction.partition(" ")[0] for reaction in message.reactions}
    size = sum(len(reaction.encode()) + 1 for reaction in message.reactions)
    if len(kinds) > MAX_KINDS or size > MAX_BYTES:
        raise TooManyReactionsError


def _answer(context: Context, message: Message, member: Participant, roster: list[Connection]) -> MessageReactions:
    """The reactions as they are. Only the sender is told."""
    renew_by_call(context, member)
    answer = _show(context, message)
    deliver(context, context.claim_ack(answer), roster)
    return answer


def _show(context: Context, message: Message) -> MessageReactions:
    reader = fingerprint(context.room_id, context.user_id)
    return MessageReactions(seq=message.seq, reactions=list_reactions(message, reader))


def _try(
    context: Context,
    number: HeldNumber,
    before: Message,
    after: Message,
    emoji: str,
    member: Participant,
    roster: list[Connection],
) -> MessageReactions | None:
    """Store the reactions, and tell the room. None if the message or the membership has changed."""
    data = ReactionsChangedData(
        target_seq=after.seq,
        emoji=emoji,
        user_id=context.user_id,
        on=len(after.reactions) > len(before.reactions),
        count=sum(reaction.partition(" ")[0] == emoji for reaction in after.reactions),
    )
    draft = EventDraft("reactions_changed", data, target=after)
    size = draft.size + item_bytes(MESSAGES.write(after))
    context.backend.budgets.charge(context.user_id, size // STORED_UNIT_BYTES, context.now)
    seq, _ = context.store.run_parallel(
        partial(number.take, draft, above=_number_of(before)), partial(renew_by_call, context, member)
    )
    event = number.try_commit(draft, [change_reactions(before, after, seq), require_seat(member)])
    if event is None:
        return None
    answer = _show(context, after)
    broadcast(context, context.stamp(ReactionsChanged, seq=event.seq, data=data), roster, ack=answer)
    return answer
