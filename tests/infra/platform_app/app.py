"""An app that records the gateway's events, and fails or waits on request."""

import json
import os
import threading
from collections import defaultdict
from typing import Any

import botocore.session
from chalice.app import Chalice, CloudWatchEvent, CORSConfig, Rate, Response, WebsocketEvent

app = Chalice(app_name="platform", configure_logs=False)
app.experimental_feature_flags.add("WEBSOCKETS")

EVENTS: list[dict[str, Any]] = []
GATES: defaultdict[str, threading.Event] = defaultdict(threading.Event)
"""Events that stop a handler until another one sets them, by name; each test uses its own."""
BROKEN = threading.Event()


@app.route("/echo/{name}", methods=["GET", "POST"], cors=CORSConfig("*"), content_types=[])
def echo(name: str) -> dict[str, Any]:
    request: Any = app.current_request
    body = request.raw_body
    return {
        "name": name,
        "body": body.decode() if isinstance(body, bytes) else body,
        "headers": dict(request.headers),
        "context": request.context,
        "query": {key: request.query_params.getlist(key) for key in request.query_params or {}},
    }


@app.route("/size/{size}")
def answer_of_size(size: str) -> Response:
    return Response("x" * int(size), headers={"Content-Type": "text/plain"})


@app.route("/malformed")
def malformed() -> Response:
    return Response("", status_code="no number")  # type: ignore[arg-type]  # that is the point


@app.route("/meet/{name}")
def meet(name: str) -> dict[str, str]:
    """Answer with the name in the request; the first request waits for a second one."""
    if name == "first":
        GATES["meet"].wait(20)
    GATES["meet"].set()
    request: Any = app.current_request
    return {"name": request.uri_params["name"], "function": app.lambda_context.function_name}


@app.route("/hold/{gate}")
def hold(gate: str) -> dict[str, str]:
    GATES[gate].wait(20)
    return {}


@app.route("/release/{gate}")
def release(gate: str) -> dict[str, str]:
    GATES[gate].set()
    return {}


@app.route("/events")
def events() -> list[dict[str, Any]]:
    return EVENTS


@app.route("/break")
def break_schedule() -> dict[str, str]:
    BROKEN.set()
    return {}


def post(connection_id: str, data: str) -> str:
    client = botocore.session.get_session().create_client(
        "apigatewaymanagementapi", endpoint_url=os.environ["CONNECTIONS_ENDPOINT"]
    )
    try:
        client.post_to_connection(ConnectionId=connection_id, Data=data)
    except client.exceptions.GoneException:
        return "gone"
    return "sent"


@app.on_ws_connect()
def websocket_connect(event: WebsocketEvent) -> Any:
    raw = event.to_dict()
    query = raw.get("queryStringParameters") or {}
    EVENTS.append(raw)
    match query.get("do"):
        case "raise":
            raise RuntimeError("asked to")
        case "refuse":
            return Response({"why": "asked to"}, status_code=int(query["status"]))
        case "post":
            raw["posted"] = post(event.connection_id, "too early")
        case "hold":
            GATES[query["gate"]].wait(20)
    offered = raw["headers"].get("Sec-WebSocket-Protocol")
    return Response("", headers={"Sec-WebSocket-Protocol": offered.split(",")[0]}) if offered else None


@app.on_ws_message()
def websocket_message(event: WebsocketEvent) -> dict[str, Any]:
    raw = event.to_dict()
    EVENTS.append(raw)
    match raw["body"].split():
        case ["raise"]:
            raise RuntimeError("asked to")
        case ["hold", gate]:
            GATES[gate].wait(20)
        case ["release", gate]:
            GATES[gate].set()
    said = {"body": raw["body"][:1000], "length": len(raw["body"]), "id": event.connection_id}
    post(event.connection_id, json.dumps(said))
    return {"statusCode": 200, "body": "nobody sees this"}


@app.on_ws_disconnect()
def websocket_disconnect(event: WebsocketEvent) -> None:
    EVENTS.append(event.to_dict())


@app.schedule(Rate(1, unit=Rate.MINUTES))
def tick(event: CloudWatchEvent) -> None:
    EVENTS.append(event.to_dict())
    if BROKEN.is_set():
        raise RuntimeError("asked to")
