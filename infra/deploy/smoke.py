"""Two people in a room of their own: join, connect, relay, speak and leave, over what was deployed."""

import json
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Any, Self

import jwt
from websockets.exceptions import InvalidHandshake, WebSocketException
from websockets.sync.client import ClientConnection, connect

from infra.deploy.target import DeployError

Tell = Callable[[str], None]
Json = dict[str, Any]

SECONDS = 60.0
"""How long anything may take: the first event of a new function is the slowest."""
TOKEN_SECONDS = 600
ADVICE = "Look at the functions' logs (CloudWatch, /aws/lambda/coworking-rooms-...), mend that, and run the same again"


class Person:
    """Somebody who calls the HTTP API."""

    def __init__(self, api: str, token: str) -> None:
        self._api = api
        self._token = token

    def call(self, method: str, path: str, body: object = None) -> Any:
        """What the API answers, as JSON.

        Raises:
            DeployError: that is an error, or nothing.
        """
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._api + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as response:
                answer = response.read()
        except urllib.error.HTTPError as error:
            raise DeployError(
                f"{method} {path} answers {error.code}: {describe_problem(error.read())}", ADVICE
            ) from error
        except OSError as error:
            raise DeployError(f"{method} {path} is not answered: {error}", ADVICE) from error
        return json.loads(answer) if answer else None


class Socket:
    """A connection to a room; a context manager that closes it."""

    def __init__(self, url: str) -> None:
        try:
            self._connection: ClientConnection = connect(
                url, open_timeout=SECONDS, ping_interval=None, proxy=None, legacy=True
            )
        except (OSError, InvalidHandshake) as error:
            raise DeployError(f"The WebSocket API can't be opened: {error}", ADVICE) from error
        self._kept: list[Json] = []

    def send(self, kind: str, **fields: object) -> None:
        self._connection.send(json.dumps({"type": kind} | fields))

    def wait(self, kind: str, **fields: object) -> Json:
        """The next frame of a type with these fields; others are kept for later.

        Raises:
            DeployError: it doesn't come.
        """
        expires = time.monotonic() + SECONDS
        kept, self._kept = self._kept, []
        while True:
            frame = kept.pop(0) if kept else self._receive(expires, kind)
            if frame["type"] == kind and all(frame.get(name) == value for name, value in fields.items()):
                self._kept += kept
                return frame
            self._kept.append(frame)

    def wait_end(self) -> None:
        """Read until the server closes."""
        expires = time.monotonic() + SECONDS
        while True:
            try:
                self._connection.recv(max(0.0, expires - time.monotonic()))
            except TimeoutError:
                raise DeployError("The connection of somebody who left isn't closed", ADVICE) from None
            except WebSocketException:
                return

    def _receive(self, expires: float, kind: str) -> Json:
        try:
            frame: Json = json.loads(self._connection.recv(max(0.0, expires - time.monotonic())))
        except TimeoutError:
            came = ", ".join(describe_frame(frame) for frame in self._kept) or "nothing"
            raise DeployError(f"No {kind} came over the WebSocket, but {came}", ADVICE) from None
        except WebSocketException as error:
            raise DeployError(f"The WebSocket ended before {kind} came: {error}", ADVICE) from error
        return frame

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()


def describe_frame(frame: Json) -> str:
    """What somebody was sent: its type, and what it says if it is an error."""
    return f"{frame['type']} ({frame['data']['code']})" if frame["type"] == "error" else str(frame["type"])


def describe_problem(body: bytes) -> str:
    """What an answer says went wrong."""
    try:
        problem = json.loads(body)
        return str(problem.get("detail") or problem.get("message") or problem)
    except (ValueError, AttributeError):
        return body[:200].decode("utf-8", "replace") or "nothing"


def issue_token(variables: Mapping[str, str], name: str) -> str:
    """A token for somebody new, as the stage's shared secret signs them."""
    now = int(time.time())
    claims = {"sub": f"smoke-test-{uuid.uuid4()}", "name": name, "iat": now, "exp": now + TOKEN_SECONDS}
    named = {"iss": variables.get("AUTH_ISSUER"), "aud": variables.get("AUTH_AUDIENCE")}
    claims |= {claim: value for claim, value in named.items() if value}
    return jwt.encode(claims, variables["AUTH_SECRET"], "HS256")


def check_health(api: str) -> str:
    """The version that answers.

    Raises:
        DeployError: it doesn't, or its tables don't.
    """
    version: str = Person(api, "").call("GET", "/healthz")["version"]
    return version


def play(api: str, tokens: Sequence[str], tell: Tell) -> None:
    """Join, connect, relay, speak and leave. With one token, one person in two tabs does so.

    Raises:
        DeployError: something doesn't work, and what.
    """
    people = Person(api, tokens[0]), Person(api, tokens[-1])
    room_id = people[0].call("POST", "/coworking/rooms", {"name": "Smoke test", "max_participants": 2})["id"]
    try:
        play_in(f"/coworking/rooms/{room_id}", people, tell)
    except DeployError:
        with suppress(DeployError):  # the first that went wrong is the one to tell of
            people[0].call("DELETE", f"/coworking/rooms/{room_id}")
        raise
    people[0].call("DELETE", f"/coworking/rooms/{room_id}")


def play_in(room: str, people: tuple[Person, Person], tell: Tell) -> None:
    """All that, in a room that is there."""
    with ExitStack() as opened:
        tell("joining")
        addresses = [person.call("POST", f"{room}/join")["websocket"]["url"] for person in people]
        tell("connecting")
        ours, theirs = [opened.enter_context(Socket(address)) for address in addresses]
        for socket in (ours, theirs):
            socket.send("sync", last_seq=None)
            socket.wait("snapshot")
        tell("relaying")
        ours.send("smoke-test", data={"number": 1})
        theirs.wait("smoke-test", data={"number": 1})
        theirs.send("message", text="It works", id="smoke-test")
        theirs.wait("ack", ref="smoke-test")
        ours.wait("message_sent")
        tell("leaving")
        people[1].call("POST", f"{room}/leave")
        theirs.wait_end()
