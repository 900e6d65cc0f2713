"""Health: the service answers for its tables. The documents are public and can be kept."""

import json
from typing import Any

import pytest

from chalicelib import __version__
from chalicelib.api import asyncapi, openapi
from chalicelib.api.views import HEALTHY_FOR_MS, get_asyncapi, get_docs, get_health, get_openapi
from chalicelib.contract import Page, Request
from chalicelib.kernel.errors import UnavailableError
from tests.fakes.backend import NOW, World
from tests.fakes.counting import Counter
from tests.fakes.faults import Faults, Refused

API = "https://rooms.example/api"


def request(world: World, now: int = NOW, path: str = "/healthz") -> Request:
    headers = {"host": "rooms.example", "x-forwarded-proto": "https"}
    return Request(world.backend, now, headers, f"/api{path}", path, {})


def test_the_service_is_healthy_if_its_tables_answer(world: World) -> None:
    answer = get_health(request(world))

    assert (answer.status, answer.version) == ("ok", __version__)


def test_a_missing_table_makes_the_service_unavailable(world: World) -> None:
    with Faults(world.store.connection) as faults:
        faults.plan("BatchGetItem", Refused("ResourceNotFoundException"))

        with pytest.raises(UnavailableError, match="The tables can't be reached") as raised:
            get_health(request(world))

    assert (raised.value.status, raised.value.code) == (503, "unavailable")


def test_a_good_result_is_valid_for_5_seconds(world: World) -> None:
    get_health(request(world))
    with Faults(world.store.connection) as faults:
        faults.plan("BatchGetItem", Refused("ThrottlingException"))

        get_health(request(world, NOW + HEALTHY_FOR_MS - 1))
        with pytest.raises(UnavailableError):
            get_health(request(world, NOW + HEALTHY_FOR_MS))


def test_a_bad_result_is_not_kept(world: World) -> None:
    with Faults(world.store.connection) as faults:
        faults.plan("BatchGetItem", Refused("ThrottlingException"))
        with pytest.raises(UnavailableError):
            get_health(request(world))

    assert get_health(request(world)).status == "ok"


def test_health_is_one_request_in_5_seconds(engine_world: World) -> None:
    with Counter(engine_world.store) as counter:
        for later in (0, 1, HEALTHY_FOR_MS - 1):
            get_health(request(engine_world, NOW + later))

    assert [call.operation for call in counter.calls] == ["BatchGetItem"]
    assert counter.read_units == 4


@pytest.mark.parametrize("view", [get_openapi, get_asyncapi, get_docs])
def test_a_document_is_written_once_without_a_read(engine_world: World, view: Any) -> None:
    with Counter(engine_world.store) as counter:
        page: Page = view(request(engine_world))

    assert view(request(engine_world, NOW + 1)) is page
    assert counter.calls == []
    assert len(page.text.encode()) < 128_000


def test_the_documents_are_those_of_the_address(world: World) -> None:
    assert json.loads(get_openapi(request(world, path="/openapi.json")).text) == openapi.document(API)
    assert json.loads(get_asyncapi(request(world)).text) == asyncapi.document(world.backend.settings.websocket_url)
