"""Health: the service answers for its tables."""

import threading
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError

from chalicelib import __version__
from chalicelib.api.views import get_health
from chalicelib.contract import Request
from chalicelib.kernel.errors import UnavailableError
from chalicelib.store.tables import TABLES
from tests.fakes.backend import NOW, World
from tests.fakes.faults import Faults, Refused


def request(world: World) -> Request:
    return Request(world.backend, NOW, {}, "/healthz", "/healthz", {})


def test_the_service_is_healthy_if_its_tables_answer(world: World) -> None:
    answer = get_health(request(world))

    assert (answer.status, answer.version) == ("ok", __version__)


def test_a_missing_table_makes_the_service_unavailable(world: World) -> None:
    with Faults(world.store.connection) as faults:
        faults.plan("GetItem", Refused("ResourceNotFoundException"))

        with pytest.raises(UnavailableError, match="The tables can't be reached") as raised:
            get_health(request(world))

    assert (raised.value.status, raised.value.code) == (503, "unavailable")


def test_all_tables_are_asked_in_parallel(engine_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    store = engine_world.store
    everybody = threading.Barrier(len(TABLES), timeout=20)

    def wait_for_the_others(**_: Any) -> None:
        everybody.wait()
        raise ConnectTimeoutError(endpoint_url="http://nowhere.test")

    monkeypatch.setattr(store.connection.client, "get_item", wait_for_the_others)
    assert store.find_unreachable() == [store.prefix + name for name in TABLES]
