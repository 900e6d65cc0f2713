"""Microphones: who is muted, who speaks."""

from functools import partial

from chalicelib import presence, seats
from chalicelib.backend import Backend
from chalicelib.errors import MutedError
from chalicelib.protocol import MicToggled, MicToggledData, SpeakingChanged, SpeakingChangedData
from chalicelib.records import Participant
from chalicelib.store import connections, participants
from chalicelib.store.client import together
from chalicelib.times import Moment, iso


def set_muted(backend: Backend, user_id: str, room_id: str, is_muted: bool, now: Moment) -> None:
    """Mute, which also ends speaking, or unmute; the room is told of what changed.

    Raises:
        NotInRoomError: the user has no seat in the room.
        RoomNotFoundError: there is no such room.
    """
    before, roster = together(
        partial(participants.set_muted, room_id, user_id, is_muted, now), partial(connections.roster, room_id)
    )
    before = seats.require_member(room_id, user_id, before, now)
    presence.renew_by_call(before, now)
    if before.is_muted != is_muted:
        data = MicToggledData(user_id=user_id, is_muted=is_muted)
        presence.push(backend, roster, MicToggled(room_id=room_id, ts=iso(now), sender=user_id, data=data), now)
    if is_muted and before.is_speaking:
        presence.push(backend, roster, _speaking(before, False, now), now)


def set_speaking(backend: Backend, user_id: str, room_id: str, is_speaking: bool, now: Moment) -> None:
    """Speak or fall silent; the room is told of a change.

    Raises:
        MutedError: speaking while muted.
        NotInRoomError: the user has no seat in the room.
        RoomNotFoundError: there is no such room.
    """
    before, roster = together(
        partial(participants.set_speaking, room_id, user_id, is_speaking, now), partial(connections.roster, room_id)
    )
    if before is None:
        seats.require_member(room_id, user_id, participants.get(room_id, user_id), now)
        raise MutedError
    presence.renew_by_call(before, now)
    if before.is_speaking != is_speaking:
        presence.push(backend, roster, _speaking(before, is_speaking, now), now)


def _speaking(member: Participant, is_speaking: bool, now: Moment) -> SpeakingChanged:
    data = SpeakingChangedData(user_id=member.user_id, is_speaking=is_speaking)
    return SpeakingChanged(room_id=member.room_id, ts=iso(now), sender=member.user_id, data=data)
