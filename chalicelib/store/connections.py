"""The `connections` table. A room's connections are its roster: one consistent Query reads them."""

from pynamodb.exceptions import UpdateError

from chalicelib.records import Connection
from chalicelib.store.client import is_refused
from chalicelib.store.tables import ConnectionRow, bound_connection

_LIFE_SECONDS = 3 * 3600
"""A while over API Gateway's two hours: by then DynamoDB may collect what no `$disconnect` removed."""
_PAUSES = (0.05, 0.1, 0.2, 0.4)
"""Seconds between looks into an index that is late."""


def roster(room_id: str) -> list[Connection]:
    """Who is connected to the room this moment. About 1 read unit for 20 connections."""
    return [row.record() for row in ConnectionRow.query(room_id, consistent_read=True)]


def put(connection: Connection) -> None:
    """Add a connection to the roster."""
    ConnectionRow(
        connection.room_id,
        connection.connection_id,
        user_id=connection.user_id,
        endpoint=connection.endpoint,
        connected_at=connection.connected_at,
        announced=connection.announced,
        expires_at=connection.connected_at // 1000 + _LIFE_SECONDS,
    ).save()


def remove(room_id: str, connection_id: str) -> None:
    """Take a connection off the roster; doing it again does nothing."""
    ConnectionRow(room_id, connection_id).delete()


def find_room(connection_id: str, *, is_new: bool = False) -> str | None:
    """Which room a connection is in, as the index knows it: a moment late, which one that `is_new` is waited for."""
    for pause in _PAUSES if is_new else ():
        if room_id := _look_up(connection_id):
            return room_id
        bound_connection().sleep(pause)
    return _look_up(connection_id)


def _look_up(connection_id: str) -> str | None:
    found = list(ConnectionRow.by_connection.query(connection_id, limit=1))
    return found[0].room_id if found else None


def note_announced(room_id: str, connection_id: str) -> None:
    """Note that the peers know of the connection, if it is still on the roster. 1 write unit."""
    try:
        ConnectionRow._get_connection().update_item(
            room_id,
            connection_id,
            actions=[ConnectionRow.announced.set(True)],
            condition=ConnectionRow.connection_id.exists(),
        )
    except UpdateError as error:
        if not is_refused(error):
            raise
