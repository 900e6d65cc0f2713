"""Keeps MiniStack's tables on disk: a saved state, and a journal of all later writes.

MiniStack itself saves only when its server shuts down cleanly. Runs in its virtual environment.
"""

import json
import os
import re
import sys
import threading
from pathlib import Path
from typing import Any

from ministack.core import persistence, responses  # type: ignore[import-not-found]
from ministack.services import dynamodb  # type: ignore[import-not-found]

from infra.local.journal import Entry, Journal, JournalError, write_file

SAVE_AFTER = int(os.environ.get("SAVE_AFTER_BYTES") or 8 * 1024 * 1024)
"""The least bytes of a journal after which the state is saved: they take about a second to replay."""
ITEM_ACTIONS = re.compile(".*Item|Batch|Transact|Execute|Query|Scan|Describe|List|Search")
"""Actions that read, or write items only. A repeated transaction writes nothing."""
REAPER = "dynamodb-ttl-reaper"
"""The thread in which MiniStack deletes expired items, once a minute."""
set_item, remove_item, store_token = dynamodb._set_item, dynamodb._remove_item, dynamodb._txn_token_store
handle_request = dynamodb.handle_request


class DurableTables:
    """MiniStack's DynamoDB, with a journal between a write and its answer.

    An entry is a list of effects: what one request did to items, so that no condition, expiry or repetition can make
    a replay differ. The effect of a request that did something else, such as create a table, is the request.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(exist_ok=True)
        self._file = directory / "dynamodb.json"
        self._journal = Journal(directory, self._load())
        self._effects: Entry = []
        self._save_at = self._plan_save()

    async def open(self) -> None:
        """Replay the journal, save the result, and journal all writes from now on; raises JournalError."""
        for effects in self._journal.read():
            for effect in effects:
                await replay(*effect)
        dynamodb._lock = threading.RLock()  # a few of MiniStack's requests take it again
        dynamodb.handle_request, dynamodb._txn_token_store = self._handle, self._note_token
        dynamodb._set_item, dynamodb._remove_item = self._note_item, self._note_removal
        if self._journal.size:
            self._save()

    async def _handle(self, method: str, path: str, headers: dict[str, str], body: bytes, query: Any) -> Any:
        with dynamodb._lock:  # the reaper holds it, too; MiniStack's requests and saving don't
            self._effects = []
            answer = await handle_request(method, path, headers, body, query)  # it never suspends
            action = headers.get("x-amz-target", "").rpartition(".")[2]
            if not ITEM_ACTIONS.match(action):
                self._effects = [["request", *scope(), action, body.decode()]]
            if answer[0] == 200 and self._effects:
                self._append(self._effects)
            if self._journal.size > self._save_at:
                self._save()
        return answer

    def _note_item(self, table: Any, hash_key: str, range_key: str, item: Any) -> Any:
        self._effects.append(["item", table["TableArn"], hash_key, range_key, item])
        return set_item(table, hash_key, range_key, item)

    def _note_removal(self, table: Any, hash_key: str, range_key: str) -> Any:
        effect = ["item", table["TableArn"], hash_key, range_key, None]
        if threading.current_thread().name == REAPER:
            self._append([effect])
        else:
            self._effects.append(effect)
        return remove_item(table, hash_key, range_key)

    def _note_token(self, token: str, transaction: Any) -> None:
        store_token(token, transaction)
        self._effects.append(["token", *scope(), token, transaction])

    def _append(self, effects: Entry) -> None:
        try:
            self._journal.append(effects)
        except OSError as error:  # nothing may be answered that isn't written
            print(f"{self._journal.path} can't be written: {error}", file=sys.stderr, flush=True)
            os._exit(1)

    def _save(self) -> None:
        """Save the state, and go on with a new journal. If that fails, go on with the old one, and try again later."""
        following = self._journal.follow()
        state = dynamodb.get_state() | {"journal": following.number, "tokens": dynamodb._txn_idempotency}
        wrapped = {"__ministack_format__": persistence.STATE_FORMAT_VERSION, "payload": state}
        try:
            write_file(self._file, json.dumps(wrapped, default=persistence._json_default))
        except OSError as error:
            following.delete()
            print(f"{self._file} can't be written, is tried again later: {error}", file=sys.stderr, flush=True)
        else:
            self._journal.delete()
            self._journal = following
        self._save_at = self._journal.size + self._plan_save()

    def _plan_save(self) -> int:
        """Saving makes all requests wait. So the more data there is, the less often it is saved."""
        return max(SAVE_AFTER, self._file.stat().st_size if self._file.exists() else 0)

    def _load(self) -> int:
        """Load the saved state, and return the number of the journal that continues it."""
        if not self._file.exists():
            return 0
        state = persistence.load_state("dynamodb")
        if state is None:  # MiniStack would go on with no data, and overwrite the file
            raise JournalError(f"{self._file} can't be read: change its permissions, or restore a backup")
        dynamodb.load_persisted_state(state)
        dynamodb._txn_idempotency.update(state.get("tokens", {}))
        return int(state.get("journal", 0))


async def replay(kind: str, *effect: Any) -> None:
    """Repeat one effect; raises JournalError."""
    match kind, effect:
        case "item", (arn, hash_key, range_key, None):
            remove_item(find_table(arn), hash_key, range_key)
        case "item", (arn, hash_key, range_key, item):
            set_item(find_table(arn), hash_key, range_key, item)
        case "token", (account, region, token, transaction):
            dynamodb._txn_idempotency.set_scoped(account, region, token, transaction)
        case "request", (account, region, action, body):
            responses._request_account_id.set(account)
            responses.set_request_region(region)
            headers = {"x-amz-target": f"DynamoDB_20120810.{action}"}
            status, _, answer = await handle_request("POST", "/", headers, body.encode(), {})
            if status != 200:
                raise JournalError(f"{action} in the journal can't be replayed: {answer}")


def find_table(arn: str) -> Any:
    """MiniStack's table of an ARN."""
    _, _, _, region, account, name = arn.split(":", 5)
    return dynamodb._tables.get_scoped(account, region, name.removeprefix("table/"))


def scope() -> tuple[str, str]:
    """The account and region of the current request."""
    return responses.get_account_id(), responses.get_region()
