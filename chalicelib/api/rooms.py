"""Rooms, for everybody."""

from urllib.parse import urlencode

from chalicelib import rooms
from chalicelib.api.operation import Call, Reply, operation
from chalicelib.errors import ForbiddenError, InvalidCursorError, RateLimitedError, RoomNotFoundError
from chalicelib.schemas import RoomCreate, RoomDetail, RoomsQuery, RoomSummary, Success


@operation(InvalidCursorError)
def index(call: Call, query: RoomsQuery) -> Reply[list[RoomSummary]]:
    """List the active rooms, oldest first.

    The next page, where there is one, is in the `Link` header as `rel="next"`.
    """
    page = rooms.list_active(call.backend, query)
    return Reply(page.rooms, _next_link(call, query.limit, page.next_cursor) if page.next_cursor else {})


@operation(RateLimitedError, RoomNotFoundError, status=201, idempotent=True)
def create(call: Call, body: RoomCreate) -> RoomSummary:
    """Make a room."""
    return rooms.create(call.backend, call.user, body, call.client_key, call.now)


@operation(RoomNotFoundError)
def show(call: Call) -> RoomDetail:
    """Look into a room: who is in it now, and its last 50 messages."""
    return rooms.detail(call.backend, call.user, call.room_id, call.now)


@operation(RoomNotFoundError, ForbiddenError)
def delete(call: Call) -> Success:
    """Delete a room that you made, or, as an administrator, any room."""
    return rooms.delete_own(call.backend, call.user, call.room_id, call.now)


def _next_link(call: Call, limit: int, cursor: str) -> dict[str, str]:
    target = f"{call.base_url}{call.route_path}?{urlencode({'limit': limit, 'cursor': cursor})}"
    return {"Link": f'<{target}>; rel="next"'}
