"""The `connections` table. The connections of a room are its roster: one consistent Query reads them."""

from chalicelib.delivery import Connection
from chalicelib.store import Store, Table

_LIFE_SECONDS = 3 * 3600
"""One hour longer than API Gateway keeps a connection. DynamoDB may delete the item after that."""
_PAUSES = (0.05, 0.1, 0.2, 0.4)
"""Seconds between lookups in the index, which is eventually consistent."""

CONNECTIONS = Table("connections", Connection, also={"expires_at": int})


def get_roster(store: Store, room_id: str) -> list[Connection]:
    """The connections of the room now. About 1 read unit for 20 of them."""
    return list(store.query(CONNECTIONS, room_id, consistent=True))


def put_connection(store: Store, connection: Connection) -> None:
    """Add a connection to the roster."""
    store.put(CONNECTIONS, connection, expires_at=connection.connected_at // 1000 + _LIFE_SECONDS)


def remove_connection(store: Store, connection: Connection) -> None:
    """Remove a connection from the roster. Removing it again does nothing."""
    store.delete(CONNECTIONS, (connection.room_id, connection.connection_id))


def find_room(store: Store, connection_id: str, *, is_new: bool = False) -> str | None:
    """The room of a connection, from the index. For a new connection, wait until the index has it (0.75 s at most)."""
    for pause in _PAUSES if is_new else ():
        if room_id := _look_up(store, connection_id):
            return room_id
        store.connection.sleep(pause)
    return _look_up(store, connection_id)


def mark_announced(store: Store, connection: Connection) -> None:
    """Note that the peers know of the connection, if it is still on the roster. 1 write unit."""
    key = (connection.room_id, connection.connection_id)
    store.update(CONNECTIONS, key, [CONNECTIONS.announced.set(True)], CONNECTIONS.connection_id.exists())


def _look_up(store: Store, connection_id: str) -> str | None:
    items, _ = store.page(CONNECTIONS, connection_id, index_name="by_connection", limit=1)
    return str(items[0]["room_id"]["S"]) if items else None
