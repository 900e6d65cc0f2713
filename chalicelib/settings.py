"""What the deployment decides: every environment variable that the functions read, in one place.

Nothing here has a secret as its default: with neither `AUTH_JWKS_URL` nor `AUTH_SECRET` every call is
answered 401, and the log says what to set.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True)
class Limit:
    """At most `count` acts in any window of `seconds`, which opens with the first of them."""

    count: int
    seconds: int


@dataclass(frozen=True)
class Settings:
    """The configuration of one deployment. Durations are seconds unless the name says otherwise."""

    table_prefix: str = "coworking-"
    auth_jwks_url: str = ""
    auth_secret: str = ""
    auth_issuer: str = ""
    auth_audience: str = ""
    auth_admin_claim: str = "cognito:groups"
    auth_admin_value: str = "admin"
    cors_allow_origin: str = "*"
    public_url: str = ""
    """Where clients see the HTTP API (`https://HOST/api`), for links; the request's own host where empty."""
    websocket_url: str = ""
    """What `websocket.url` starts with; found by the API's name where empty."""
    websocket_api_name: str = "coworking-rooms-dev-websocket-api"
    connections_endpoint: str = ""
    """Where frames are posted; made from the `$connect` event where empty. The local stack sets it."""
    socket_tokens: bool = True
    """Whether a WebSocket may be opened with a JWT; a ticket always opens one."""
    message_retention_days: int = 90
    rooms_limit: Limit = Limit(5, 86_400)
    messages_limit: Limit = Limit(30, 10)
    joins_limit: Limit = Limit(30, 60)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the variables named as the fields in capitals; limits are written `COUNT/SECONDS`.

        Raises:
            ValueError: a variable holds what its field can't mean; the message names the variable.
        """
        values = {
            name: _parse(name.upper(), environment[name.upper()], type(field.default))
            for name, field in cls.__dataclass_fields__.items()
            if environment.get(name.upper())
        }
        return cls(**values)  # type: ignore[arg-type]  # _parse returns what the field's default is


def _parse(variable: str, text: str, kind: type) -> object:
    try:
        if kind is bool:
            return {"true": True, "1": True, "false": False, "0": False}[text.lower()]
        if kind is Limit:
            count, _, seconds = text.partition("/")
            return Limit(_at_least_one(count), _at_least_one(seconds))
        return _at_least_one(text) if kind is int else text
    except (ValueError, KeyError) as error:
        raise ValueError(f"{variable}={text!r} is not understood") from error


def _at_least_one(text: str) -> int:
    if int(text) < 1:
        raise ValueError("less than one")
    return int(text)


@cache
def settings() -> Settings:
    """The settings of this process, read once from its environment."""
    return Settings.from_environment(os.environ)
