"""Users who call the HTTP API of a stack, as front ends do.

    with Api(stack) as api:
        ada = api.person("Ada")
        room = ada.make_room()
        ada.join(room["id"])
        assert ada.post(f"/coworking/rooms/{room['id']}/messages", {"message_text": "hi"}).status_code == 200

`get`, `post`, `put`, `patch` and `delete` return any answer. The other methods require success.
"""

import uuid
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partialmethod
from typing import Any

import httpx

from infra.local.stack import LocalStack

Json = dict[str, Any]
ROOMS = "/coworking/rooms"


@dataclass(frozen=True)
class Caller:
    """A user who calls the API, with or without a token."""

    http: httpx.Client = field(repr=False)
    id: str
    name: str
    token: str | None = field(repr=False)

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        content: bytes | str | None = None,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Call with a JSON `body`, or with raw `content`. `key` is the `Idempotency-Key`."""
        sent = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        sent |= {"Idempotency-Key": key} if key is not None else {}
        if content is not None:
            sent |= {"Content-Type": "application/json"}
        return self.http.request(method, path, json=body, content=content, headers=sent | dict(headers or {}))

    get = partialmethod(request, "GET")
    post = partialmethod(request, "POST")
    put = partialmethod(request, "PUT")
    patch = partialmethod(request, "PATCH")
    delete = partialmethod(request, "DELETE")

    def make_room(self, name: str = "Room", **fields: object) -> Json:
        """Create a room. A user may create five a day."""
        return expect(201, self.post(ROOMS, {"name": name} | fields))

    def join(self, room_id: str) -> Json:
        return expect(200, self.post(f"{ROOMS}/{room_id}/join"))

    def leave(self, room_id: str) -> Json:
        return expect(200, self.post(f"{ROOMS}/{room_id}/leave"))

    def see(self, room_id: str) -> Json:
        """The details of a room."""
        return expect(200, self.get(f"{ROOMS}/{room_id}"))

    def say(self, room_id: str, text: str, key: str | None = None) -> Json:
        return expect(200, self.post(f"{ROOMS}/{room_id}/messages", {"message_text": text}, key=key))

    def history(self, room_id: str, **query: int) -> Json:
        return expect(200, self.get(f"{ROOMS}/{room_id}/messages?{httpx.QueryParams(query)}"))


class Api(ExitStack):
    """The HTTP API of a stack, and its callers; a context manager."""

    def __init__(self, stack: LocalStack) -> None:
        super().__init__()
        self.stack = stack
        client = httpx.Client(base_url=stack.api, timeout=30, verify=False)  # plain HTTP: no certificates to load
        self.http = self.enter_context(client)

    @property
    def nobody(self) -> Caller:
        """A caller without a token."""
        return self.bearer(None)

    def person(self, name: str = "Ada", *, avatar: str | None = None, roles: Sequence[str] = ()) -> Caller:
        """A new user, with an id that no other test uses."""
        user_id = f"{name.lower()}|{uuid.uuid4()}"
        return self.bearer(self.stack.token(user_id, name, avatar=avatar, roles=roles), user_id, name)

    def admin(self) -> Caller:
        return self.person("Grace", roles=["admin"])

    def bearer(self, token: str | None, user_id: str = "", name: str = "") -> Caller:
        return Caller(self.http, user_id, name, token)


def expect(status: int, answer: httpx.Response) -> Json:
    """The JSON body of an answer, which must have this status."""
    assert answer.status_code == status, f"{answer.request.method} {answer.request.url.path}: {answer.text}"
    body: Json = answer.json()
    return body


def links(answer: httpx.Response) -> dict[str, str]:
    """The URLs in the `Link` header of an answer, by relation."""
    return {relation: link["url"] for relation, link in answer.links.items() if relation is not None}
