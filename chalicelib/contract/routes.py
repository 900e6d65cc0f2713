"""Routes: how a feature declares an HTTP operation, and what its view receives and returns.

The types of a view's parameters `body` and `query` validate requests and make the OpenAPI document.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from inspect import Parameter, signature
from typing import Any, Generic, Literal, TypeVar, get_type_hints
from urllib.parse import unquote

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from chalicelib.backend import Backend
from chalicelib.contract.access import Access
from chalicelib.contract.context import Context
from chalicelib.contract.fields import MAX_INTEGER, UserId, is_uuid
from chalicelib.identity.tokens import User
from chalicelib.kernel import telemetry
from chalicelib.kernel.errors import CoworkingError, InvalidRequestError, MessageNotFoundError, RoomNotFoundError
from chalicelib.kernel.times import Moment

T = TypeVar("T")
MAX_CLIENT_KEY = 64
_USER_ID: TypeAdapter[str] = TypeAdapter(UserId)


class Body(BaseModel):
    """Base of what clients send. Unknown fields are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Answer(BaseModel):
    """Base of what clients receive."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


class Success(Answer):
    """The operation is done."""

    success: Literal[True] = True
    message: str


@dataclass(frozen=True)
class Request:
    """One HTTP request, without its body and query."""

    backend: Backend
    now: Moment
    headers: Mapping[str, str]
    path: str
    route_path: str
    path_parameters: Mapping[str, str]

    @cached_property
    def user(self) -> User:
        """The caller.

        Raises:
            UnauthorizedError: there is no valid token.
        """
        return self.backend.authenticator.authenticate(self.headers.get("authorization"), self.now)

    @cached_property
    def context(self) -> Context:
        """The caller in the room that the path names.

        Raises:
            RoomNotFoundError: the path holds no id.
        """
        room_id = self.path_parameters["room_id"].lower()
        if not is_uuid(room_id):
            raise RoomNotFoundError
        return Context(self.backend, room_id, self.user.id, self.now, is_admin=self.user.is_admin)

    def parameter(self, name: str) -> str:
        """A parameter of the path, decoded. A REST API passes on what the client sent, such as `auth0%7Cada`
        (aws/chalice#688)."""
        return unquote(self.path_parameters[name])

    @property
    def target_id(self) -> str:
        """The user that the path names.

        Raises:
            InvalidRequestError: it is no valid id of a user.
        """
        try:
            return _USER_ID.validate_python(self.parameter("user_id"))
        except ValidationError as error:
            raise InvalidRequestError.of("user_id", "must be 1 to 128 characters without control characters") from error

    @property
    def seq(self) -> int:
        """The number of the message that the path names.

        Raises:
            MessageNotFoundError: it is not the number of a message.
        """
        text = self.path_parameters["seq"]
        if not re.fullmatch(r"[1-9][0-9]{0,15}", text) or int(text) > MAX_INTEGER:
            raise MessageNotFoundError
        return int(text)

    @property
    def base_url(self) -> str:
        """The address of the API as the caller sees it, without a path."""
        if self.backend.settings.public_url:
            return self.backend.settings.public_url.rstrip("/")
        stage = self.path.rstrip("/").rsplit("/", self.route_path.count("/"))[0]
        return f"{self.headers.get('x-forwarded-proto', 'http')}://{self.headers.get('host', 'localhost')}{stage}"

    @property
    def client_key(self) -> str | None:
        """The `Idempotency-Key` header, if there is one.

        Raises:
            InvalidRequestError: it is empty or too long.
        """
        key = self.headers.get("idempotency-key")
        if key is not None and not 1 <= len(key) <= MAX_CLIENT_KEY:
            msg = f"must have 1 to {MAX_CLIENT_KEY} characters"
            raise InvalidRequestError([{"loc": ["Idempotency-Key"], "msg": msg, "type": "string_length"}])
        telemetry.current().note(ref=key)
        return key


@dataclass(frozen=True)
class Reply(Generic[T]):
    """An answer with headers of its own."""

    body: T
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Page:
    """A public document. Clients may keep it for an hour, and ask with `If-None-Match` whether it has changed."""

    text: str
    headers: dict[str, str] = field(default_factory=dict)

    @cached_property
    def etag(self) -> str:
        """The value of the header `ETag`."""
        return f'"{hashlib.sha256(self.text.encode()).hexdigest()[:32]}"'

    def is_held_by(self, if_none_match: str) -> bool:
        """True if one of the tags is this page's. A proxy that compresses marks tags as weak."""
        return self.etag in (tag.strip().removeprefix("W/") for tag in if_none_match.split(","))


@dataclass(frozen=True)
class Route:
    """An HTTP operation: method, path below the stage, view, and the rule of access.

    Example: `Route("PUT", "/coworking/rooms/{room_id}/hand", set_hand, access=Access.MEMBER)`

    `price` is what the call itself costs its user, in units of `store.budgets`; the frames that it sends and the size
    of its answer are charged in addition. `errors` lists the view's own errors, for the documents. `idempotent` means
    that it accepts `Idempotency-Key`. `content_type` is that of a `Page`; other answers are JSON.
    """

    method: str
    path: str
    view: Callable[..., Any]
    access: Access = field(kw_only=True)
    price: int = field(default=6, kw_only=True)
    status: int = field(default=200, kw_only=True)
    errors: tuple[type[CoworkingError], ...] = field(default=(), kw_only=True)
    idempotent: bool = field(default=False, kw_only=True)
    content_type: str = field(default="application/json", kw_only=True)

    @property
    def name(self) -> str:
        """The name of the operation: feature and view, such as `chat_send_message`."""
        return f"{self.feature}_{self.view.__name__}"

    @property
    def feature(self) -> str:
        """The folder of the view."""
        return self.view.__module__.split(".")[1]

    @property
    def has_room(self) -> bool:
        """True if the path names a room."""
        return "room_id" in self.path_names

    @cached_property
    def path_names(self) -> list[str]:
        """The names of the path's parameters."""
        return re.findall(r"{(\w+)}", self.path)

    @cached_property
    def types(self) -> dict[str, Any]:
        """The types of the view's parameters, and of its answer as `return`."""
        return get_type_hints(self.view)

    @property
    def body(self) -> type[BaseModel] | None:
        """The type of the request's body."""
        return self.types.get("body")

    @property
    def is_body_optional(self) -> bool:
        """True if the view has a default for its body."""
        return self.body is not None and signature(self.view).parameters["body"].default is not Parameter.empty

    @property
    def query(self) -> type[BaseModel] | None:
        """The type of the request's query."""
        return self.types.get("query")
