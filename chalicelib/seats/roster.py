"""The roster of a frame's room, which proves that the sender is in the room."""

from typing import Any

from chalicelib.contract import Access, FrameContext
from chalicelib.delivery import Connection
from chalicelib.kernel.errors import NotInRoomError
from chalicelib.seats.connections import get_roster


def require_roster(context: FrameContext[Any]) -> list[Connection]:
    """The connections of the room, read once for each frame. This proves `Access.MEMBER`.

    Raises:
        NotInRoomError: the sender's connection is not on the roster.
    """
    if context.prefetched_roster is None:
        context.prefetched_roster = get_roster(context.store, context.room_id)
    roster = context.prefetched_roster
    if all(one.connection_id != context.connection.connection_id for one in roster):
        raise NotInRoomError
    context.prove(Access.MEMBER)
    return roster


def list_peers(context: FrameContext[Any]) -> list[Connection]:
    """All connections of the room except the sender's."""
    return [one for one in require_roster(context) if one.connection_id != context.connection.connection_id]
