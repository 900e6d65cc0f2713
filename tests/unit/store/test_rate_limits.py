"""Rate limits, counted in windows in the `guards` table."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chalicelib.kernel.limits import Cache
from chalicelib.kernel.settings import Limit
from chalicelib.store import Store
from chalicelib.store.rate_limits import WINDOWS, RateLimits, window_key
from tests.fakes.backend import NOW, SECOND, Interrupt, World
from tests.fakes.counting import Counter

LIMIT = Limit(3, 10)
LATER = NOW + 10 * SECOND


@pytest.fixture
def limits(tables: Store) -> RateLimits:
    return RateLimits(tables)


def use_up(limits: RateLimits, now: int = NOW) -> None:
    assert waits(limits, now) == [0, 0, 0]


def waits(limits: RateLimits, now: int = NOW, subject: str = "ada") -> list[int]:
    """The results of as many checks as the limit allows."""
    return [limits.check(subject, LIMIT, now) for _ in range(LIMIT.count)]


def another_process(limits: RateLimits) -> RateLimits:
    return RateLimits(limits._store)


def test_a_limit_holds_in_all_processes_until_its_window_ends(limits: RateLimits) -> None:
    use_up(limits)

    for after, wait in ((0, 10), (1, 10), (9 * SECOND, 1), (10 * SECOND - 1, 1)):
        for process in (limits, another_process(limits)):
            assert process.check("ada", LIMIT, NOW + after) == wait
    assert limits.check("bob", LIMIT, NOW) == 0, "each subject has its own window"

    use_up(limits, LATER)
    assert limits.check("ada", LIMIT, LATER) == 10


def test_a_window_that_ended_in_the_meantime_opens_again(limits: RateLimits) -> None:
    use_up(limits)
    limits._open_windows.put(window_key("ada"), NOW + 60 * SECOND)  # this process takes the window for open

    assert limits.check("ada", LIMIT, LATER) == 0


def test_a_window_that_the_table_has_deleted_opens_again(limits: RateLimits) -> None:
    use_up(limits)
    limits._store.delete(WINDOWS, window_key("ada"))

    assert limits.check("ada", LIMIT, NOW + SECOND) == 0


@pytest.mark.parametrize(
    ("place", "is_used_up"),
    [
        pytest.param(lambda limits: (limits, "_open"), False, id="the first window"),
        pytest.param(lambda limits: (limits, "_open"), True, id="a new window"),
        pytest.param(lambda limits: (limits._store, "get"), True, id="a new window, before the old one is read"),
    ],
)
def test_a_window_opened_by_another_process_at_once_is_counted(
    limits: RateLimits, just_before: Interrupt, place: Callable[[RateLimits], tuple[Any, str]], is_used_up: bool
) -> None:
    if is_used_up:
        use_up(limits)
        limits._open_windows.put(window_key("ada"), LATER + SECOND)
    just_before(*place(limits), lambda: another_process(limits).check("ada", LIMIT, LATER))

    assert waits(limits, LATER) == [0, 0, 10]


def test_an_act_within_the_limit_costs_one_write_unit(engine_world: World) -> None:
    with Counter(engine_world.store) as counter:
        use_up(RateLimits(engine_world.store))

    assert (counter.write_units, counter.read_units) == (LIMIT.count, 0)


def test_a_window_that_this_process_forgot_still_counts(world: World) -> None:
    limits = RateLimits(world.store)
    limits._open_windows = Cache(2)
    for subject in ("ada", "bob", "cyd"):
        limits.check(subject, LIMIT, NOW)

    assert limits._open_windows.get(window_key("ada")) is None
    assert waits(limits) == [0, 0, 10]


def test_parallel_acts_pass_up_to_the_limit(engine_world: World) -> None:
    limits = RateLimits(engine_world.store)
    with ThreadPoolExecutor(12) as pool:
        found = list(pool.map(lambda _: limits.check("ada", LIMIT, NOW), range(12)))

    assert sorted(found) == [0] * 3 + [10] * 9


def test_the_row_of_a_window_stays_after_its_end(limits: RateLimits) -> None:
    limits.check("ada", LIMIT, NOW)

    window = limits._store.get(WINDOWS, window_key("ada"))
    assert window is not None
    assert window.expires_at * 1000 > window.window_ends_at == LATER
