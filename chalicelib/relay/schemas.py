"""The wire types of relayed frames."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StrictBool

from chalicelib.contract import ClientFrame

MAX_TO = 128
To = Annotated[str, Field(min_length=1, max_length=MAX_TO, description="the receiver: a user id or a connection id")]


def _read_address(to: object) -> str | None:
    """The user id or connection id. None for any other value: the client may use it, as all other fields."""
    return to if isinstance(to, str) and 1 <= len(to) <= MAX_TO else None


class Addressed(ClientFrame):
    """A relayed frame to one user, to one connection, or to all others."""

    to: Annotated[To | None, BeforeValidator(_read_address)] = None


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
