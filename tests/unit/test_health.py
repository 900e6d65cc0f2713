"""Whether the service can do its work."""

import pytest

from chalicelib import __version__, health
from chalicelib.errors import UnavailableError
from chalicelib.store.tables import bound_connection
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
