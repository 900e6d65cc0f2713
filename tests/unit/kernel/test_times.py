"""Time is whole milliseconds since the epoch, in UTC."""

import pytest

from chalicelib.kernel.times import from_iso, hour_and_minute, iso, now_ms

WRITTEN = [
    (0, "1970-01-01T00:00:00.000Z"),
    (1_798_761_600_000, "2027-01-01T00:00:00.000Z"),
    (1_798_761_600_007, "2027-01-01T00:00:00.007Z"),
    (1_798_761_599_999, "2026-12-31T23:59:59.999Z"),
    (4_102_444_799_999, "2099-12-31T23:59:59.999Z"),
]


@pytest.mark.parametrize(("moment", "text"), WRITTEN)
def test_moments_are_written_in_utc_with_milliseconds_and_z(moment: int, text: str) -> None:
    assert iso(moment) == text
    assert from_iso(text) == moment


def test_no_millisecond_is_lost() -> None:
    start = 1_798_761_600_000
    assert all(from_iso(iso(moment)) == moment for moment in range(start, start + 1000))


def test_moments_sort_as_their_texts_do() -> None:
    moments = [moment for moment, _ in WRITTEN]
    assert sorted(moments, key=iso) == sorted(moments)


def test_chat_lines_show_hour_and_minute_in_utc() -> None:
    assert hour_and_minute(1_798_761_600_000 + 61_000) == "00:01"
    assert hour_and_minute(1_798_761_599_999) == "23:59"


def test_the_clock_goes_forward_in_milliseconds() -> None:
    first, second = now_ms(), now_ms()
    assert 1_700_000_000_000 < first <= second
