"""Reads and writes of records. One `Store` is bound to one connection and one prefix of table names.

A write with a condition returns False (or None) if the condition is not met; every other failure is raised.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.exceptions import PynamoDBException
from pynamodb.expressions.update import Action

from chalicelib.kernel import telemetry
from chalicelib.kernel.errors import UnavailableError
from chalicelib.store.client import DEADLINE_SECONDS, RetryingConnection, is_refused
from chalicelib.store.concurrency import Parallel
from chalicelib.store.tables import TABLES, Condition, Item, Key, Table, describe

R = TypeVar("R")
PageKey = dict[str, dict[str, Any]]
ATTEMPTS = 5
"""How often a use case reads again and retries after its transaction was refused."""
_BATCH = 25
_DELETE_PAGE = 500
_READ_BATCH = 100
_RESEND_PAUSE_SECONDS = 0.1

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Put:
    """Write a whole item."""

    table: Table[Any]
    record: Any
    condition: Condition | None = None
    also: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Update:
    """Change some attributes of an item."""

    table: Table[Any]
    key: Key
    actions: Sequence[Action]
    condition: Condition | None = None


@dataclass(frozen=True)
class Delete:
    """Remove an item."""

    table: Table[Any]
    key: Key
    condition: Condition | None = None


@dataclass(frozen=True)
class Check:
    """Change nothing, but refuse the transaction if the condition is not met. It costs as much as a write."""

    table: Table[Any]
    key: Key
    condition: Condition


Write = Put | Update | Delete | Check


class _RefusedError(Exception):
    """A condition was not met."""


class Store:
    """The tables of one deployment."""

    def __init__(self, connection: RetryingConnection, prefix: str) -> None:
        self.connection = connection
        self.prefix = prefix
        self.run_parallel = Parallel()
        for base_name in TABLES:
            if prefix + base_name not in connection._tables:
                connection.add_meta_table(describe(base_name, prefix + base_name))

    def get(self, table: Table[R], key: Key, *, consistent: bool = True) -> R | None:
        """One record, or None. 0.5 read units for each 4 KB, twice that if consistent."""
        answer = self.connection.get_item(self._name(table), *_parts(key), consistent_read=consistent)
        return table.read(answer["Item"]) if "Item" in answer else None

    def get_many(self, table: Table[R], keys: Sequence[Key], *, consistent: bool = False) -> list[R]:
        """The records that exist of these keys, in any order. 0.5 read units for each 4 KB, twice that if consistent.

        A round trip for each 100 keys, one after the other: so a call in `run_parallel` may do this.

        Raises:
            UnavailableError: DynamoDB is too busy to answer all of them within 8 s.
        """
        wanted: Any = [self._key_item(self._name(table), *_parts(key)) for key in dict.fromkeys(keys)]
        found: list[R] = []
        give_up_at = self.connection.monotonic() + DEADLINE_SECONDS
        for start in range(0, len(wanted), _READ_BATCH):
            left = wanted[start : start + _READ_BATCH]
            while left:
                answer = self.connection.batch_get_item(self._name(table), left, consistent_read=consistent)
                found += [table.read(item) for item in answer["Responses"].get(self._name(table), [])]
                left = answer.get("UnprocessedKeys", {}).get(self._name(table), {}).get("Keys", [])
                self._pause_before_resending(left, give_up_at, "UnprocessedKeys")
        return found

    def put(self, table: Table[R], record: R, condition: Condition | None = None, **also: Any) -> bool:
        """Write a whole record; False if the condition is not met."""
        attributes = table.write(record, **also)
        try:
            with _refusals():
                self.connection.put_item(
                    self._name(table), *_parts(table.key_of(record)), attributes=attributes, condition=condition
                )
        except _RefusedError:
            return False
        return True

    def update(
        self,
        table: Table[R],
        key: Key,
        actions: Sequence[Action],
        condition: Condition | None = None,
        *,
        returns: Literal["ALL_OLD", "ALL_NEW"] = "ALL_OLD",
    ) -> R | None:
        """Change attributes. Returns the record before (or after) the change; None if the condition is not met.

        An update without a condition that makes a new item returns None, too, as there was no record before.
        """
        try:
            with _refusals():
                answer = self.connection.update_item(
                    self._name(table), *_parts(key), actions=list(actions), condition=condition, return_values=returns
                )
        except _RefusedError:
            return None
        return table.read(answer["Attributes"]) if answer.get("Attributes") else None

    def replace(self, table: Table[R], before: R, after: R) -> bool:
        """Write the fields that differ. False if one of them has changed since `before` was read."""
        actions, condition = table.difference(before, after)
        return self.update(table, table.key_of(before), actions, condition) is not None

    def delete(self, table: Table[Any], key: Key) -> None:
        """Remove an item. Removing it again does nothing."""
        self.connection.delete_item(self._name(table), *_parts(key))

    def delete_all(self, table: Table[Any], items: Sequence[Item]) -> None:
        """Remove many items by their keys, 25 in a request. If DynamoDB is too busy, items are sent again.

        Raises:
            UnavailableError: items are left after 8 s. Calling this again removes them.
        """
        give_up_at = self.connection.monotonic() + DEADLINE_SECONDS
        for start in range(0, len(items), _BATCH):
            left: Any = items[start : start + _BATCH]
            while left:
                answer = self.connection.batch_write_item(self._name(table), delete_items=left)
                unprocessed = answer.get("UnprocessedItems", {}).get(self._name(table), [])
                left = [one["DeleteRequest"]["Key"] for one in unprocessed]
                self._pause_before_resending(left, give_up_at, "UnprocessedItems")

    def delete_page(self, table: Table[Any], hash_key: str) -> bool:
        """Remove up to 500 items with this hash key. False if nothing is left."""
        names = [name for name in (table.keys.hash, table.keys.range) if name]
        pages = self.pages(table, hash_key, consistent=True, limit=_DELETE_PAGE, attributes=names)
        items = [item for page in pages for item in page]
        self.delete_all(table, items)
        return len(items) == _DELETE_PAGE

    def _pause_before_resending(self, left: Sequence[Any], give_up_at: float, cause: str) -> None:
        if left and self.connection.monotonic() >= give_up_at:
            raise UnavailableError
        if left:
            telemetry.current().count_retry(cause)
            self.connection.sleep(_RESEND_PAUSE_SECONDS)

    def transact(self, writes: Sequence[Write]) -> bool:
        """Do all writes or none; False if a condition is not met."""
        kinds: dict[type[Write], list[dict[str, Any]]] = {Check: [], Delete: [], Put: [], Update: []}
        for write in writes:
            kinds[type(write)].append(self._operation(write))
        try:
            with _refusals():
                self.connection.transact_write_items(
                    condition_check_items=kinds[Check],
                    delete_items=kinds[Delete],
                    put_items=kinds[Put],
                    update_items=kinds[Update],
                )
        except _RefusedError:
            return False
        return True

    def query(
        self, table: Table[R], hash_key: str, range_condition: Condition | None = None, **options: Any
    ) -> Iterator[R]:
        """Records with this hash key, in the order of their range keys. Options: as for `pages`."""
        return (table.read(item) for page in self.pages(table, hash_key, range_condition, **options) for item in page)

    def pages(
        self,
        table: Table[Any],
        hash_key: str,
        range_condition: Condition | None = None,
        *,
        index: str | None = None,
        limit: int | None = None,
        forward: bool = True,
        consistent: bool = False,
        attributes: Sequence[str] | None = None,
    ) -> Iterator[list[Item]]:
        """Items page by page, `limit` of them at most."""
        start: PageKey | None = None
        while True:
            items, start = self.page(
                table,
                hash_key,
                range_condition,
                start=start,
                index_name=index,
                limit=limit,
                scan_index_forward=forward,
                consistent_read=consistent,
                attributes_to_get=attributes,
            )
            yield items
            limit = None if limit is None else limit - len(items)
            if start is None or limit == 0:
                return

    def page(
        self,
        table: Table[Any],
        hash_key: str,
        range_condition: Condition | None = None,
        *,
        start: PageKey | None = None,
        **options: Any,
    ) -> tuple[list[Item], PageKey | None]:
        """One page of items, and the key where the next page starts, or None. `options` are PynamoDB's."""
        answer = self.connection.query(
            self._name(table), hash_key, range_condition, exclusive_start_key=start, **options
        )
        return answer["Items"], answer.get("LastEvaluatedKey")

    def is_reachable(self) -> bool:
        """True if all tables answer one small read of them together: 0.5 read units each. It is not tried again."""
        names = [self.prefix + base_name for base_name in TABLES]
        try:
            self.connection.client.batch_get_item(
                RequestItems={name: {"Keys": [self._any_key(name)]} for name in names}
            )
        except (ClientError, BotoCoreError) as error:
            _log.warning("the tables do not answer: %s", error)
            return False
        return True

    def _any_key(self, table_name: str) -> Item:
        has_range_key = self.connection.get_meta_table(table_name).range_keyname
        return self._key_item(table_name, "-", "0" if has_range_key else None)

    def _key_item(self, table_name: str, hash_value: str, range_value: str | None) -> Item:
        """A key as DynamoDB takes it: `{"room_id": {"S": "1"}, "seq": {"N": "5"}}`."""
        key: Item = self.connection.get_identifier_map(table_name, hash_value, range_value)["Key"]
        return key

    def _name(self, table: Table[Any]) -> str:
        return self.prefix + table.base_name

    def _operation(self, write: Write) -> dict[str, Any]:
        build = partial(self.connection.get_operation_kwargs, self._name(write.table), condition=write.condition)
        if isinstance(write, Put):
            attributes = write.table.write(write.record, **write.also)
            return build(*_parts(write.table.key_of(write.record)), key="Item", attributes=attributes)
        if isinstance(write, Update):
            return build(*_parts(write.key), actions=list(write.actions))
        return build(*_parts(write.key))


def _parts(key: Key) -> tuple[str, str | None]:
    """A key as PynamoDB's connection takes it: numbers as text."""
    return (key, None) if isinstance(key, str) else (key[0], str(key[1]))


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except PynamoDBException as error:
        if is_refused(error):
            raise _RefusedError from error
        raise
