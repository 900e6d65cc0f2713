"""The wire types of a person's data."""

from typing import Literal

from chalicelib.contract import Answer


class ErasureState(Answer):
    """The deletion has begun, or was under way already. It goes on by itself; a small account takes two minutes."""

    state: Literal["started", "under_way"]
