"""The six tables as PynamoDB models over one connection, and how their items become records.

Keys and indexes are those of `infra/tables.yaml`. `bind` decides the names and the connection; nothing is
opened before the first call.
"""

import logging
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.attributes import (
    BinaryAttribute,
    BooleanAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
)
from pynamodb.connection import TableConnection
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex, KeysOnlyProjection
from pynamodb.models import Model

from chalicelib.records import Connection, Message, Participant, Profile, Room
from chalicelib.store.client import RetryingConnection, together
from chalicelib.times import from_iso

_log = logging.getLogger(__name__)

OCCUPIED = "yes"
DELETED = "deleted"


class Table(Model):
    """What the tables share: the process's one connection, and a name that is bound late."""

    base_name = ""

    @classmethod
    def _get_connection(cls) -> TableConnection:
        if cls._connection is None:
            raise RuntimeError("bind the tables before using them")
        return super()._get_connection()


class Whole(NumberAttribute):
    """A whole number; PynamoDB's own yields floats where the text has a point."""

    def deserialize(self, value: str) -> Any:
        return int(value)


class RoomsByStatus(GlobalSecondaryIndex["RoomRow"]):
    """The rooms of a status, oldest first."""

    class Meta:
        index_name = "by_status"
        projection = AllProjection()

    status = UnicodeAttribute(hash_key=True)
    created_at = UnicodeAttribute(range_key=True)


class RoomsByOccupied(GlobalSecondaryIndex["RoomRow"]):
    """The ids of the rooms that somebody is, or lately was, in."""

    class Meta:
        index_name = "by_occupied"
        projection = KeysOnlyProjection()

    occupied = UnicodeAttribute(hash_key=True)
    room_id = UnicodeAttribute(range_key=True)


class RoomRow(Table):
    class Meta:
        table_name = ""

    base_name = "rooms"
    by_status = RoomsByStatus()
    by_occupied = RoomsByOccupied()
    room_id = UnicodeAttribute(hash_key=True)
    name = UnicodeAttribute()
    description = UnicodeAttribute()
    status = UnicodeAttribute()
    participant_count = Whole()
    max_participants = Whole()
    color = UnicodeAttribute()
    created_at = UnicodeAttribute()
    created_by = UnicodeAttribute(null=True)
    occupied = UnicodeAttribute(null=True)

    def record(self) -> Room:
        return Room(
            id=self.room_id,
            name=self.name,
            description=self.description,
            status="active" if self.status == "active" else "inactive",
            participant_count=int(self.participant_count),
            max_participants=int(self.max_participants),
            color=self.color,
            created_at=from_iso(self.created_at),
            created_by=self.created_by,
        )


class ParticipantRow(Table):
    class Meta:
        table_name = ""

    base_name = "participants"
    room_id = UnicodeAttribute(hash_key=True)
    user_id = UnicodeAttribute(range_key=True)
    name = UnicodeAttribute()
    avatar = UnicodeAttribute(null=True)
    is_muted = BooleanAttribute()
    is_speaking = BooleanAttribute()
    is_online = BooleanAttribute()
    joined_at = Whole()
    lease_expires_at = Whole()
    lease_kind = UnicodeAttribute()
    connections = UnicodeSetAttribute(null=True)
    ending_since = Whole(null=True)

    def record(self) -> Participant:
        return Participant(
            room_id=self.room_id,
            user_id=self.user_id,
            name=self.name,
            avatar=self.avatar,
            is_muted=self.is_muted,
            is_speaking=self.is_speaking,
            is_online=self.is_online,
            joined_at=int(self.joined_at),
            lease_expires_at=int(self.lease_expires_at),
            lease_kind="socket" if self.lease_kind == "socket" else "http",
            connections=frozenset(self.connections or ()),
        )


class MessageRow(Table):
    """A message, or, at `seq` 0, the head of a room's log, which only has `last_seq`."""

    class Meta:
        table_name = ""

    base_name = "messages"
    room_id = UnicodeAttribute(hash_key=True)
    seq = Whole(range_key=True)
    message_id = UnicodeAttribute(null=True)
    type = UnicodeAttribute(null=True)
    user_id = UnicodeAttribute(null=True)
    user = UnicodeAttribute(null=True)
    avatar = UnicodeAttribute(null=True)
    text = UnicodeAttribute(null=True)
    created_at = Whole(null=True)
    expires_at = Whole(null=True)
    last_seq = Whole(null=True)
    allocated_at = Whole(null=True)

    def record(self) -> Message:
        kind = self.type
        return Message(
            room_id=self.room_id,
            seq=int(self.seq),
            id=str(self.message_id),
            type="text" if kind == "text" else "emoji" if kind == "emoji" else "system",
            user_id=self.user_id,
            user=str(self.user),
            avatar=self.avatar,
            text=str(self.text),
            created_at=int(self.created_at or 0),
        )


class ConnectionsById(GlobalSecondaryIndex["ConnectionRow"]):
    """Which room a connection is in."""

    class Meta:
        index_name = "by_connection"
        projection = KeysOnlyProjection()

    connection_id = UnicodeAttribute(hash_key=True)


class ConnectionRow(Table):
    class Meta:
        table_name = ""

    base_name = "connections"
    by_connection = ConnectionsById()
    room_id = UnicodeAttribute(hash_key=True)
    connection_id = UnicodeAttribute(range_key=True)
    user_id = UnicodeAttribute()
    endpoint = UnicodeAttribute()
    connected_at = Whole()
    announced = BooleanAttribute()
    expires_at = Whole()

    def record(self) -> Connection:
        return Connection(
            room_id=self.room_id,
            connection_id=self.connection_id,
            user_id=self.user_id,
            endpoint=self.endpoint,
            connected_at=int(self.connected_at),
            announced=self.announced,
        )


class ProfileRow(Table):
    class Meta:
        table_name = ""

    base_name = "profiles"
    user_id = UnicodeAttribute(hash_key=True)
    name = UnicodeAttribute()
    avatar = UnicodeAttribute(null=True)

    def record(self) -> Profile:
        return Profile(user_id=self.user_id, name=self.name, avatar=self.avatar)


class GuardRow(Table):
    """Something that must hold for a while: a used ticket, a receipt, a rate window, the service's secret.

    DynamoDB deletes what is over `expires_at` (seconds) within days, so readers look at it too.
    """

    class Meta:
        table_name = ""

    base_name = "guards"
    key = UnicodeAttribute(hash_key=True)
    expires_at = Whole(null=True)
    holder = UnicodeAttribute(null=True)
    secret = BinaryAttribute(legacy_encoding=False, null=True)
    room_id = UnicodeAttribute(null=True)
    seq = Whole(null=True)
    used = Whole(null=True)
    window_ends_at = Whole(null=True)


TABLES: tuple[type[Table], ...] = (RoomRow, ParticipantRow, MessageRow, ConnectionRow, ProfileRow, GuardRow)


def bind(connection: RetryingConnection, prefix: str) -> None:
    """Let every table use this connection and the names that start with `prefix`."""
    for table in TABLES:
        table.Meta.table_name = prefix + table.base_name
        table._connection = None
        own = super(Table, table)._get_connection()
        if own.table_name not in connection._tables:
            connection.add_meta_table(own.get_meta_table())
        own.connection = connection


def bound_connection() -> RetryingConnection:
    """The connection that the tables use now."""
    connection = GuardRow._get_connection().connection
    if not isinstance(connection, RetryingConnection):
        raise TypeError("the tables are bound to another kind of connection")
    return connection


def unreachable() -> list[str]:
    """The names of the tables that don't answer a small read. One try each, no retries: who asks wants to know now."""
    answered = together(*(partial(_answers, table) for table in TABLES))
    return [
        table._get_connection().table_name for table, is_there in zip(TABLES, answered, strict=True) if not is_there
    ]


def _answers(table: type[Table]) -> bool:
    connection, name = bound_connection(), table._get_connection().table_name
    key = connection.get_identifier_map(name, "-", "0" if table._range_keyname else None)
    try:
        connection.client.get_item(TableName=name, **key)
    except (ClientError, BotoCoreError) as error:
        _log.warning("table %s does not answer: %s", name, error)
        return False
    return True
