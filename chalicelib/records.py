"""What the store keeps, as plain values. Moments are milliseconds since the epoch."""

from dataclasses import dataclass
from typing import Literal

from chalicelib.times import Moment

RoomStatus = Literal["active", "inactive"]
MessageType = Literal["text", "emoji", "system"]
LeaseKind = Literal["http", "socket"]


@dataclass(frozen=True, slots=True)
class Room:
    """A room with seats. `created_by` is None where the service seeded it."""

    id: str
    name: str
    description: str
    status: RoomStatus
    participant_count: int
    max_participants: int
    color: str
    created_at: Moment
    created_by: str | None


@dataclass(frozen=True, slots=True)
class Participant:
    """A membership: one user's seat in one room, held by a lease that must be renewed."""

    room_id: str
    user_id: str
    name: str
    avatar: str | None
    is_muted: bool
    is_speaking: bool
    is_online: bool
    joined_at: Moment
    lease_expires_at: Moment
    lease_kind: LeaseKind
    connections: frozenset[str] = frozenset()

    def holds_at(self, now: Moment) -> bool:
        """Whether the lease is still good; from the moment it isn't, the seat is free."""
        return self.lease_expires_at > now


@dataclass(frozen=True, slots=True)
class Message:
    """One entry of a room's log. `user_id` is None where the room itself speaks."""

    room_id: str
    seq: int
    id: str
    type: MessageType
    user_id: str | None
    user: str
    avatar: str | None
    text: str
    created_at: Moment


@dataclass(frozen=True, slots=True)
class Connection:
    """An open WebSocket: one user's, in one room, reached by posting to `endpoint`."""

    room_id: str
    connection_id: str
    user_id: str
    endpoint: str
    connected_at: Moment
    announced: bool


@dataclass(frozen=True, slots=True)
class Profile:
    """How a user wants to be shown."""

    user_id: str
    name: str
    avatar: str | None
