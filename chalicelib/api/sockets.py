"""Socket events: `$connect`, `$default` and `$disconnect` as API Gateway sends them."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from chalice.app import Response

from chalicelib.api.frames import receive
from chalicelib.api.http import problem
from chalicelib.api.origin import check_origin
from chalicelib.backend import Backend
from chalicelib.contract.fields import is_uuid
from chalicelib.delivery.addresses import make_endpoint
from chalicelib.identity.tickets import verify_ticket
from chalicelib.kernel.errors import CoworkingError, RateLimitedError, RoomNotFoundError, UnauthorizedError
from chalicelib.kernel.telemetry import Kind, Observation
from chalicelib.kernel.times import Moment, now_ms
from chalicelib.seats import sockets
from chalicelib.seats.sockets import ConnectionGrant, SocketEvent

SUBPROTOCOL = "coworking.v1"
CONNECT_PRICE = 10
"""In units of `store.budgets`, for `$connect` and `$disconnect`."""

Event = Mapping[str, Any]


def on_connect(backend: Backend, event: Event) -> Response:
    """Handle `$connect`. The status of the answer is the status of the upgrade."""
    now, headers = now_ms(), {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    offered = [entry.strip() for entry in headers.get("sec-websocket-protocol", "").split(",")]
    try:
        with _observe(backend, "connect", event) as observation:
            check_origin(backend.settings, headers)
            grant = admit(backend, event.get("queryStringParameters") or {}, offered, now)
            observation.note_user(grant.user_id)
            observation.note(room_id=grant.room_id)
            if wait := backend.budgets.check(grant.user_id, CONNECT_PRICE, now):
                raise RateLimitedError(wait)
            sockets.connect(backend, grant, _socket_event(backend, event), now)
            observation.count("opened")
    except CoworkingError as error:
        return problem(error)
    return Response("", {"Sec-WebSocket-Protocol": SUBPROTOCOL} if SUBPROTOCOL in offered else {}, 200)


def on_message(backend: Backend, event: Event) -> None:
    """Handle `$default`: a frame. API Gateway closes a connection that sends binary messages (code 1003)."""
    with _observe(backend, "frame", event):
        receive(backend, _socket_event(backend, event), str(event.get("body") or ""), now_ms())


def on_disconnect(backend: Backend, event: Event) -> None:
    """Handle `$disconnect`."""
    with _observe(backend, "disconnect", event) as observation:
        observation.count("closed")
        sockets.disconnect(backend, event["requestContext"]["connectionId"], now_ms())


def admit(backend: Backend, query: Mapping[str, str], offered: list[str], now: Moment) -> ConnectionGrant:
    """The user and the room that the credentials name: a ticket, or a token and a room if the settings allow that.

    Raises:
        UnauthorizedError: the credential is missing or invalid.
        RoomNotFoundError: the room is not an id.
    """
    credentials = dict(entry.split(".", 1) for entry in offered if entry.startswith(("ticket.", "bearer.")))
    if text := query.get("ticket") or credentials.get("ticket"):
        ticket = verify_ticket(text, backend.secret, now)
        return ConnectionGrant(ticket.user_id, ticket.room_id, ticket.ticket_id)
    token = query.get("token") or credentials.get("bearer") or ""
    if not backend.settings.socket_tokens:
        raise UnauthorizedError("Open the socket with a ticket: `?ticket=`")
    if not token:
        raise UnauthorizedError("Open the socket with `?ticket=`, or with `?room_id=` and `?token=`")
    user = backend.authenticator.verify(token, now)
    room_id = query.get("room_id", "").lower()
    if not is_uuid(room_id):
        raise RoomNotFoundError
    return ConnectionGrant(user.id, room_id, has_token=True, joins=user if query.get("join") == "1" else None)


def _observe(backend: Backend, kind: Kind, event: Event) -> AbstractContextManager[Observation]:
    context = event["requestContext"]
    return backend.telemetry.observe(kind, connection_id=context["connectionId"], request_id=context.get("requestId"))


def _socket_event(backend: Backend, event: Event) -> SocketEvent:
    context, settings = event["requestContext"], backend.settings
    endpoint = settings.connections_endpoint or make_endpoint(context["apiId"], context["stage"], settings.aws_region)
    return SocketEvent(context["connectionId"], endpoint, context.get("connectedAt", 0))
