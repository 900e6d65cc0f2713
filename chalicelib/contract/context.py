"""Contexts: who acts, in which room, at what time, with which backend. Services take one as their first parameter."""

from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from chalicelib.backend import Backend
from chalicelib.contract.access import PROVEN_BY_ROWS, Access, MissingProofError
from chalicelib.contract.frames import Ack, ClientFrame, Frame, ServerFrame
from chalicelib.delivery import Connection, OutboundFrame
from chalicelib.kernel.settings import Settings
from chalicelib.kernel.times import Moment, iso
from chalicelib.store import Store

F = TypeVar("F", bound=ClientFrame)
S = TypeVar("S", bound=ServerFrame)


@dataclass
class Context:
    """One act of a user in a room. `now` is the time of the whole act."""

    backend: Backend
    room_id: str
    user_id: str
    now: Moment
    is_admin: bool = field(default=False, kw_only=True)
    """True for an administrator over HTTP. A connection does not tell who is one."""
    _proven: set[Access] = field(default_factory=set, init=False, repr=False)

    @property
    def store(self) -> Store:
        return self.backend.store

    @property
    def settings(self) -> Settings:
        return self.backend.settings

    def prove(self, access: Access) -> None:
        """Note that rows have shown this access."""
        self._proven.add(access)

    def require_proof(self, access: Access) -> None:
        """Check that the service has proven an access which only rows can show.

        Raises:
            MissingProofError: it has not.
        """
        if access in PROVEN_BY_ROWS and access not in self._proven:
            raise MissingProofError(access.name)

    def for_user(self, user_id: str) -> "Context":
        """The context of another user in the same room at the same time. Its `claim_ack` returns no ack."""
        return Context(self.backend, self.room_id, user_id, self.now)

    def stamp(self, frame: type[S], **fields: Any) -> S:
        """A server frame with the room and the time of this act, and with its user if the frame has a sender.

        Example: `context.stamp(MessageSent, seq=message.seq, data=answer)`
        """
        if "sender" in frame.model_fields:
            fields.setdefault("sender", self.user_id)
        return frame(room_id=self.room_id, ts=iso(self.now), **fields)

    def claim_ack(self, data: object = None) -> list[OutboundFrame]:  # noqa: ARG002  # FrameContext uses it
        """The ack that the sender of a frame is waiting for, if one is owed. HTTP calls owe none."""
        return []


@dataclass
class FrameContext(Context, Generic[F]):
    """One frame of a connection whose user and room are known."""

    connection: Connection
    frame: F
    raw: Frame
    """The frame as the client shaped it."""
    prefetched_roster: list[Connection] | None = None
    """The room's connections, once they have been read: to identify the sender, or to prove that it is a member."""
    is_acknowledged: bool = False

    def claim_ack(self, data: object = None) -> list[OutboundFrame]:
        """The ack, once, if the client gave the frame an `id`. It is sent together with the broadcast."""
        if self.frame.id is None or self.is_acknowledged:
            return []
        self.is_acknowledged = True
        return [OutboundFrame(self.connection, self.stamp(Ack, ref=self.frame.id, data=data).encode())]
