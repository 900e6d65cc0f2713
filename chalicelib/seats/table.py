"""The `participants` table: who is in a room, and until when."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from pynamodb.expressions.update import Action

from chalicelib.delivery import Connection
from chalicelib.grants.rules import Role
from chalicelib.kernel.times import Moment
from chalicelib.log import LogPosition
from chalicelib.rooms.table import Room, count_join, count_leave
from chalicelib.seats.connections import CONNECTIONS, get_roster
from chalicelib.store import Check, Condition, Delete, Put, Store, Table, Update, Write

LeaseKind = Literal["http", "socket", "expected"]

_CLAIM_MS = 10_000


@dataclass(frozen=True, slots=True)
class Participant:
    """A membership: the seat of one user in one room. A lease holds it and must be renewed."""

    room_id: str
    user_id: str
    name: str
    avatar: str | None
    joined_at: Moment
    lease_expires_at: Moment
    lease_kind: LeaseKind = "http"
    is_muted: bool = True
    is_speaking: bool = False
    is_online: bool = True
    connections: frozenset[str] = frozenset()
    role: Role | None = None
    """As in the room's grants; None means a member by the seat alone."""
    muted_by: str | None = None
    """The moderator who muted the user, until a moderator lifts it."""
    read_seq: int | None = None
    """The number of the user's last message: the user has read everything up to it."""
    read_n: int | None = None
    """How many text messages the log had up to there."""

    def holds_at(self, now: Moment) -> bool:
        """True if the lease is valid. When it ends, the seat is free."""
        return self.lease_expires_at > now


@dataclass(frozen=True, slots=True)
class Seat:
    """A membership as the index by user has it. A renewal changes none of these fields."""

    room_id: str
    joined_at: Moment


PARTICIPANTS = Table("participants", Participant, also={"ending_since": int})


def get_participant(store: Store, room_id: str, user_id: str) -> Participant | None:
    """The membership as it is now. Its lease may have ended."""
    return store.get(PARTICIPANTS, (room_id, user_id))


def list_participants(store: Store, room_id: str) -> list[Participant]:
    """All memberships of the room, oldest first, their leases valid or not. About 1 read unit for 13 of them."""
    members = store.query(PARTICIPANTS, room_id, consistent=True)
    return sorted(members, key=lambda member: (member.joined_at, member.user_id))


def list_seats(store: Store, user_id: str) -> list[Seat]:
    """The user's seats in all rooms, from the index: it may be late, and has expired seats, too. 0.5 read units."""
    pages = store.pages(PARTICIPANTS, user_id, index="by_user")
    return [Seat(item["room_id"]["S"], int(item["joined_at"]["N"])) for page in pages for item in page]


def get_memberships(store: Store, user_id: str, room_ids: Sequence[str]) -> list[Participant]:
    """The user's memberships in these rooms, their leases valid or not. They may be a moment old."""
    return store.get_many(PARTICIPANTS, [(room_id, user_id) for room_id in room_ids]) if room_ids else []


def read_member_and_roster(store: Store, room_id: str, user_id: str) -> tuple[Participant | None, list[Connection]]:
    """A membership, its lease valid or not, and the connections of its room."""
    return store.run_parallel(partial(get_participant, store, room_id, user_id), partial(get_roster, store, room_id))


def update_participant(
    store: Store, room_id: str, user_id: str, actions: Sequence[Action], condition: Condition
) -> Participant | None:
    """The membership before the update, or None if the condition is not met. 1 write unit."""
    return store.update(PARTICIPANTS, (room_id, user_id), actions, condition)


def take_seat(participant: Participant, room: Room, admission: Sequence[Write]) -> list[Write]:
    """The writes of a join into a room that was read. `admission` has those that prove why the user gets in.

    They are refused if the user has a seat, if the room is full, locked, inactive or deleted, or if its owner has
    changed since it was read.
    """
    return [
        Put(PARTICIPANTS, participant, PARTICIPANTS.user_id.does_not_exist()),
        count_join(room, participant.user_id, participant.joined_at),
        *admission,
    ]


def give_up_seat(
    participant: Participant, leaving: Sequence[Connection], now: Moment, room_condition: Condition | None = None
) -> list[Write]:
    """The writes that end a membership and remove its connections from the roster.

    They are refused if the membership has changed since it was read, or if the condition of the room is not met.
    """
    return [
        Delete(PARTICIPANTS, (participant.room_id, participant.user_id), _is_as_read(participant)),
        *(Delete(CONNECTIONS, (one.room_id, one.connection_id)) for one in leaving),
        count_leave(participant.room_id, now, room_condition),
    ]


def require_seat(participant: Participant) -> Check:
    """The part of a transaction that refuses it if the user no longer has a seat. A deleted room has no seats."""
    return Check(PARTICIPANTS, (participant.room_id, participant.user_id), PARTICIPANTS.user_id.exists())


def mark_own(participant: Participant, position: LogPosition) -> Update:
    """As `require_seat`, for a message of the user at this position: it also moves the user's read marker there.

    Of two simultaneous messages of one user, either may be the last. The next message or `read` moves the marker on.
    """
    actions = [PARTICIPANTS.read_seq.set(position.last_seq), PARTICIPANTS.read_n.set(position.chat_n or 0)]
    key = (participant.room_id, participant.user_id)
    return Update(PARTICIPANTS, key, actions, PARTICIPANTS.user_id.exists())


def extend_lease(store: Store, member: Participant, expires_at: Moment, now: Moment, kind: LeaseKind) -> None:
    """Extend a lease that is valid, of the same kind as read, and ends before `expires_at`. It is of this kind then."""
    lease = PARTICIPANTS.lease_expires_at
    condition = (PARTICIPANTS.lease_kind == member.lease_kind) & (lease > now) & (lease < expires_at)
    changes = [lease.set(expires_at), PARTICIPANTS.lease_kind.set(kind)]
    update_participant(store, member.room_id, member.user_id, changes, condition)


def renew_socket_lease(store: Store, connection: Connection, expires_at: Moment, now: Moment) -> bool:
    """Make the lease a socket lease and renew it. False if it has ended, or the connection is not the member's."""
    changes = [PARTICIPANTS.lease_expires_at.set(expires_at), PARTICIPANTS.lease_kind.set("socket")]
    condition = (PARTICIPANTS.lease_expires_at > now) & PARTICIPANTS.connections.contains(connection.connection_id)
    return update_participant(store, connection.room_id, connection.user_id, changes, condition) is not None


def renew_http_lease(store: Store, room_id: str, user_id: str, expires_at: Moment, now: Moment) -> None:
    """Renew the lease of a client that never sent `sync` or `ping`. 1 write unit, also if there is no such lease."""
    lease = PARTICIPANTS.lease_expires_at
    condition = (PARTICIPANTS.lease_kind == "http") & (lease > now) & (lease < expires_at)
    update_participant(store, room_id, user_id, [lease.set(expires_at)], condition)


def attach(
    store: Store, connection: Connection, lease_expires_at: Moment, now: Moment, *, is_expected: bool = False
) -> Participant | None:
    """Add a connection to its member. The membership before that, or None if there is none.

    `is_expected`: the lease waited for this connection. It is an HTTP lease now, until the first `sync` or `ping`.
    """
    changes = [
        PARTICIPANTS.connections.add({connection.connection_id}),
        PARTICIPANTS.is_online.set(True),
        PARTICIPANTS.lease_expires_at.set(lease_expires_at),
        *([PARTICIPANTS.lease_kind.set("http")] if is_expected else []),
    ]
    condition = PARTICIPANTS.lease_expires_at > now
    return update_participant(store, connection.room_id, connection.user_id, changes, condition)


def detach(store: Store, connection: Connection) -> bool:
    """Remove one of several connections of the member. False if it is the only one, or of another member."""
    changes = [PARTICIPANTS.connections.delete({connection.connection_id})]
    held = PARTICIPANTS.connections
    condition = held.contains(connection.connection_id) & (held != {connection.connection_id})
    return update_participant(store, connection.room_id, connection.user_id, changes, condition) is not None


def detach_last(store: Store, connection: Connection, lease_expires_at: Moment, now: Moment) -> bool:
    """Remove the member's only connection: offline, with a shorter lease. False if it is not the only one."""
    changes = [
        PARTICIPANTS.connections.remove(),
        PARTICIPANTS.is_online.set(False),
        PARTICIPANTS.is_speaking.set(False),
        PARTICIPANTS.lease_expires_at.set(lease_expires_at),
    ]
    condition = (PARTICIPANTS.connections == {connection.connection_id}) & (PARTICIPANTS.lease_expires_at > now)
    return update_participant(store, connection.room_id, connection.user_id, changes, condition) is not None


def claim_ending(store: Store, member: Participant, now: Moment) -> bool:
    """Claim the task of ending an expired membership. The claim lasts 10 s. False if another process has claimed it.

    Many processes notice an expired lease at the same moment. Without the claim, each would allocate a number.
    """
    condition = (PARTICIPANTS.lease_expires_at == member.lease_expires_at) & (
        PARTICIPANTS.ending_since.does_not_exist() | (PARTICIPANTS.ending_since <= now - _CLAIM_MS)
    )
    actions = [PARTICIPANTS.ending_since.set(now)]
    return update_participant(store, member.room_id, member.user_id, actions, condition) is not None


def _is_as_read(participant: Participant) -> Condition:
    """True if the lease, the connections and the join time are the same as when the membership was read."""
    held, known = PARTICIPANTS.connections, set(participant.connections)
    condition: Condition = held == known if known else held.does_not_exist()
    condition &= PARTICIPANTS.joined_at == participant.joined_at
    condition &= PARTICIPANTS.lease_expires_at == participant.lease_expires_at
    return condition
