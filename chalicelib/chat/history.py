"""Read the log of a room: its messages, or all entries as they were pushed."""

from collections.abc import Sequence
from functools import partial
from itertools import accumulate
from typing import cast

from chalicelib import log
from chalicelib.chat.schemas import EmojiReaction, EntriesQuery, EntryList, History, HistoryQuery, MessageSent
from chalicelib.contract import Context, ServerFrame
from chalicelib.contract.sizes import MAX_ANSWER_BYTES, answer_bytes
from chalicelib.grants.rules import Role, rank_of
from chalicelib.kernel.times import Moment
from chalicelib.log import Event, LogPosition, Message
from chalicelib.log.schemas import EntryFrame, RoomMessage
from chalicelib.log.service import stable_seq
from chalicelib.seats.authors import show_messages
from chalicelib.seats.entries import read_targets, show_events
from chalicelib.seats.fitting import fit_messages, left_for_entries, left_for_log
from chalicelib.seats.leases import renew_by_call
from chalicelib.seats.schemas import ParticipantView, UserJoined, UserJoinedData, UserLeft, UserLeftData
from chalicelib.seats.service import require_member
from chalicelib.seats.table import Participant, list_participants

_FRAME_BYTES = 100
"""The other fields of a history."""


def get_history(context: Context, query: HistoryQuery) -> History:
    """A part of the log, oldest first: the messages after `after_seq`, or the newest before `before_seq`.

    Raises:
        NotInRoomError: the user has no seat in the room.
        RoomNotFoundError: the room does not exist.
    """
    members, mine, position = _read_room(context)
    forward = query.after_seq is not None
    read = log.list_following if forward else log.list_newest
    page, _ = context.store.run_parallel(
        partial(
            read,
            context.store,
            position,
            query.limit + 1,
            after=query.after_seq or 0,
            before=query.before_seq,
            most_bytes=left_for_log(members),
        ),
        partial(renew_by_call, context, mine),
    )
    limited = page.messages[: query.limit] if forward else page.messages[-query.limit :]
    messages = show_messages(context, limited, members, page.left)
    shown = fit_messages(messages, MAX_ANSWER_BYTES - _FRAME_BYTES, forward=forward)
    return History(messages=shown, has_more=not page.is_complete or len(shown) < len(page.messages))


def get_entries(context: Context, query: EntriesQuery) -> EntryList:
    """The entries after `after_seq`, oldest first, as they were pushed. Messages come as they are now.

    Raises:
        NotInRoomError: the user has no seat in the room.
        RoomNotFoundError: the room does not exist.
    """
    members, mine, position = _read_room(context)
    after = min(query.after_seq, position.last_seq)  # it is higher if the table was restored to an earlier state
    page, _ = context.store.run_parallel(
        partial(
            log.list_following,
            context.store,
            position,
            query.limit,
            after=after,
            most_bytes=left_for_entries(members),
            counts_events=True,
        ),
        partial(renew_by_call, context, mine),
    )
    stable = _find_end(page, after, position, context.now)
    events = [entry for entry in page.entries if isinstance(entry, Event) and entry.seq <= stable]
    targets = read_targets(context, events, page.messages, page.left + log.LOOKUP_BYTES)
    if targets.first_unread:
        stable = targets.first_unread - 1
    messages = [message for message in page.messages if message.seq <= stable]
    sees_all = context.is_admin or rank_of(mine.role) >= rank_of("moderator")
    told = show_events(context, events, targets.found, sees_all=sees_all)
    frames = [*_message_frames(context, messages, members, targets.left), *(one for one in told if one.seq <= stable)]
    shown = _fit_frames(sorted(frames, key=lambda frame: frame.seq))
    if len(shown) < len(frames):
        stable = shown[-1].seq
    return EntryList(entries=shown, last_seq=stable, has_more=after < stable < position.last_seq)


def _find_end(page: log.Page, after: int, position: LogPosition, now: Moment) -> int:
    """The last number up to which the page has every entry, and none can still appear."""
    stable = stable_seq(after, page.entries, position, now)
    if page.is_complete:
        return stable
    return min(stable, page.entries[-1].seq if page.entries else after)


def _fit_frames(frames: Sequence[EntryFrame]) -> list[EntryFrame]:
    """The first frames that fit in an answer."""
    ends = accumulate(answer_bytes(frame) + 1 for frame in frames)
    return [frame for frame, end in zip(frames, ends, strict=True) if end < MAX_ANSWER_BYTES - _FRAME_BYTES]


def _read_room(context: Context) -> tuple[list[Participant], Participant, LogPosition]:
    """The members of the room, the caller's membership, and the position of the log."""
    store, room_id = context.store, context.room_id
    members, position = store.run_parallel(
        partial(list_participants, store, room_id), partial(log.get_position, store, room_id, consistent=True)
    )
    mine = next((member for member in members if member.user_id == context.user_id), None)
    return members, require_member(context, mine), position


def _message_frames(
    context: Context, messages: Sequence[Message], members: Sequence[Participant], most_bytes: int
) -> list[EntryFrame]:
    shown = show_messages(context, messages, members, most_bytes)
    frames = [_frame_of(context, message, view) for message, view in zip(messages, shown, strict=True)]
    hosts = context.backend.avatar_hosts
    return [EntryFrame.model_validate(frame.model_dump(mode="json", context=hosts)) for frame in frames]


def _frame_of(context: Context, message: Message, view: RoomMessage) -> ServerFrame:
    """The frame that told of a message."""
    sent = Context(context.backend, context.room_id, message.user_id or "", message.created_at)
    about_id, name = message.about_id or "", message.about_name or ""
    if message.event == "user_joined":
        newcomer = ParticipantView.newcomer(
            about_id, name, cast(Role, message.about_role or "member"), message.created_at
        )
        return sent.stamp(UserJoined, seq=message.seq, data=UserJoinedData(participant=newcomer, message=view))
    if message.event == "user_left":
        left = UserLeftData(user_id=about_id, reason=message.reason or "left", message=view)
        return sent.stamp(UserLeft, seq=message.seq, data=left)
    frame = EmojiReaction if message.type == "emoji" else MessageSent
    return sent.stamp(frame, seq=message.seq, sender=message.user_id, data=view)
