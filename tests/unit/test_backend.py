"""Where things are composed."""

import threading
from collections.abc import Iterator
from unittest.mock import patch

import pytest

from chalicelib import get_backend as composition
from chalicelib.backend import Backend, get_backend, prepare
from chalicelib.delivery.fanout import Fanout
from chalicelib.kernel.errors import UnavailableError
from chalicelib.kernel.settings import Settings
from chalicelib.store import tables
from chalicelib.store.client import RetryingConnection
from infra.local.engine import CREDENTIALS, REGION
from tests.fakes.backend import World
from tests.fakes.fanout import FakeFanout


@pytest.fixture
def unbuilt() -> Iterator[None]:
    """A process that has no get_backend yet; what it binds is undone."""
    before = [(table, table.Meta.table_name, table._connection) for table in tables.TABLES]
    with patch.object(composition, "_backend", None):
        yield
    for table, name, connection in before:
        table.Meta.table_name, table._connection = name, connection


@pytest.mark.usefixtures("unbuilt")
def test_threads_that_need_the_backend_at_once_get_the_same() -> None:
    start, got = threading.Barrier(8), []

    def ask() -> None:
        start.wait()
        got.append(get_backend())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({id(one) for one in got}) == 1
    assert isinstance(got[0].fanout, Fanout)
    assert isinstance(tables.bound_connection(), RetryingConnection)


@pytest.mark.usefixtures("unbuilt")
def test_nothing_is_opened_before_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.session.Session.create_client", lambda *_, **__: pytest.fail("a client was built"))

    assert get_backend() is get_backend()


@pytest.mark.usefixtures("unbuilt")
def test_a_prepared_process_has_its_client_before_the_first_event(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)

    prepare(reads_tokens=True)

    monkeypatch.setattr("botocore.session.Session.create_client", lambda *_, **__: pytest.fail("a client was built"))
    assert tables.bound_connection().client.meta.service_model.service_name == "dynamodb"


def test_the_secret_is_read_once_and_shared_by_all(world: World) -> None:
    another = Backend(world.backend.settings, FakeFanout())

    assert world.backend.secret == another.secret
    assert world.backend.secret is world.backend.secret


def test_the_websocket_is_where_the_settings_say() -> None:
    assert Backend(Settings(websocket_url="wss://rooms.test"), FakeFanout()).websocket_url == "wss://rooms.test"


def test_or_else_it_is_found_by_its_name_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def find(name: str) -> str:
        asked.append(name)
        return "wss://found.test/api"

    monkeypatch.setattr(composition, "find_websocket_url", find)
    composed = Backend(Settings(websocket_api_name="rooms"), FakeFanout())

    assert [composed.websocket_url, composed.websocket_url] == ["wss://found.test/api"] * 2
    assert asked == ["rooms"]


def test_a_websocket_that_was_not_found_is_looked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: str) -> str:
        raise UnavailableError

    monkeypatch.setattr(composition, "find_websocket_url", fail)
    composed = Backend(Settings(), FakeFanout())
    with pytest.raises(UnavailableError):
        _ = composed.websocket_url
    monkeypatch.setattr(composition, "find_websocket_url", lambda _: "wss://found.test/api")

    assert composed.websocket_url == "wss://found.test/api"
