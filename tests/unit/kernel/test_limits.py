"""Limits and caches in the memory of one process."""

import pytest

from chalicelib.kernel.limits import MAX_ENTRIES, MAX_FRAMES, STRIKE_WINDOW_MS, WINDOW_MS, Cache, FrameLimits, Throttle
from tests.fakes.backend import NOW, SECOND


@pytest.fixture
def frames() -> FrameLimits:
    return FrameLimits()


def flood(frames: FrameLimits, now: int = NOW) -> None:
    """Send more frames than the limit allows, in one window: one strike."""
    for _ in range(MAX_FRAMES + 10):
        frames.check("c1", False, now)


@pytest.mark.parametrize(("is_signal", "limit"), [(False, 60), (True, 200)])
def test_a_window_admits_the_limit_and_lasts_ten_seconds(frames: FrameLimits, is_signal: bool, limit: int) -> None:
    assert [frames.check("c1", is_signal, NOW) for _ in range(limit + 2)] == [0] * limit + [10, 10]
    assert frames.check("c1", is_signal, NOW + WINDOW_MS - 1) == 1
    assert frames.check("c1", is_signal, NOW + WINDOW_MS) == 0


@pytest.mark.parametrize(("connection_id", "is_signal"), [("c1", True), ("c2", False)], ids=["signals", "another"])
def test_signals_and_other_connections_count_apart(frames: FrameLimits, connection_id: str, is_signal: bool) -> None:
    flood(frames)

    assert frames.check(connection_id, is_signal, NOW) == 0


def test_three_strikes_within_a_minute_are_too_many(frames: FrameLimits) -> None:
    for strike in range(3):
        assert not frames.is_out("c1", NOW + strike * WINDOW_MS)
        flood(frames, NOW + strike * WINDOW_MS)

    assert frames.is_out("c1", NOW + 2 * WINDOW_MS)
    assert not frames.is_out("c2", NOW + 2 * WINDOW_MS)
    assert not frames.is_out("c1", NOW + STRIKE_WINDOW_MS), "strikes end after a minute"


def test_three_strikes_in_more_than_a_minute_are_allowed(frames: FrameLimits) -> None:
    for now in (NOW, NOW + 30 * SECOND, NOW + STRIKE_WINDOW_MS):
        flood(frames, now)

    assert not frames.is_out("c1", NOW + STRIKE_WINDOW_MS)


def test_frame_limits_keep_a_bounded_number_of_windows(frames: FrameLimits) -> None:
    frames._windows = Cache(2)
    for connection_id in (*["c1"] * MAX_FRAMES, "c2", "c3"):
        frames.check(connection_id, False, NOW)

    assert frames.check("c1", False, NOW) == 0, "the oldest window was dropped, so counting starts again"


def test_a_throttle_allows_an_act_once_in_an_interval() -> None:
    throttle = Throttle()

    allowed = [after for after in (0, 1, 9, 10, 11, 20) if throttle.allow("a", 10, NOW + after)]

    assert allowed == [0, 10, 20]
    assert throttle.allow("b", 10, NOW + 5)


def test_a_throttle_keeps_a_bounded_number_of_names() -> None:
    throttle = Throttle()
    throttle._last = Cache(2)

    assert all(throttle.allow(name, 10, NOW) for name in "abc")

    assert [throttle.allow(name, 10, NOW) for name in "bca"] == [False, False, True]


def test_a_full_cache_forgets_the_entry_written_longest_ago() -> None:
    cache: Cache[str, int] = Cache(2)
    for key, value in (("a", 1), ("b", 2), ("a", 3), ("c", 4)):
        cache.put(key, value)

    assert [cache.get(key) for key in "abc"] == [3, None, 4]


@pytest.mark.parametrize("cache", [Cache(), FrameLimits()._windows, Throttle()._last])
def test_every_cache_is_bounded(cache: Cache[object, object]) -> None:
    assert cache._max_entries == MAX_ENTRIES
