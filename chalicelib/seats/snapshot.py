"""The snapshot that answers `sync`: the room now, and what the client missed, within the size of one frame."""

from functools import partial

from chalicelib import log
from chalicelib.contract import Access, FrameContext
from chalicelib.kernel.errors import NotInRoomError, RoomNotFoundError
from chalicelib.log.schemas import RoomMessage
from chalicelib.rooms.table import get_room
from chalicelib.seats.endings import end_expired
from chalicelib.seats.leases import lease_end
from chalicelib.seats.roster import require_roster
from chalicelib.seats.schemas import ParticipantView, Snapshot, SnapshotData, SnapshotRoom, Sync, You
from chalicelib.seats.table import list_participants, renew_socket_lease

MAX_SNAPSHOT_BYTES = 128_000
"""API Gateway posts at most 131,072 bytes."""
LONG_AVATAR = 400
"""In bytes. The longest possible avatar addresses of a full room would fill the frame."""
_DAY_MS = 86_400_000


def make_snapshot(context: FrameContext[Sync]) -> Snapshot:
    """The snapshot for a client that has everything up to `last_seq`. Renews the member's socket lease.

    Raises:
        RoomNotFoundError, NotInRoomError.
    """
    store, room_id, now, last_seq = context.store, context.room_id, context.now, context.frame.last_seq
    room, members, missed, _ = store.run_parallel(
        partial(get_room, store, room_id),
        partial(list_participants, store, room_id),
        partial(log.recover, store, room_id, last_seq, now),
        partial(require_roster, context),
    )
    if room is None:
        raise RoomNotFoundError
    present = end_expired(context, members)
    if not renew_socket_lease(store, context.connection, lease_end(context, "socket"), now):
        raise NotInRoomError
    context.prove(Access.MEMBER)
    due = now - context.settings.message_retention_days * _DAY_MS
    if log.has_retention_gap(store, room_id, room.created_at, last_seq, missed, due):
        missed = missed.as_incomplete()
    newest = missed.messages[-1].seq if missed.messages else missed.last_seq
    data = SnapshotData(
        room=SnapshotRoom.compose(room, present, newest),
        you=You(user_id=context.user_id, connection_id=context.connection.connection_id),
        messages=[RoomMessage.of(message) for message in missed.messages],
        recovered=missed.recovered,
        last_seq=missed.last_seq,
    )
    return trim_to_limit(context.stamp(Snapshot, ref=context.frame.id, data=data))


def trim_to_limit(snapshot: Snapshot) -> Snapshot:
    """The snapshot within the size of one frame. If not all messages fit, it holds the newest and says so."""
    bare = _with(snapshot, messages=[])
    if len(bare.encode()) > MAX_SNAPSHOT_BYTES // 2:
        seated = [_without_long_avatar(participant) for participant in snapshot.data.room.participants]
        bare = _with(bare, room=snapshot.data.room.model_copy(update={"participants": seated}))
    left = MAX_SNAPSHOT_BYTES - len(bare.encode())
    kept: list[RoomMessage] = []
    for shown in reversed(snapshot.data.messages):
        left -= len(shown.model_dump_json().encode()) + 1
        if left < 0:
            return _with(bare, messages=kept[::-1], recovered=False)
        kept.append(shown)
    return _with(bare, messages=kept[::-1])


def _with(snapshot: Snapshot, **changes: object) -> Snapshot:
    return snapshot.model_copy(update={"data": snapshot.data.model_copy(update=changes)})


def _without_long_avatar(participant: ParticipantView) -> ParticipantView:
    is_long = participant.avatar is not None and len(participant.avatar.encode()) > LONG_AVATAR
    return participant.model_copy(update={"avatar": None}) if is_long else participant
