"""The wire types of roles."""

from typing import Annotated, Literal

from pydantic import Field

from chalicelib.contract import Data
from chalicelib.grants.rules import Role
from chalicelib.log.schemas import EventFrame


class RoleChangedData(Data):
    """The user, the role from now on, and the user who gave it. A role of null means that nothing is left of it."""

    user_id: str
    role: Annotated[Role | None, Field(description="a role that lasts: it stays when the user leaves")]
    by: Annotated[str | None, Field(description="null if this user has deleted the account")]


class RoleChanged(EventFrame):
    """A user was given a role, or lost it."""

    type: Literal["role_changed"] = "role_changed"
    data: RoleChangedData


EVENTS = (RoleChanged,)
