"""The snapshot that answers `sync`: the room now, and what the client missed, within the size of one frame."""

from collections.abc import Sequence
from functools import partial

from chalicelib import log
from chalicelib.contract import Access, FrameContext
from chalicelib.contract.sizes import frame_bytes
from chalicelib.grants.rules import Role, list_acts, rank_of
from chalicelib.kernel.errors import RoomNotFoundError
from chalicelib.log import Event
from chalicelib.personal.table import ReadMarker, get_marker
from chalicelib.rooms.authority import explain_absence
from chalicelib.rooms.table import get_room
from chalicelib.seats.authors import show_messages
from chalicelib.seats.endings import end_expired
from chalicelib.seats.entries import read_targets, show_events
from chalicelib.seats.fitting import fit_messages, fit_participants, left_for_log
from chalicelib.seats.leases import lease_end
from chalicelib.seats.roster import require_roster
from chalicelib.seats.schemas import Snapshot, SnapshotData, SnapshotRoom, Sync, You
from chalicelib.seats.table import Participant, list_participants, renew_socket_lease

MAX_SNAPSHOT_BYTES = 128_000
"""API Gateway posts at most 131,072 bytes."""
_DAY_MS = 86_400_000


def make_snapshot(context: FrameContext[Sync]) -> Snapshot:
    """The snapshot for a client that has everything up to `last_seq`. Renews the member's socket lease.

    Raises:
        RoomNotFoundError, NotInRoomError.
    """
    store, room_id, now, last_seq = context.store, context.room_id, context.now, context.frame.last_seq
    room, members, position, roster, marker = store.run_parallel(
        partial(get_room, store, room_id),
        partial(list_participants, store, room_id),
        partial(log.get_position, store, room_id, consistent=True),
        partial(require_roster, context),
        partial(get_marker, store, context.user_id, room_id),
    )
    if room is None:
        raise RoomNotFoundError
    missed = log.recover(store, position, last_seq, now, left_for_log(members, roster))
    present = end_expired(context, members)
    if not renew_socket_lease(store, context.connection, lease_end(context, "socket"), now):
        raise explain_absence(context)
    context.prove(Access.MEMBER)
    days = position.least_retention_days or context.settings.message_retention_days
    due = now - days * _DAY_MS
    if log.has_retention_gap(store, room_id, room.created_at, last_seq, missed, due):
        missed = missed.as_incomplete()
    newest = missed.entries[-1].seq if missed.entries else missed.last_seq
    you = _you(context, present, marker)
    events = _list_events(missed)
    targets = read_targets(context, events, [], missed.left)
    if targets.first_unread:
        missed, events = missed.as_incomplete(), []
    data = SnapshotData(
        room=SnapshotRoom.compose(room, context.settings, present, newest),
        you=you,
        messages=show_messages(context, missed.messages, present, targets.left),
        entries=show_events(context, events, targets.found, sees_all=rank_of(you.role) >= rank_of("moderator")),
        recovered=missed.recovered,
        last_seq=missed.last_seq,
    )
    return trim_to_limit(context.stamp(Snapshot, ref=context.frame.id, data=data))


def _you(context: FrameContext[Sync], present: Sequence[Participant], marker: ReadMarker) -> You:
    mine = next((member for member in present if member.user_id == context.user_id), None)
    role: Role = (mine.role if mine else None) or "member"
    connection_id = context.connection.connection_id
    read_seq = max(marker.read_seq or 0, (mine.read_seq or 0) if mine else 0)
    return You(user_id=context.user_id, connection_id=connection_id, role=role, can=list_acts(role), read_seq=read_seq)


def _list_events(missed: log.Recovery) -> list[Event]:
    """The missed events, without those whose change is in a message that is sent."""
    sent = {message.seq: message for message in missed.messages}
    return [one for one in missed.events if not ((message := sent.get(one.target_seq or 0)) and one.is_in(message))]


def trim_to_limit(snapshot: Snapshot) -> Snapshot:
    """The snapshot within the size of one frame. If not all entries fit, it has the newest messages and says so."""
    room, messages, entries = snapshot.data.room, snapshot.data.messages, snapshot.data.entries
    seated = fit_participants(room.participants, MAX_SNAPSHOT_BYTES // 2, frame_bytes)
    bare = _with(snapshot, room=room.model_copy(update={"participants": seated}), messages=[], entries=[])
    left = MAX_SNAPSHOT_BYTES - frame_bytes(bare)
    size = sum(frame_bytes(entry) + 1 for entry in entries)
    kept = fit_messages(messages, left - size, frame_bytes)
    if len(kept) == len(messages) and size <= left:
        return _with(bare, messages=kept, entries=entries)
    return _with(bare, messages=fit_messages(messages, left, frame_bytes), recovered=False)


def _with(snapshot: Snapshot, **changes: object) -> Snapshot:
    return snapshot.model_copy(update={"data": snapshot.data.model_copy(update=changes)})
