"""An open WebSocket connection, and what is done to it."""

from dataclasses import dataclass, field

from chalicelib.kernel.times import Moment


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection of one user in one room. Frames are posted to `endpoint`."""

    room_id: str
    connection_id: str
    user_id: str
    endpoint: str
    connected_at: Moment
    announced: bool = field(compare=False)
    """True if the peers have been told of it. A copy may be outdated, so comparisons ignore it."""


@dataclass(frozen=True, slots=True)
class OutboundFrame:
    """One message for one connection. The data stays out of logs."""

    connection: Connection
    data: bytes = field(repr=False)
    opens_within: float = 3.0
    """The seconds for which the 410 of a new connection is retried: its `$connect` may not have finished."""


@dataclass(frozen=True, slots=True)
class Close:
    """An order to close one connection."""

    connection: Connection
