"""The `guards` table: what must hold for a while.

`expires_at` is in seconds, for DynamoDB's TTL, which deletes within days; everything here looks at the time itself.
"""

import os
from collections import OrderedDict
from dataclasses import dataclass

from pynamodb.exceptions import DoesNotExist, PutError, TransactWriteError, UpdateError
from pynamodb.transactions import TransactWrite

from chalicelib.settings import Limit
from chalicelib.store.client import is_refused
from chalicelib.store.tables import GuardRow, Table, bound_connection
from chalicelib.times import Moment

_RECEIPT_SECONDS = 86_400
_TICKET_SECONDS = 120
_SECRET_BYTES = 32
_REMEMBERED_WINDOWS = 10_000


class ClaimedError(Exception):
    """The receipt exists: the same thing has been done before."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What makes a client's repetition recognisable: its key, per user and scope (a room, or making rooms)."""

    scope: str
    user_id: str
    client_key: str

    @property
    def key(self) -> str:
        # With its length, since ids and keys may hold any character: no two receipts are ever spelled alike.
        return f"receipt#{self.scope}#{len(self.user_id)}#{self.user_id}#{self.client_key}"


@dataclass(frozen=True, slots=True)
class Claim:
    """What a receipt stands for: a room that was made (`seq` 0), or a message that was stored."""

    room_id: str
    seq: int


def find_claim(receipt: Receipt, now: Moment) -> Claim | None:
    """What was done under this receipt in the last 24 hours."""
    try:
        row = GuardRow.get(receipt.key, consistent_read=True)
    except DoesNotExist:
        return None
    if int(row.expires_at) * 1000 <= now:
        return None
    return Claim(row.room_id, int(row.seq))


def claim(receipt: Receipt, row: Table, now: Moment, *, room_id: str, seq: int = 0) -> None:
    """Write a new item and its receipt, both or neither.

    Raises:
        ClaimedError: the receipt exists already.
    """
    guard = GuardRow(receipt.key, room_id=room_id, seq=seq, expires_at=now // 1000 + _RECEIPT_SECONDS)
    try:
        with TransactWrite(connection=bound_connection()) as transaction:
            transaction.save(guard, GuardRow.key.does_not_exist() | (GuardRow.expires_at <= now // 1000))
            transaction.save(row)
    except TransactWriteError as error:
        if is_refused(error):
            raise ClaimedError(receipt.key) from error
        raise


def use_ticket(ticket_id: str, connection_id: str, now: Moment) -> bool:
    """Spend a ticket; False where another connection has. Trying again for the same connection is fine."""
    guard = GuardRow(f"ticket#{ticket_id}", holder=connection_id, expires_at=now // 1000 + _TICKET_SECONDS)
    try:
        guard.save(GuardRow.key.does_not_exist() | (GuardRow.holder == connection_id))
    except PutError as error:
        if is_refused(error):
            return False
        raise
    return True


def secret(name: str) -> bytes:
    """A random secret that all processes of this deployment share: made once, by whoever needs it first."""
    key = f"secret#{name}"
    try:
        GuardRow(key, secret=os.urandom(_SECRET_BYTES)).save(GuardRow.key.does_not_exist())
    except PutError as error:
        if not is_refused(error):
            raise
    return bytes(GuardRow.get(key, consistent_read=True).secret or b"")


def forget_secret(name: str) -> None:
    """Let the next who needs this secret make another. Processes keep the one they know as long as they live."""
    GuardRow(f"secret#{name}").delete()


# Which windows this process believes open. Only a hint: it decides what is tried first, never what is allowed.
_open_windows: OrderedDict[str, int] = OrderedDict()


def admit(subject: str, limit: Limit, now: Moment) -> int:
    """Count one act of `subject`. 0 where it is within the limit, else the whole seconds to wait.

    A window opens with its first act, so that a limit of 30 in 10 s holds from any moment on. Normally one
    write unit: whether to open a window or to count in an open one is guessed from what this process saw last.
    """
    key = f"rate#{subject}"
    if _open_windows.get(key, 0) <= now and _open_window(key, limit, now):
        return 0
    while not _count(key, limit, now):
        used, ends_at = _read_window(key)
        _remember(key, ends_at)
        if ends_at > now:
            if used >= limit.count:
                return -(-(ends_at - now) // 1000)
        elif _open_window(key, limit, now):
            return 0
    return 0


def _read_window(key: str) -> tuple[int, Moment]:
    """How many acts a window has seen and when it ends; nothing where there is none, or none any more."""
    try:
        row = GuardRow.get(key, consistent_read=True)
    except DoesNotExist:
        return 0, 0
    return int(row.used or 0), int(row.window_ends_at or 0)


def _open_window(key: str, limit: Limit, now: Moment) -> bool:
    ends_at = now + limit.seconds * 1000
    row = GuardRow(key, used=1, window_ends_at=ends_at, expires_at=ends_at // 1000 + 1)
    try:
        row.save(GuardRow.key.does_not_exist() | (GuardRow.window_ends_at <= now))
    except PutError as error:
        if is_refused(error):
            return False
        raise
    _remember(key, ends_at)
    return True


def _count(key: str, limit: Limit, now: Moment) -> bool:
    condition = (GuardRow.window_ends_at > now) & (GuardRow.used < limit.count)
    try:
        GuardRow._get_connection().update_item(key, actions=[GuardRow.used.add(1)], condition=condition)
    except UpdateError as error:
        if is_refused(error):
            return False
        raise
    return True


def _remember(key: str, ends_at: int) -> None:
    _open_windows[key] = ends_at
    _open_windows.move_to_end(key)
    while len(_open_windows) > _REMEMBERED_WINDOWS:
        _open_windows.popitem(last=False)
