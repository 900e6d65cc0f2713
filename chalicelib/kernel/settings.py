"""Settings: every environment variable that the functions read, in one place.

No secret has a default. If neither `AUTH_JWKS_URL` nor `AUTH_SECRET` is set, every call answers 401, and the log
says what to set.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Limit:
    """At most `count` acts in a window of `seconds`. The window opens with the first act."""

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
    auth_strict: bool = False
    """True if every call is refused while issuer or audience are not set. `*` stands for any. True in stage `prod`."""
    auth_admin_claim: str = "cognito:groups"
    auth_admin_value: str = "admin"
    auth_name_claim: str = ""
    """The claim that holds the name of a user. If it is empty or has no name, the usual claims are read."""
    names_from_token: bool = False
    """True if names and avatars come only from the token: users can't choose their own."""
    avatar_hosts: str = ""
    """Hosts whose pictures may be shown as avatars, separated by commas. If empty, those of the sign-in service."""
    cors_allow_origin: str = "*"
    public_url: str = ""
    """The address of the HTTP API (`https://HOST/api`), for links. If empty, the host of the request is used."""
    websocket_url: str = ""
    """The address of the WebSocket API, for `websocket.url`. If empty, it is found by the name of the API."""
    websocket_api_name: str = "coworking-rooms-dev-websocket-api"
    connections_endpoint: str = ""
    """The address that frames are posted to. If empty, it is made from the event. The local stack sets it."""
    socket_tokens: bool = True
    """True if a JWT may open a WebSocket. A ticket always may. False in stage `prod`."""
    origin_secret: str = ""
    """What the CDN sends in the header `X-Origin-Secret`. If set, a request or an upgrade without it is refused."""
    message_retention_days: int = 90
    edit_window_hours: int = 24
    """How long an author may edit a message."""
    rooms_limit: Limit = Limit(5, 86_400)
    messages_limit: Limit = Limit(30, 10)
    joins_limit: Limit = Limit(30, 60)
    reports_limit: Limit = Limit(10, 86_400)
    owned_rooms_limit: int = 20
    """Rooms that a user may own at the same time, active or not."""
    room_idle_days: int = 30
    """After so many days without anybody in it, a user's room becomes inactive."""
    http_lease_minutes: int = 60
    """How long a seat lasts without a call or a frame, if its client has never sent `sync` or `ping`."""
    seats_limit: int = 5
    """Seats that a user may hold at the same time, in different rooms."""
    budget_limit: Limit = Limit(3000, 30)
    """In units of `store.budgets`."""
    aws_region: str = ""
    """From `AWS_REGION` or `AWS_DEFAULT_REGION`; Lambda sets the first."""
    aws_ca_bundle: str = ""
    lambda_handler: str = ""
    """From `_HANDLER`: which function this process is. Empty outside of Lambda."""
    aws_lambda_runtime_api: str = ""
    powertools_log_level: str = "INFO"
    powertools_metrics_namespace: str = "CoworkingRooms"
    powertools_metrics_disabled: bool = False

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the variables, which have the names of the fields in capitals. Limits are written `COUNT/SECONDS`.

        Raises:
            ValueError: a variable has a value that its field can't hold; the message names the variable.
        """
        found = (
            (name, type(field.default), _find(name, environment)) for name, field in cls.__dataclass_fields__.items()
        )
        values = {name: _parse(variable, text, kind) for name, kind, (variable, text) in found if text}
        settings = cls(**values)  # type: ignore[arg-type]  # _parse returns the type of the field's default
        if settings.powertools_log_level.upper() not in logging.getLevelNamesMapping():
            raise ValueError(f"POWERTOOLS_LOG_LEVEL={settings.powertools_log_level!r} is no level")
        if "@" in urlsplit(settings.auth_jwks_url).netloc:
            raise ValueError("AUTH_JWKS_URL must not have a user name or a password")  # errors would log it
        return settings


_BOOLEANS = dict.fromkeys(("true", "1", "yes", "y", "on", "t"), True) | dict.fromkeys(
    ("false", "0", "no", "n", "off", "f"), False
)
_OTHER_NAMES = {"aws_region": ("AWS_REGION", "AWS_DEFAULT_REGION"), "lambda_handler": ("_HANDLER",)}


def _find(name: str, environment: Mapping[str, str]) -> tuple[str, str]:
    """The variable of a field, and its value."""
    names = _OTHER_NAMES.get(name, (name.upper(),))
    return next(((one, environment[one]) for one in names if environment.get(one)), (names[0], ""))


def _parse(variable: str, text: str, kind: type) -> object:
    try:
        if kind is bool:
            return _BOOLEANS[text.lower()]
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
