"""Budgets of users, counted in the `guards` table, in blocks."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from chalicelib.kernel.settings import Limit
from chalicelib.store import Store
from chalicelib.store.budgets import Budgets, count_units
from chalicelib.store.rate_limits import RateLimits
from tests.fakes.backend import NOW, SECOND, World
from tests.fakes.counting import Counter
from tests.fakes.faults import Faults, Refused

LIMIT = Limit(640, 30)
SMALLEST, LARGEST = 10, 80


@pytest.fixture
def budgets(tables: Store) -> Budgets:
    return Budgets(RateLimits(tables), LIMIT)


def another_process(budgets: Budgets) -> Budgets:
    return Budgets(RateLimits(budgets._rate_limits._store), LIMIT)


def spend_all(budgets: Budgets, now: int = NOW) -> int:
    """Act until refused. Returns the number of acts."""
    acts = 0
    while not budgets.check("ada", 2, now):
        budgets.charge("ada", 8, now)
        acts += 1
    return acts


def test_a_frame_is_a_unit_and_one_for_each_4000_bytes() -> None:
    assert [count_units(size) for size in (1, 3_999, 4_000, 32_000)] == [1, 1, 2, 9]


def test_a_user_spends_the_limit_then_waits_for_the_window(budgets: Budgets) -> None:
    assert LIMIT.count <= 10 * spend_all(budgets) <= LIMIT.count + LARGEST
    assert budgets.check("ada", 2, NOW + 1) == another_process(budgets).check("ada", 2, NOW + 1) == 30
    assert budgets.check("ben", 2, NOW) == 0, "each user has a budget"
    assert spend_all(budgets, NOW + 30 * SECOND) >= 56


def test_processes_share_a_budget(budgets: Budgets) -> None:
    processes = [budgets, another_process(budgets), another_process(budgets)]
    spent = 0
    while any(waits := [process.check("ada", 2, NOW) for process in processes]) is False:
        for process in processes:
            process.charge("ada", 8, NOW)
        spent += 30
    assert max(waits) == 30
    assert LIMIT.count - 3 * LARGEST <= spent <= LIMIT.count + 3 * LARGEST


def test_threads_of_a_process_take_one_block_together(engine_world: World) -> None:
    budgets = Budgets(RateLimits(engine_world.store), LIMIT)
    with Counter(engine_world.store) as counter, ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: budgets.check("ada", 1, NOW), range(8))) == {0}
    assert counter.write_units == 1


@pytest.mark.parametrize(("pause", "writes"), [(0, 4), (31 * SECOND, 10)], ids=["busy", "seldom used"])
def test_blocks_grow_in_a_process_that_a_user_keeps_busy(engine_world: World, pause: int, writes: int) -> None:
    budgets = Budgets(RateLimits(engine_world.store), LIMIT)
    with Counter(engine_world.store) as counter:
        for act in range(10):
            assert budgets.check("ada", 2, NOW + act * pause) == 0
            budgets.charge("ada", 8, NOW + act * pause)
    assert (counter.write_units, counter.read_units) == (writes, 0)


def test_a_debt_is_written_at_once_if_it_is_large(budgets: Budgets) -> None:
    budgets.charge("ada", LARGEST, NOW)
    assert another_process(budgets).check("ada", 1, NOW) == 0

    budgets.charge("ada", LIMIT.count, NOW)

    assert another_process(budgets).check("ada", 1, NOW) == 30


def test_a_debt_that_cannot_be_written_is_kept(budgets: Budgets, caplog: pytest.LogCaptureFixture) -> None:
    store = budgets._rate_limits._store
    with Faults(store.connection) as faults:
        faults.plan("PutItem", Refused("AccessDeniedException"))
        budgets.charge("ada", LIMIT.count + LARGEST, NOW)
    assert "a debt could not be written" in caplog.text

    budgets.check("ada", 1, NOW)

    assert another_process(budgets).check("ada", 1, NOW) == 30
