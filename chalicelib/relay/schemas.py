"""The wire types of relayed frames."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StrictBool

from chalicelib.contract import ClientFrame
from chalicelib.contract.frames import MAX_ADDRESS, read_address

To = Annotated[
    str, Field(min_length=1, max_length=MAX_ADDRESS, description="the receiver: a user id or a connection id")
]


class Addressed(ClientFrame):
    """A relayed frame to one user, to one connection, or to all others."""

    to: Annotated[To | None, BeforeValidator(read_address)] = None


class Typing(Addressed):
    """The sender starts or stops typing; it is not stored."""

    type: Literal["typing"]
    is_typing: StrictBool


class Signal(ClientFrame):
    """WebRTC signalling to one user, to one connection, or to all others."""

    type: Literal["offer", "answer", "ice-candidate"]
    to: To | None = None


class Relay(Addressed):
    """Any other type. It is relayed as it is to the other connections of the room, or to those that `to` names."""
