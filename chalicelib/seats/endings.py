"""The end of a membership: by leaving, because its lease ran out, or because the room closes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast

from chalicelib import log
from chalicelib.contract import Context
from chalicelib.delivery import Connection, OutboundFrame
from chalicelib.kernel.errors import UnavailableError
from chalicelib.log import Draft, Entry, Event, EventDraft, Message
from chalicelib.log.schemas import RoomMessage
from chalicelib.log.table import LeaveReason
from chalicelib.personal.table import keep_marker
from chalicelib.seats.broadcast import close_all, deliver, peer_left
from chalicelib.seats.connections import get_roster
from chalicelib.seats.entries import commit_all, left
from chalicelib.seats.schemas import CLOSE_FRAMES, UserLeft, UserLeftData
from chalicelib.seats.table import Participant, claim_ending, give_up_seat, read_member_and_roster
from chalicelib.store import ATTEMPTS, Condition, Write


@dataclass(frozen=True)
class Removal:
    """An act that ends a membership: one transaction does all of it.

    `context` is that of the user who acts, and pays for the frames. `draft` is the event of the act; its number is the
    one before that of the system message. `writes` are what else is written or checked. `room_condition` must be true
    of the room's own item, which the end of a membership changes. `show` makes the frames that tell the event.
    """

    context: Context
    draft: EventDraft
    writes: Sequence[Write]
    room_condition: Condition
    show: Callable[[Event, Sequence[Connection]], list[OutboundFrame]]


def end_expired(
    context: Context, members: Sequence[Participant], *, include_claimed: bool = False
) -> list[Participant]:
    """End the memberships whose lease ran out, each once. Returns the others.

    `include_claimed`: also end those that another process has claimed, because their seat is needed now.
    """
    store, now = context.store, context.now
    expired = [member for member in members if not member.holds_at(now)]
    claimed = [member for member in expired if claim_ending(store, member, now) or include_claimed]
    if claimed:
        leaving = {member.user_id for member in expired}
        roster = get_roster(store, context.room_id)
        for member in claimed:
            told = [one for one in roster if one.user_id == member.user_id or one.user_id not in leaving]
            end_membership(context.for_user(member.user_id), member, told, "timed_out")
    return [member for member in members if member.holds_at(now)]


def evict(context: Context, user_id: str, reason: LeaveReason, *, write_log: bool = True) -> None:
    """End a membership. Its lease may be valid or not. `write_log`: write an entry, because the log stays."""
    leaving = context.for_user(user_id)
    for _ in range(ATTEMPTS):
        member, roster = read_member_and_roster(leaving.store, leaving.room_id, user_id)
        if member is None or end_membership(leaving, member, roster, reason, write_log=write_log):
            return
    raise UnavailableError("The room is too busy; try again")


def end_membership(
    context: Context,
    member: Participant,
    roster: Sequence[Connection],
    reason: LeaveReason,
    *,
    write_log: bool = True,
    removal: Removal | None = None,
) -> bool:
    """End a membership: seat, log entry, connections. False if it has changed since it was read.

    Without `write_log`, no entry is written and nobody is told. With `removal`, this is part of the act of a
    moderator: one transaction does all of it. False also means that a condition of the removal is not met.
    """
    leaving = [connection for connection in roster if connection.user_id == member.user_id]
    if not member.connections <= {connection.connection_id for connection in leaving}:
        # A connection was added between the two reads. The caller has chosen which others are told.
        found = get_roster(context.store, context.room_id)
        leaving = [connection for connection in found if connection.user_id == member.user_id]
    others = [connection for connection in roster if connection.user_id != member.user_id]
    actor = removal.context if removal else context
    writes = give_up_seat(member, leaving, context.now, removal.room_condition if removal else None)
    if not write_log:
        if not context.store.transact(writes):
            return False
    else:
        drafts, more = ([removal.draft], removal.writes) if removal else ([], ())
        entries = _commit_end(actor, member, [*drafts, left(member, reason)], [*writes, *more])
        if not entries:
            return False
        told = removal.show(cast(Event, entries[0]), roster) if removal else []
        told += _show_left(context, member, cast(Message, entries[-1]), reason, leaving, others)
        deliver(actor, [*actor.claim_ack(), *told], others)
    close_all(context, leaving, CLOSE_FRAMES[reason])
    return True


def _commit_end(
    context: Context, member: Participant, drafts: Sequence[Draft | EventDraft], writes: Sequence[Write]
) -> list[Entry]:
    """Commit the end of a membership. The user's read marker outlives it."""
    store, now = context.store, context.now
    position, _ = store.run_parallel(
        partial(log.allocate, context, *drafts),
        partial(keep_marker, store, member.user_id, context.room_id, member.read_seq, member.read_n, now),
    )
    return commit_all(context, drafts, writes, position=position)


def _show_left(
    context: Context,
    member: Participant,
    message: Message,
    reason: LeaveReason,
    leaving: Sequence[Connection],
    others: Sequence[Connection],
) -> list[OutboundFrame]:
    data = UserLeftData(user_id=member.user_id, reason=reason, message=RoomMessage.of(message))
    texts = [context.stamp(UserLeft, seq=message.seq, data=data).encode()]
    if last := _last_connection(member, leaving):
        texts.append(peer_left(context, last).encode())
    return [OutboundFrame(other, text) for other in others for text in texts]


def _last_connection(member: Participant, leaving: Sequence[Connection]) -> str | None:
    """The id of the member's newest connection. If it was lost after the lease ended, only the membership knows it."""
    if leaving:
        return max(leaving, key=lambda connection: connection.connected_at).connection_id
    return min(member.connections, default=None)
