"""The `participants` table: who is in a room, and until when. Joining and leaving span tables: `membership`."""

from collections.abc import Sequence

from pynamodb.exceptions import DoesNotExist, UpdateError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from chalicelib.records import Connection, Participant
from chalicelib.store.client import is_refused
from chalicelib.store.tables import ParticipantRow
from chalicelib.times import Moment

_CLAIM_MS = 10_000


def get(room_id: str, user_id: str) -> Participant | None:
    """The membership as it is this moment, its lease run out or not."""
    try:
        return ParticipantRow.get(room_id, user_id, consistent_read=True).record()
    except DoesNotExist:
        return None


def members(room_id: str) -> list[Participant]:
    """Every membership of the room, oldest first, leases run out or not. About 1 read unit for 13 of them."""
    rows = ParticipantRow.query(room_id, consistent_read=True)
    return sorted((row.record() for row in rows), key=lambda member: (member.joined_at, member.user_id))


def extend_lease(member: Participant, expires_at: Moment, now: Moment) -> None:
    """Let the lease run until `expires_at`, unless it runs longer, is over, or has become one of the other kind."""
    lease = ParticipantRow.lease_expires_at
    condition = (ParticipantRow.lease_kind == member.lease_kind) & (lease > now) & (lease < expires_at)
    _update(member.room_id, member.user_id, [lease.set(expires_at)], condition)


def renew_socket_lease(connection: Connection, expires_at: Moment, now: Moment) -> bool:
    """Hold the seat by this connection from now on; False where the lease is over, or the connection not theirs."""
    changes: list[Action] = [
        ParticipantRow.lease_expires_at.set(expires_at),
        ParticipantRow.lease_kind.set("socket"),
    ]
    condition = (ParticipantRow.lease_expires_at > now) & ParticipantRow.connections.contains(connection.connection_id)
    return _update(connection.room_id, connection.user_id, changes, condition) is not None


def renew_http_lease(connection: Connection, expires_at: Moment, now: Moment) -> None:
    """Keep the seat of a client that never sent `sync` or `ping`."""
    lease = ParticipantRow.lease_expires_at
    condition = (ParticipantRow.lease_kind == "http") & (lease > now) & (lease < expires_at)
    _update(connection.room_id, connection.user_id, [lease.set(expires_at)], condition)


def set_muted(room_id: str, user_id: str, is_muted: bool, now: Moment) -> Participant | None:
    """Mute (which also ends speaking) or unmute. The membership as it was before; None where there is none."""
    changes: list[Action] = [ParticipantRow.is_muted.set(is_muted)]
    if is_muted:
        changes.append(ParticipantRow.is_speaking.set(False))
    return _update(room_id, user_id, changes, ParticipantRow.lease_expires_at > now)


def set_speaking(room_id: str, user_id: str, is_speaking: bool, now: Moment) -> Participant | None:
    """Speak or fall silent. The membership as it was before; None where there is none, or it is muted."""
    condition = ParticipantRow.lease_expires_at > now
    if is_speaking:
        condition &= ParticipantRow.is_muted == False  # noqa: E712  # builds an expression
    return _update(room_id, user_id, [ParticipantRow.is_speaking.set(is_speaking)], condition)


def attach(room_id: str, user_id: str, connection_id: str, lease_expires_at: Moment, now: Moment) -> Participant | None:
    """A connection of the member is there. The membership as it was before; None where there is none."""
    changes = [
        ParticipantRow.connections.add({connection_id}),
        ParticipantRow.is_online.set(True),
        ParticipantRow.lease_expires_at.set(lease_expires_at),
    ]
    return _update(room_id, user_id, changes, ParticipantRow.lease_expires_at > now)


def detach_last(room_id: str, user_id: str, connection_id: str, lease_expires_at: Moment, now: Moment) -> bool:
    """The member's only connection is gone: offline, with a shorter lease. False where others are left, or none was."""
    changes = [
        ParticipantRow.connections.remove(),
        ParticipantRow.is_online.set(False),
        ParticipantRow.is_speaking.set(False),
        ParticipantRow.lease_expires_at.set(lease_expires_at),
    ]
    condition = (ParticipantRow.connections == {connection_id}) & (ParticipantRow.lease_expires_at > now)
    return _update(room_id, user_id, changes, condition) is not None


def detach(room_id: str, user_id: str, connection_id: str) -> bool:
    """One of several connections of the member is gone. False where it was the only one, or none of theirs."""
    changes = [ParticipantRow.connections.delete({connection_id})]
    held = ParticipantRow.connections
    condition = held.contains(connection_id) & (held != {connection_id})
    return _update(room_id, user_id, changes, condition) is not None


def claim_ending(member: Participant, now: Moment) -> bool:
    """Be the one who ends a membership whose lease ran out; a claim that leads to nothing is over in 10 s.

    Without it, everybody who notices at the same moment would take a number of the log, and all but one in vain.
    """
    condition = (ParticipantRow.lease_expires_at == member.lease_expires_at) & (
        ParticipantRow.ending_since.does_not_exist() | (ParticipantRow.ending_since <= now - _CLAIM_MS)
    )
    return _update(member.room_id, member.user_id, [ParticipantRow.ending_since.set(now)], condition) is not None


def _update(room_id: str, user_id: str, actions: Sequence[Action], condition: Condition) -> Participant | None:
    """The membership as it was before the update, or None where the condition refuses. 1 write unit."""
    try:
        answer = ParticipantRow._get_connection().update_item(
            room_id, user_id, actions=list(actions), condition=condition, return_values="ALL_OLD"
        )
    except UpdateError as error:
        if is_refused(error):
            return None
        raise
    return ParticipantRow.from_raw_data(answer["Attributes"]).record()
