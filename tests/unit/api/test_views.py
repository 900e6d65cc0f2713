"""Whether the service can do its work."""

import threading
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError

from chalicelib import __version__, health
from chalicelib.kernel.errors import UnavailableError
from chalicelib.store.tables import TABLES, bound_connection, unreachable
from tests.fakes.backend import World
from tests.fakes.faults import Faults, Refused


def test_a_service_whose_tables_answer_is_well(world: World) -> None:
    answer = health.check()

    assert (answer.status, answer.version) == ("ok", __version__)


def test_a_service_that_misses_a_table_is_unavailable(world: World) -> None:
    with Faults(bound_connection()) as faults:
        faults.plan("GetItem", Refused("ResourceNotFoundException"))

        with pytest.raises(UnavailableError) as raised:
            health.check()

    assert (raised.value.status, raised.value.code) == (503, "unavailable")


def test_all_tables_are_asked_at_the_same_time(engine_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    everybody = threading.Barrier(len(TABLES), timeout=20)

    def wait_for_the_others(**_: Any) -> None:
        everybody.wait()
        raise ConnectTimeoutError(endpoint_url="http://nowhere.test")

    monkeypatch.setattr(bound_connection().client, "get_item", wait_for_the_others)
    assert unreachable() == [table.Meta.table_name for table in TABLES]
