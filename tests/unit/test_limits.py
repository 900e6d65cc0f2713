"""How many frames a connection may send."""

import pytest

from chalicelib import limits
from chalicelib.limits import FRAMES, SIGNALS, STRIKE_WINDOW_MS, WINDOW_MS, FrameLimits, Intervals
from tests.fakes.backend import NOW, SECOND

KINDS = pytest.mark.parametrize(("is_signal", "limit"), [(False, 60), (True, 200)])


def flood(frames: FrameLimits, now: int = NOW, *, connection_id: str = "c1") -> int:
    """Send one frame more than is allowed; the seconds that its sender must wait."""
    waits = [frames.check(connection_id, False, now) for _ in range(FRAMES + 1)]
    assert waits[:-1] == [0] * FRAMES
    return waits[-1]


def test_the_numbers_are_those_of_the_contract() -> None:
    assert (FRAMES, SIGNALS, WINDOW_MS, limits.STRIKES, STRIKE_WINDOW_MS) == (60, 200, 10_000, 3, 60_000)


@KINDS
def test_as_many_frames_as_the_limit_says_are_let_through(is_signal: bool, limit: int) -> None:
    frames = FrameLimits()

    waits = [frames.check("c1", is_signal, NOW) for _ in range(limit + 2)]

    assert waits == [0] * limit + [10, 10]


@KINDS
def test_a_window_opens_anew_after_ten_seconds(is_signal: bool, limit: int) -> None:
    frames = FrameLimits()
    for _ in range(limit + 1):
        frames.check("c1", is_signal, NOW)

    assert frames.check("c1", is_signal, NOW + WINDOW_MS - 1) == 1
    assert frames.check("c1", is_signal, NOW + WINDOW_MS) == 0


def test_signalling_and_other_frames_are_counted_apart() -> None:
    frames = FrameLimits()
    flood(frames)

    assert frames.check("c1", True, NOW) == 0


def test_connections_are_counted_apart() -> None:
    frames = FrameLimits()
    flood(frames, connection_id="c1")

    assert frames.check("c2", False, NOW) == 0


def test_a_window_over_its_limit_is_one_strike_however_many_frames_are_over_it() -> None:
    frames = FrameLimits()
    flood(frames)
    for _ in range(10):
        frames.check("c1", False, NOW)

    assert not frames.is_out("c1", NOW)


def test_three_strikes_in_a_minute_are_too_many() -> None:
    frames = FrameLimits()
    for strike in range(3):
        assert not frames.is_out("c1", NOW + strike * WINDOW_MS)
        flood(frames, NOW + strike * WINDOW_MS)

    assert frames.is_out("c1", NOW + 2 * WINDOW_MS)
    assert not frames.is_out("c2", NOW + 2 * WINDOW_MS)
    assert not frames.is_out("c1", NOW + STRIKE_WINDOW_MS), "a minute later all is forgotten"


def test_three_strikes_over_more_than_a_minute_are_not() -> None:
    frames = FrameLimits()
    for now in (NOW, NOW + 30 * SECOND, NOW + STRIKE_WINDOW_MS):
        flood(frames, now)

    assert not frames.is_out("c1", NOW + STRIKE_WINDOW_MS)


def test_a_process_counts_for_so_many_connections_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_REMEMBERED", 2)
    frames = FrameLimits()
    for _ in range(FRAMES):
        frames.check("c1", False, NOW)

    for connection_id in ("c2", "c3"):
        frames.check(connection_id, False, NOW)

    assert frames.check("c1", False, NOW) == 0, "forgotten, so it starts over"


def test_something_is_due_once_in_a_while() -> None:
    done = Intervals()

    assert [done.is_due("a", 10, NOW + after) for after in (0, 1, 9, 10, 11, 20)] == [
        True,
        False,
        False,
        True,
        False,
        True,
    ]
    assert done.is_due("b", 10, NOW + 5)


def test_so_many_things_are_remembered_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_REMEMBERED", 2)
    done = Intervals()

    assert all(done.is_due(name, 10, NOW) for name in "abc")

    assert [done.is_due(name, 10, NOW) for name in "bc"] == [False, False]
    assert done.is_due("a", 10, NOW)
