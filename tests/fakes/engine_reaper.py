"""A program for the engine's Python: it writes items while a thread with the reaper's name deletes some of them.

Prints the items at the end. With `read`, it only prints them.
"""

import asyncio
import json
import sys
import threading
from pathlib import Path
from typing import Any

from ministack.services import dynamodb  # type: ignore[import-not-found]

from infra.local.engine_data import REAPER, DurableTables

TABLE = {
    "TableName": "items",
    "BillingMode": "PAY_PER_REQUEST",
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
}


async def call(action: str, **request: Any) -> None:
    answer = await dynamodb.handle_request(
        "POST", "/", {"x-amz-target": f".{action}"}, json.dumps(request).encode(), {}
    )
    assert answer[0] == 200, answer


async def write() -> None:
    """Put each item only if it isn't there: if a deletion were missing in the journal, the replay would differ."""
    await call("CreateTable", **TABLE)
    done = threading.Event()
    reaper = threading.Thread(target=reap, args=(done,), name=REAPER)
    reaper.start()
    for number in range(2000):
        item = {"id": {"S": str(number % 500)}, "number": {"N": str(number)}}
        if item["id"]["S"] not in dynamodb._tables["items"]["items"]:
            await call("PutItem", TableName="items", Item=item, ConditionExpression="attribute_not_exists(id)")
    done.set()
    reaper.join()


def reap(done: threading.Event) -> None:
    while not done.is_set():
        with dynamodb._lock:
            table = dynamodb._tables["items"]
            for key in [key for key in table["items"] if not key.endswith("5")][:50]:
                dynamodb._remove_item(table, key, "__no_sort__")


async def main(mode: str, directory: str) -> None:
    await DurableTables(Path(directory)).open()
    if mode == "write":
        await write()
    sys.stdout.write(json.dumps(dynamodb._tables["items"]["items"], sort_keys=True))


asyncio.run(main(*sys.argv[1:]))
