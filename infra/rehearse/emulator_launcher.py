"""Runs MiniStack in its virtual environment, and adds what a deployment by Chalice needs.

* REST APIs from a Swagger document (`ImportRestApi`, `PutRestApi`), created with MiniStack's own API.
* WebSocket APIs with an address that clients can open, and with an id that is known beforehand: functions have to know
  where to post frames before there is an API.
* Changes of a function wait for its running calls.
"""

import json
import os
import re
import sys
import threading
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

sys.path.insert(0, str(Path(__file__).parents[2]))

from ministack.app import app as ministack  # type: ignore[import-not-found]
from ministack.core import lambda_runtime  # type: ignore[import-not-found]
from ministack.services import lambda_svc  # type: ignore[import-not-found]

from infra.local.engine_launcher import main

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Json = dict[str, Any]

HTTP_METHODS = {"get", "post", "put", "delete", "patch", "head", "options"}


class EmulatorError(Exception):
    """MiniStack refused a call that creates part of an API."""


class Emulator:
    """An ASGI app in front of MiniStack."""

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] != "http":
            await ministack(scope, receive, send)
        elif scope["method"] == "GET" and path == "/v2/apis":
            await reply(send, 200, await Caller(scope).list_socket_apis())
        elif scope["method"] == "POST" and path == "/v2/apis":
            await reply(send, 201, await Caller(scope).make_socket_api(json.loads(await read_body(receive))))
        elif scope["method"] == "POST" and path == "/restapis" and "import" in query(scope).get("mode", []):
            await reply(send, 201, await Caller(scope).import_api(json.loads(await read_body(receive))))
        elif scope["method"] == "PUT" and (match := re.fullmatch(r"/restapis/(\w+)", path)):
            await reply(send, 200, await Caller(scope).replace_api(match[1], json.loads(await read_body(receive))))
        else:
            await ministack(scope, receive, send)


class Caller:
    """Calls MiniStack's API in the account and region of a request."""

    def __init__(self, scope: Message) -> None:
        self._scope = scope

    async def list_socket_apis(self) -> Json:
        """`GetApis`."""
        listed = await self.get("/v2/apis", self._scope["query_string"])
        host, port = self._scope["server"]
        for api in listed["items"]:
            api["apiEndpoint"] = f"ws://{host}:{port}/_aws/execute-api/{api['apiId']}"
        return listed

    async def make_socket_api(self, declared: Json) -> Json:
        """`CreateApi`."""
        return await self.call("POST", "/v2/apis", declared | {"tags": {"ms-custom-id": os.environ["SOCKET_API_ID"]}})

    async def import_api(self, document: Json) -> Json:
        """`ImportRestApi`."""
        declared = {
            "name": document["info"]["title"],
            "binaryMediaTypes": document.get("x-amazon-apigateway-binary-media-types", []),
            "endpointConfiguration": {"types": query(self._scope)["endpointConfigurationTypes"]},
        }
        api = await self.call("POST", "/restapis", declared)
        return await self.replace_api(api["id"], document)

    async def replace_api(self, api_id: str, document: Json) -> Json:
        """`PutRestApi`: replaces the API by what the document declares, and drops its gateway responses."""
        api = f"/restapis/{api_id}"
        for response in ("DEFAULT_4XX", "DEFAULT_5XX"):
            await self.call("DELETE", f"{api}/gatewayresponses/{response}")
        resources = await self.get(f"{api}/resources", b"limit=500")
        ids = {resource["path"]: resource["id"] for resource in resources["item"]}
        wanted = set(list_ancestry(document["paths"]))
        for path in ids.keys() - wanted:
            await self.call("DELETE", f"{api}/resources/{ids[path]}")
        for path in sorted(wanted - ids.keys(), key=len):
            parent, _, part = path.rpartition("/")
            made = await self.call("POST", f"{api}/resources/{ids[parent or '/']}", {"pathPart": part})
            ids[path] = made["id"]
        for path, operations in document["paths"].items():
            for method in operations.keys() & HTTP_METHODS:
                await self._put_method(f"{api}/resources/{ids[path]}/methods/{method.upper()}", operations[method])
        return await self.get(api)

    async def _put_method(self, at: str, operation: Mapping[str, Any]) -> None:
        integration = operation["x-amazon-apigateway-integration"]
        declared = {"type": integration["type"].upper(), "httpMethod": integration.get("httpMethod")}
        await self.call("PUT", at, {"authorizationType": "NONE"})
        await self.call("PUT", f"{at}/integration", {**integration, **declared})
        for answer in integration["responses"].values():
            status = answer["statusCode"]
            parameters = answer.get("responseParameters", {})
            await self.call("PUT", f"{at}/responses/{status}", {"responseParameters": dict.fromkeys(parameters, False)})
            await self.call("PUT", f"{at}/integration/responses/{status}", {"responseParameters": parameters})

    async def get(self, path: str, query_string: bytes = b"") -> Json:
        return await self.call("GET", path, query_string=query_string)

    async def call(self, method: str, path: str, body: Json | None = None, query_string: bytes = b"") -> Json:
        """Call MiniStack, and return its answer; raises EmulatorError if that is an error."""
        answer = await self._exchange(method, path, b"" if body is None else json.dumps(body).encode(), query_string)
        status = next(message["status"] for message in answer if "status" in message)
        data = b"".join(message.get("body", b"") for message in answer)
        if status >= 400:
            raise EmulatorError(f"{method} {path}: {status} {data.decode()}")
        return json.loads(data) if data else {}

    async def _exchange(self, method: str, path: str, data: bytes, query_string: bytes) -> list[Message]:
        answer: list[Message] = []
        headers = [(name, value) for name, value in self._scope["headers"] if name != b"content-length"]
        scope = {**self._scope, "method": method, "path": path, "raw_path": path.encode()}

        async def receive() -> Message:
            return {"type": "http.request", "body": data, "more_body": False}

        async def send(message: Message) -> None:
            answer.append(message)

        await ministack({**scope, "query_string": query_string, "headers": headers}, receive, send)
        return answer


def list_ancestry(paths: Iterable[str]) -> Iterable[str]:
    """Paths and all paths above them: each is a resource of the API."""
    yield "/"
    for path in paths:
        parts = path.strip("/").split("/")
        yield from ("/" + "/".join(parts[: end + 1]) for end in range(len(parts)))


def query(scope: Message) -> dict[str, list[str]]:
    return parse_qs(scope["query_string"].decode())


async def read_body(receive: Receive) -> bytes:
    body = bytearray()
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return bytes(body)


async def reply(send: Send, status: int, body: Json) -> None:
    data = json.dumps(body).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(data)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": data})


def finish_at_once(name: str, _: float) -> None:
    """Mark a new or changed function as ready: Chalice polls only every five seconds, ten times in a deployment."""
    config = lambda_svc._functions[name]["config"]
    config |= {"State": "Active", "StateReason": "", "LastUpdateStatus": "Successful", "LastUpdateStatusReason": ""}


def retire(workers: Iterable[Any], end: Callable[[list[Any]], None] = lambda_runtime.kill_workers) -> None:
    """End the processes of a changed function; those that handle a call end after it.

    AWS also lets running calls finish. MiniStack would end their processes at once.
    """
    idle = [worker for worker in workers if worker._lock.acquire(blocking=False)]
    end(idle)
    for worker in idle:
        worker._lock.release()
    for worker in workers:
        if worker not in idle:
            threading.Thread(target=end_when_done, args=(worker, end), daemon=True).start()


def end_when_done(worker: Any, end: Callable[[list[Any]], None]) -> None:
    with worker._lock:
        end([worker])


if __name__ == "__main__":
    lambda_runtime.kill_workers = retire
    lambda_svc._schedule_state_transition = finish_at_once
    main(Emulator())
