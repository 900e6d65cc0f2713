"""Mute and unmute, start and stop speaking."""

from functools import partial

from pynamodb.expressions.update import Action

from chalicelib.contract import Context
from chalicelib.delivery import Connection
from chalicelib.kernel.errors import MutedByModeratorError, MutedError
from chalicelib.seats.broadcast import broadcast
from chalicelib.seats.connections import get_roster
from chalicelib.seats.leases import renew_by_call
from chalicelib.seats.service import require_member
from chalicelib.seats.table import PARTICIPANTS, Participant, get_participant, update_participant
from chalicelib.store import Condition
from chalicelib.voice.schemas import (
    MicToggled,
    MicToggledData,
    MicToggleRequest,
    SpeakingChanged,
    SpeakingChangedData,
    SpeakingStatusRequest,
)


def set_muted(context: Context, request: MicToggleRequest) -> None:
    """Mute, which also ends speaking, or unmute. The room is told of what changed.

    Raises:
        MutedByModeratorError: a moderator has muted the user, and the user unmutes.
        NotInRoomError: the user has no seat in the room.
        RoomNotFoundError: the room does not exist.
    """
    changes: list[Action] = [PARTICIPANTS.is_muted.set(request.is_muted)]
    if request.is_muted:
        changes.append(PARTICIPANTS.is_speaking.set(False))
    condition = _has_seat(context)
    if not request.is_muted:
        condition &= PARTICIPANTS.muted_by.does_not_exist()
    before, roster = _update(context, changes, condition)
    if before is None:
        require_member(context, get_participant(context.store, context.room_id, context.user_id))
        raise MutedByModeratorError
    before = require_member(context, before)
    renew_by_call(context, before)
    if before.is_muted != request.is_muted:
        data = MicToggledData(user_id=context.user_id, is_muted=request.is_muted)
        broadcast(context, context.stamp(MicToggled, data=data), roster)
    if request.is_muted and before.is_speaking:
        _tell_speaking(context, roster, is_speaking=False)


def set_speaking(context: Context, request: SpeakingStatusRequest) -> None:
    """Start or stop speaking. The room is told of a change.

    Raises:
        MutedError: the user is muted and can't speak.
        NotInRoomError: the user has no seat in the room.
        RoomNotFoundError: the room does not exist.
    """
    condition = _has_seat(context)
    if request.is_speaking:
        condition &= PARTICIPANTS.is_muted == False  # noqa: E712  # builds an expression
    before, roster = _update(context, [PARTICIPANTS.is_speaking.set(request.is_speaking)], condition)
    if before is None:
        require_member(context, get_participant(context.store, context.room_id, context.user_id))
        raise MutedError
    before = require_member(context, before)
    renew_by_call(context, before)
    if before.is_speaking != request.is_speaking:
        _tell_speaking(context, roster, is_speaking=request.is_speaking)


def _has_seat(context: Context) -> Condition:
    condition: Condition = PARTICIPANTS.lease_expires_at > context.now
    return condition


def _update(
    context: Context, changes: list[Action], condition: Condition
) -> tuple[Participant | None, list[Connection]]:
    store, room_id = context.store, context.room_id
    return store.run_parallel(
        partial(update_participant, store, room_id, context.user_id, changes, condition),
        partial(get_roster, store, room_id),
    )


def _tell_speaking(context: Context, roster: list[Connection], *, is_speaking: bool) -> None:
    data = SpeakingChangedData(user_id=context.user_id, is_speaking=is_speaking)
    broadcast(context, context.stamp(SpeakingChanged, data=data), roster)
