"""Frames: their base types, and how a feature declares one.

A client frame carries its fields under `data` or beside `type`. A server frame is an envelope with `type`, `roomId`
and `ts`, and if they apply `data`, `from`, `connection`, `seq` and `ref`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SerializeAsAny

from chalicelib.contract.access import Access
from chalicelib.contract.fields import Timestamp, Uuid
from chalicelib.identity.avatars import AvatarHosts

TYPE_PATTERN = r"^[A-Za-z0-9_.:-]{1,64}$"
MAX_ID = 64
FrameId = Annotated[str, Field(min_length=1, max_length=MAX_ID, description="the client's own name for this frame")]
Frame = dict[str, Any]
"""A frame as JSON."""
TEXT_PING: Frame = {"type": "ping"}
"""The text `ping` is read as this frame. Some WebSocket libraries send this text, and expect the text `pong`."""


class ClientFrame(BaseModel):
    """The fields of every frame from a client."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    type: Annotated[str, Field(pattern=TYPE_PATTERN)]
    id: FrameId | None = None


class Data(BaseModel):
    """The content of a server frame."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


class ServerFrame(BaseModel):
    """The fields of every frame from the server."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, serialize_by_alias=True)

    type: str
    room_id: Annotated[Uuid, Field(alias="roomId")]
    ts: Timestamp

    def encode(self, hosts: AvatarHosts | None = None) -> bytes:
        """The frame as bytes for the wire. With `hosts`, it shows only avatars of these."""
        return self.model_dump_json(context=hosts).encode()

    @classmethod
    def type_name(cls) -> str:
        """The value of `type`."""
        return str(cls.model_fields["type"].default)


Ref = Annotated[str | None, Field(exclude_if=lambda value: value is None, description="the `id` this answers")]
Sender = Annotated[
    str | None, Field(alias="from", exclude_if=lambda value: value is None, description="user id, set by the server")
]
SenderConnection = Annotated[
    str | None, Field(exclude_if=lambda value: value is None, description="connection id, set by the server")
]
Seq = Annotated[int, Field(ge=1, description="the sequence number in the room's log")]


class Ack(ServerFrame):
    """The frame named by `ref` is done. For `message` and `emoji`, `data` is the stored message."""

    type: Literal["ack"] = "ack"
    ref: Ref = None
    data: Annotated[SerializeAsAny[BaseModel] | None, Field(exclude_if=lambda value: value is None)] = None


class ErrorData(Data):
    """The error: `code` for programs, `detail` for people, and further fields that depend on the code."""

    model_config = ConfigDict(frozen=True, extra="allow")

    code: str
    detail: str


class Error(ServerFrame):
    """The frame named by `ref` was refused and has changed nothing."""

    type: Literal["error"] = "error"
    room_id: Annotated[str, Field(alias="roomId", description="empty if the room of the connection is unknown")]
    ref: Ref = None
    data: ErrorData


FrameAccess = Literal[Access.MEMBER, Access.MODERATOR, Access.OWNER]
"""The access that a frame can require. A connection belongs to a member; it does not tell who is an administrator."""


@dataclass(frozen=True)
class FrameSpec:
    """A frame that clients send: its name, its type, its handler, and an example for the documents.

    Example: `FrameSpec("typing", Typing, typing, example={"data": {"is_typing": True}})`

    `price` is what the frame itself costs its user, in units of `store.budgets`; the frames that it sends are charged
    in addition. `answers` names the frames that answer it. The dispatcher sends an `ack`, unless the handler's
    broadcast carried it; `result` is the type of its `data`. `is_signal` counts the frame against the larger limits of
    WebRTC signalling. `is_relayed` means that peers receive the frame as the client shaped it.
    """

    name: str
    model: type[ClientFrame]
    handler: Callable[[Any], None]
    example: Frame = field(default_factory=dict)
    access: FrameAccess = Access.MEMBER
    price: int = 2
    answers: tuple[str, ...] = ("ack",)
    result: type[BaseModel] | None = None
    is_signal: bool = False
    is_relayed: bool = False
