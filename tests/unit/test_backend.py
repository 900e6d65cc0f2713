"""The composition root: all state of a process belongs to its backend."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from unittest.mock import Mock, call

import pytest

from chalicelib.backend import Backend, build_backend, get_backend
from chalicelib.delivery.fanout import Fanout
from chalicelib.kernel.settings import Settings
from infra.local.engine import CREDENTIALS, REGION
from tests.fakes.backend import World
from tests.fakes.fanout import FakeFanout

MakeBackend = Callable[..., Backend]


@pytest.fixture
def _new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that has no backend yet."""
    monkeypatch.setattr("chalicelib.backend._process_backend", None)


def forbid_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.session.Session.create_client", lambda *_, **__: pytest.fail("a client was built"))


@pytest.fixture
def make(world: World) -> MakeBackend:
    return lambda **settings: Backend(Settings(**settings), world.store, FakeFanout())


@pytest.mark.usefixtures("_new_process")
def test_threads_that_race_for_the_backend_get_the_same() -> None:
    start = threading.Barrier(8)

    def ask(_: int) -> Backend:
        start.wait()
        return get_backend()

    with ThreadPoolExecutor(8) as pool:
        backend, *others = pool.map(ask, range(8))
    assert all(one is backend for one in others)
    assert isinstance(backend.fanout, Fanout)


@pytest.mark.usefixtures("_new_process")
def test_a_process_reads_its_environment_once(monkeypatch: pytest.MonkeyPatch) -> None:
    forbid_clients(monkeypatch)
    monkeypatch.setenv("TABLE_PREFIX", "first-")
    first = get_backend()
    monkeypatch.setenv("TABLE_PREFIX", "second-")

    assert get_backend() is first
    assert (first.settings.table_prefix, first.store.prefix) == ("first-", "first-")


def test_clients_get_region_and_certificates_from_the_settings() -> None:
    made = build_backend(Settings(aws_region=REGION, aws_ca_bundle="/ca.pem"))

    assert made.store.connection.region == REGION
    gateway = made.fanout._gateway
    assert (gateway._region, gateway._pool._ca_bundle) == (REGION, "/ca.pem")


def test_a_prepared_process_has_its_client(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    made = build_backend(Settings(aws_region=REGION))

    made.prepare(reads_tokens=True)

    forbid_clients(monkeypatch)
    assert made.store.connection.client.meta.service_model.service_name == "dynamodb"


def test_the_secret_is_read_once_and_shared_by_all(world: World, make: MakeBackend) -> None:
    assert world.backend.secret == make().secret
    assert world.backend.secret is world.backend.secret


def test_processes_share_no_caches_and_limits(make: MakeBackend) -> None:
    one, other = make(), make()

    for name in ("connection_cache", "frame_limits", "expiry_checks", "lease_renewals", "rate_limits", "authenticator"):
        assert getattr(one, name) is getattr(one, name) is not getattr(other, name), name


def test_the_websocket_url_is_that_of_the_settings(make: MakeBackend) -> None:
    assert make(websocket_url="wss://rooms.test").websocket_url.get() == "wss://rooms.test"


def test_without_a_setting_the_websocket_url_is_found_once(make: MakeBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    find = Mock(return_value="wss://found.test/api")
    monkeypatch.setattr("chalicelib.backend.find_websocket_url", find)
    made = make(websocket_api_name="rooms", aws_region=REGION)

    assert [made.websocket_url.get(), made.websocket_url.get()] == ["wss://found.test/api"] * 2
    assert find.call_args_list == [call("rooms", REGION)]
