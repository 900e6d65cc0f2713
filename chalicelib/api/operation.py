"""What a view is: a function from a call, and perhaps a body or a query, to an answer.

The types of its parameters validate what clients send, and make the OpenAPI document: there is one truth.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Generic, TypeVar, get_type_hints

from pydantic import BaseModel

from chalicelib import telemetry
from chalicelib.auth import User, authenticate
from chalicelib.backend import Backend
from chalicelib.errors import CoworkingError, ForbiddenError, InvalidRequestError, RoomNotFoundError
from chalicelib.schemas import is_uuid
from chalicelib.times import Moment

T = TypeVar("T")
MAX_CLIENT_KEY = 64


@dataclass(frozen=True)
class Call:
    """One authenticated request, less its body and query."""

    backend: Backend
    now: Moment
    headers: Mapping[str, str]
    path: str
    route_path: str
    path_parameters: Mapping[str, str]

    @cached_property
    def user(self) -> User:
        """Who is calling.

        Raises:
            UnauthorizedError: nobody that we know.
        """
        return authenticate(self.headers.get("authorization"), self.backend.settings, self.now)

    @property
    def room_id(self) -> str:
        """The room that the path names, spelled as ids are.

        Raises:
            RoomNotFoundError: what stands there is no id.
        """
        room_id = self.path_parameters["room_id"].lower()
        if not is_uuid(room_id):
            raise RoomNotFoundError
        return room_id

    @property
    def base_url(self) -> str:
        """The address of the API, as the caller sees it: what every path is relative to."""
        if self.backend.settings.public_url:
            return self.backend.settings.public_url.rstrip("/")
        stage = self.path.rstrip("/").rsplit("/", self.route_path.count("/"))[0]
        return f"{self.headers.get('x-forwarded-proto', 'http')}://{self.headers.get('host', 'localhost')}{stage}"

    @property
    def client_key(self) -> str | None:
        """The `Idempotency-Key`, where there is one.

        Raises:
            InvalidRequestError: it is empty or too long.
        """
        key = self.headers.get("idempotency-key")
        if key is not None and not 1 <= len(key) <= MAX_CLIENT_KEY:
            msg = f"must have 1 to {MAX_CLIENT_KEY} characters"
            raise InvalidRequestError([{"loc": ["Idempotency-Key"], "msg": msg, "type": "string_length"}])
        telemetry.current().note(ref=key)
        return key

    def require_admin(self) -> None:
        """
        Raises:
            ForbiddenError: the caller is not an administrator.
        """
        if not self.user.is_admin:
            raise ForbiddenError("Only administrators may do this")


@dataclass(frozen=True)
class Reply(Generic[T]):
    """An answer with headers of its own."""

    body: T
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Page:
    """An answer that isn't JSON."""

    text: str
    content_type: str
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Operation:
    """A view and what is known of it."""

    view: Callable[..., Any]
    status: int
    errors: tuple[type[CoworkingError], ...]
    idempotent: bool

    @cached_property
    def types(self) -> dict[str, Any]:
        """The types of the view's parameters, and of its answer as `return`."""
        return get_type_hints(self.view)

    @property
    def body(self) -> type[BaseModel] | None:
        """What a request's body must be."""
        return self.types.get("body")

    @property
    def query(self) -> type[BaseModel] | None:
        """What a request's query must be."""
        return self.types.get("query")


def operation(
    *errors: type[CoworkingError], status: int = 200, idempotent: bool = False
) -> Callable[[Callable[..., Any]], Operation]:
    """Make a function a view: the status of its answer, and the errors that are its own.

    `idempotent`: it heeds `Idempotency-Key`. Errors of sign-in, of the body and of the query go without saying.
    """
    return lambda view: Operation(view, status, errors, idempotent)
