"""The wire types of relayed frames."""

from typing import Annotated, Literal

from pydantic import Field, StrictBool

from chalicelib.contract import ClientFrame


class Typing(ClientFrame):
    """The sender starts or stops typing; it is not stored."""

    type: Literal["typing"]
    is_typing: StrictBool


class Signal(ClientFrame):
    """WebRTC signalling to one user, to one connection, or to all others."""

    type: Literal["offer", "answer", "ice-candidate"]
    to: Annotated[str, Field(min_length=1, max_length=128)] | None = None


class Relay(ClientFrame):
    """Any other type. It is relayed as it is to the other connections of the room."""
