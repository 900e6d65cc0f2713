"""A test of a deployed stage: two people join a room, connect, relay a frame, chat and leave."""

import json
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from typing import Any, Self

import jwt
import urllib3
from websockets.exceptions import InvalidHandshake, WebSocketException
from websockets.sync.client import ClientConnection, connect

from infra.deploy.target import DeployError

Tell = Callable[[str], None]
Json = dict[str, Any]

SECONDS = 60.0
"""The time limit of each request; the first event of a new function is the slowest."""
TOKEN_SECONDS = 600
ADVICE = (
    "Read the functions' logs (CloudWatch, /aws/lambda/coworking-rooms-...), fix the cause, and run the command again"
)


class Person:
    """A user of the HTTP API."""

    def __init__(self, api: str, token: str) -> None:
        self._api = api
        self._headers = {"Authorization": f"Bearer {token}"}

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Call the API and return its JSON answer; raises DeployError for an error or no answer."""
        try:
            answer = urllib3.request(
                method, self._api + path, json=body, headers=self._headers, timeout=SECONDS, retries=False
            )
        except urllib3.exceptions.HTTPError as error:
            raise DeployError(f"{method} {path} is not answered: {error}", ADVICE) from error
        if answer.status >= 400:
            raise DeployError(f"{method} {path} answers {answer.status}: {describe_problem(answer.data)}", ADVICE)
        return answer.json() if answer.data else None


class Socket:
    """A connection to a room; a context manager."""

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
        """Wait for a frame of a type with these fields, and keep other frames for later; raises DeployError."""
        expires = time.monotonic() + SECONDS
        kept, self._kept = self._kept, []
        while True:
            frame = kept.pop(0) if kept else self._receive(expires, kind)
            if frame["type"] == kind and all(frame.get(name) == value for name, value in fields.items()):
                self._kept += kept
                return frame
            self._kept.append(frame)

    def wait_end(self) -> None:
        """Read until the server closes the connection."""
        expires = time.monotonic() + SECONDS
        while True:
            try:
                self._connection.recv(max(0.0, expires - time.monotonic()))
            except TimeoutError:
                raise DeployError("The server doesn't close the connection of a user who left", ADVICE) from None
            except WebSocketException:
                return

    def _receive(self, expires: float, kind: str) -> Json:
        try:
            frame: Json = json.loads(self._connection.recv(max(0.0, expires - time.monotonic())))
        except TimeoutError:
            came = ", ".join(describe_frame(frame) for frame in self._kept) or "nothing"
            raise DeployError(f"Expected {kind} over the WebSocket, but got {came}", ADVICE) from None
        except WebSocketException as error:
            raise DeployError(f"The WebSocket ended before {kind} came: {error}", ADVICE) from error
        if "type" not in frame:  # API Gateway's own, when a function fails or takes too long
            said = f"{frame.get('message')} (request {frame.get('requestId')})"
            raise DeployError(f"Expected {kind} over the WebSocket, but API Gateway answers: {said}", ADVICE)
        return frame

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()


def describe_frame(frame: Json) -> str:
    """The type of a frame, and the code of an error."""
    return f"{frame['type']} ({frame['data']['code']})" if frame["type"] == "error" else str(frame["type"])


def describe_problem(body: bytes) -> str:
    """The reason in an error response."""
    try:
        problem = json.loads(body)
        return str(problem.get("detail") or problem.get("message") or problem)
    except (ValueError, AttributeError):
        return body[:200].decode("utf-8", "replace") or "nothing"


def issue_token(variables: Mapping[str, str], name: str) -> str:
    """A token for a new user, signed with the stage's shared secret."""
    now = int(time.time())
    claims = {"sub": f"smoke-test-{uuid.uuid4()}", "name": name, "iat": now, "exp": now + TOKEN_SECONDS}
    named = {"iss": variables.get("AUTH_ISSUER"), "aud": variables.get("AUTH_AUDIENCE")}
    claims |= {claim: value for claim, value in named.items() if value}
    return jwt.encode(claims, variables["AUTH_SECRET"], "HS256")


def check_health(api: str) -> str:
    """The version of the service; raises DeployError if it or its tables can't work."""
    return str(Person(api, "").call("GET", "/healthz")["version"])


def play(api: str, tokens: Sequence[str], tell: Tell) -> None:
    """Join, connect, relay, chat and leave, in a new room; raises DeployError. One token: one person in two tabs."""
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
    """Join, connect, relay, chat and leave in a room."""
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
