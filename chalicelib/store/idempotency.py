"""Idempotency records: the result stored under a client's key, so that a retry changes nothing.

An `Idempotency-Key` or a frame `id` is remembered for 24 hours, per user and scope.
"""

from dataclasses import dataclass

from chalicelib.kernel.fingerprints import digest
from chalicelib.kernel.times import Moment
from chalicelib.store.store import Put, Store
from chalicelib.store.tables import Table

_SECONDS = 86_400


@dataclass(frozen=True)
class IdempotencyKey:
    """A client's own key, made unique by user and scope (a room id, or `rooms` for making rooms)."""

    scope: str
    user_id: str
    client_key: str

    @property
    def key(self) -> str:
        return f"receipt#{digest(self.scope, self.user_id, self.client_key)}"


@dataclass(frozen=True)
class IdempotencyRecord:
    """The result of a request: a message was stored in the room, or the room was made (`seq` 0)."""

    key: str
    room_id: str
    seq: int
    expires_at: int
    """Seconds since the epoch. DynamoDB deletes the item within days after that."""


RECORDS = Table("guards", IdempotencyRecord)


def find_record(store: Store, key: IdempotencyKey, now: Moment) -> IdempotencyRecord | None:
    """The result of a request with this key in the last 24 hours."""
    record = store.get(RECORDS, key.key)
    return record if record and record.expires_at * 1000 > now else None


def record_once(key: IdempotencyKey, now: Moment, *, room_id: str, seq: int = 0) -> Put:
    """A write for a transaction: it is refused if the key has been used in the last 24 hours."""
    record = IdempotencyRecord(key.key, room_id, seq, now // 1000 + _SECONDS)
    return Put(RECORDS, record, RECORDS.key.does_not_exist() | (RECORDS.expires_at <= now // 1000))
