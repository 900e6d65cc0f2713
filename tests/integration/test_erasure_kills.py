"""An erasure whose process dies at any database call, before or after the call is done, still leaves nothing."""

import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest
from pynamodb.connection import Connection

from chalicelib.store import Store
from infra.local.engine import Engine
from tests.fakes.backend import MINUTE, NOW, PLENTY, InlineExecutor, on_engine
from tests.integration.test_erasure import Scene, furnish, is_pending, make_reader, traces

pytestmark = pytest.mark.proof


class DiedError(BaseException):
    """The process died. This is a BaseException, so no `except Exception` catches it."""


class Template:
    """A scene that can be restored: all items of all tables."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self._items = scene.items()

    def restore(self) -> None:
        """Write what differs from the first state."""
        store = self.scene.world.store
        for name, items in self.scene.items().items():
            wanted = {key_of(store, name, item): item for item in self._items[name]}
            found = {key_of(store, name, item): item for item in items}
            requests = [{"PutRequest": {"Item": item}} for key, item in wanted.items() if found.get(key) != item]
            requests += [{"DeleteRequest": {"Key": json.loads(key)}} for key in found.keys() - wanted.keys()]
            for start in range(0, len(requests), 25):
                batch = {store.prefix + name: requests[start : start + 25]}
                store.connection.client.batch_write_item(RequestItems=batch)
        self.scene.world.restart()


def key_of(store: Store, name: str, item: dict[str, Any]) -> str:
    table = store.connection.get_meta_table(store.prefix + name)
    return json.dumps({key: item[key] for key in (table.hash_keyname, table.range_keyname) if key})


@pytest.fixture(scope="module")
def template(engine: Engine) -> Iterator[Template]:
    with (
        on_engine(engine, rooms_limit=PLENTY) as world,
        patch.object(world.store.run_parallel, "pool", InlineExecutor()),
    ):
        yield Template(furnish(world, make_reader(engine)))


@contextmanager
def dying_at(number: int, *, when_done: bool) -> Iterator[Callable[[], bool]]:
    """Let the process die before a call to the database, or right after it. The result tells whether it has died."""
    calls, died, real = itertools.count(1), list[int](), Connection._make_api_call

    def call(self: Connection, *args: Any) -> Any:
        is_last = next(calls) == number
        if is_last and not when_done:
            died.append(number)
            raise DiedError
        answer = real(self, *args)
        if is_last:
            died.append(number)
            raise DiedError
        return answer

    with patch.object(Connection, "_make_api_call", call):
        yield lambda: bool(died)


@pytest.mark.parametrize("when_done", [False, True], ids=["before the call", "after the call"])
def test_an_erasure_that_died_anywhere_is_finished(template: Template, when_done: bool) -> None:
    scene = template.scene
    for number in itertools.count(1):
        template.restore()
        with dying_at(number, when_done=when_done) as has_died:
            try:
                scene.erase()
                scene.sweep(NOW + MINUTE)
            except DiedError:
                scene.world.restart()
        if traces(scene) or is_pending(scene.world):
            scene.erase_to_the_end()
        assert traces(scene) == 0, number
        if not has_died():
            assert number > 100
            return
