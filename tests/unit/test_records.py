"""Records: values that don't change."""

from dataclasses import FrozenInstanceError, fields
from typing import Any

import pytest

from tests.fakes.backend import NOW
from tests.fakes.records import make_connection, make_message, make_participant, make_room

RECORDS = [make_room(), make_participant("room"), make_message("room"), make_connection("room", "c1")]


@pytest.mark.parametrize(("after", "holds"), [(-1, True), (0, False), (1, False)])
def test_a_lease_holds_until_the_moment_it_runs_out(after: int, holds: bool) -> None:
    member = make_participant("room", lease_expires_at=NOW)

    assert member.holds_at(NOW + after) is holds


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_a_record_does_not_change(record: Any) -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(record, fields(record)[0].name, "another")


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_a_record_can_be_kept_in_a_set(record: Any) -> None:
    assert record in {record}
