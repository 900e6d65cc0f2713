"""The WebSocket routes: from API Gateway's events to a use case."""

import json
import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from chalice.app import Response

from chalicelib import auth, realtime, sockets, telemetry, tickets
from chalicelib.backend import Backend, backend
from chalicelib.errors import CoworkingError, RoomNotFoundError, UnauthorizedError
from chalicelib.schemas import is_uuid
from chalicelib.sockets import Admission
from chalicelib.telemetry import Kind, Observation
from chalicelib.times import Moment, now_ms

SUBPROTOCOL = "coworking.v1"

Event = Mapping[str, Any]


def connect(event: Event) -> Response:
    """`$connect`: what it answers is the status of the upgrade."""
    context, now, composed = event["requestContext"], now_ms(), backend()
    offered = _offered_subprotocols(event)
    try:
        with _observe("connect", context) as observation:
            admission = admit(composed, event.get("queryStringParameters") or {}, offered, now)
            observation.note_user(admission.user_id)
            observation.note(room_id=admission.room_id)
            sockets.connect(composed, admission, context["connectionId"], _endpoint(composed, context), now)
            observation.count("opened")
    except CoworkingError as error:
        headers = {"Content-Type": "application/problem+json", **error.headers()}
        return Response(json.dumps(error.problem(), ensure_ascii=False), {**headers}, error.status)
    return Response("", {"Sec-WebSocket-Protocol": SUBPROTOCOL} if SUBPROTOCOL in offered else {}, 200)


def receive(event: Event) -> None:
    """`$default`."""
    context, now, composed = event["requestContext"], now_ms(), backend()
    sender = realtime.Sender(context["connectionId"], _endpoint(composed, context), context["connectedAt"])
    with _observe("frame", context):
        realtime.receive(composed, sender, None if event.get("isBase64Encoded") else str(event.get("body") or ""), now)


def disconnect(event: Event) -> None:
    """`$disconnect`."""
    context = event["requestContext"]
    with _observe("disconnect", context) as observation:
        observation.count("closed")
        sockets.disconnect(backend(), context["connectionId"], now_ms())


def admit(composed: Backend, query: Mapping[str, str], offered: list[str], now: Moment) -> Admission:
    """Whom the credentials let in: a ticket, or, where that is not switched off, a token and a room.

    Raises:
        UnauthorizedError: there is no credential, or it doesn't hold.
        RoomNotFoundError: the room's id is none.
    """
    credentials = dict(entry.split(".", 1) for entry in offered if entry.startswith(("ticket.", "bearer.")))
    if text := query.get("ticket") or credentials.get("ticket"):
        ticket = tickets.verify(text, composed.secret, now)
        return Admission(ticket.user_id, ticket.room_id, ticket.ticket_id)
    token = query.get("token") or credentials.get("bearer") or ""
    if not composed.settings.socket_tokens:
        raise UnauthorizedError("Open the socket with a ticket: `?ticket=`")
    if not token:
        raise UnauthorizedError("Open the socket with `?ticket=`, or with `?room_id=` and `?token=`")
    user = auth.verify(token, composed.settings, now)
    room_id = query.get("room_id", "").lower()
    if not is_uuid(room_id):
        raise RoomNotFoundError
    return Admission(user.id, room_id)


def _observe(kind: Kind, context: Mapping[str, Any]) -> AbstractContextManager[Observation]:
    return telemetry.observe(kind, connection_id=context["connectionId"], request_id=context.get("requestId"))


def _offered_subprotocols(event: Event) -> list[str]:
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    return [entry.strip() for entry in headers.get("sec-websocket-protocol", "").split(",")]


def _endpoint(composed: Backend, context: Mapping[str, Any]) -> str:
    """Where this connection is reached: never `domainName`, which is another under a custom domain."""
    if composed.settings.connections_endpoint:
        return composed.settings.connections_endpoint
    region = os.environ["AWS_REGION"]
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"https://{context['apiId']}.execute-api.{region}.{suffix}/{context['stage']}"
