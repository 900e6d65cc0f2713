"""What the benchmarks compute from what they measure."""

import math
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench import end_to_end, events, layers, operations, package, page, report, startup
from chalicelib import auth
from chalicelib.kernel.settings import Settings


class HandClock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_ways_run_in_turns_and_the_first_turn_does_not_count() -> None:
    clock, order = HandClock(), []

    def take(name: str, seconds: float) -> Callable[[], None]:
        def run() -> None:
            order.append(name)
            clock.now += seconds * len(order)

        return run

    taken = report.measure_in_turns(2, {"a": take("a", 1), "b": take("b", 1)}, clock)

    assert order == ["a", "b"] * 3
    assert taken == {"a": [3000, 5000], "b": [4000, 6000]}


def test_a_ratio_is_the_median_of_pairs_not_that_of_medians() -> None:
    assert report.median_ratio([2, 30, 4], [1, 10, 4]) == 2


@pytest.mark.parametrize(("percent", "value"), [(0, 1), (50, 50), (99, 99), (99.5, 100), (100, 100)])
def test_a_percentile_is_one_of_the_values(percent: float, value: int) -> None:
    assert report.percentile(list(range(100, 0, -1)), percent) == value


def test_a_table_has_its_figures_below_one_another() -> None:
    assert report.format_table(("what", "ms"), [["a", 1], ["longer", "100.5"]]) == (
        "what       ms\n"
        "a           1\n"
        "longer  100.5"
    )  # fmt: skip


def test_a_target_that_is_missed_says_so() -> None:
    assert report.verdict(1.2, 1.6) == "1.20 (target: at most 1.6)"
    assert report.verdict(31, 30, " MB") == "31.00 MB (target: at most 30 MB, MISSED)"


def test_results_keep_four_digits() -> None:
    results = {"a": 1.23456789, "b": [1 / 3, {"c": 2}], "d": "text"}

    assert report.rounded(results) == {"a": 1.2346, "b": [0.3333, {"c": 2}], "d": "text"}


def test_time_goes_to_the_layer_that_was_entered_last() -> None:
    thread, process = HandClock(), HandClock()
    ledger = layers.Ledger(thread, process)

    def spend(seconds: float) -> None:
        thread.now += seconds
        process.now += seconds

    ledger.open()
    spend(100)
    with ledger.within("ours"):
        spend(1)
        with ledger.within("botocore"):
            spend(2)
            with ledger.within("ours"):
                spend(4)
            spend(8)
        spend(16)

    assert ledger.close() == {"ours": 21, "botocore": 10, "threads": 100}


def test_a_layer_that_raises_is_left() -> None:
    thread = HandClock()
    ledger = layers.Ledger(thread, HandClock())

    def fail() -> None:
        thread.now += 1
        raise ValueError

    ledger.open()
    with ledger.within("ours"):
        with pytest.raises(ValueError):
            ledger.wrap("jwt", fail)()
        thread.now += 2

    assert ledger.close() == {"ours": 2, "jwt": 1, "threads": 0}


def test_a_ledger_is_empty_when_it_is_opened_again() -> None:
    thread, process = HandClock(), HandClock()
    ledger = layers.Ledger(thread, process)
    with ledger.within("ours"):
        thread.now += 1
    process.now += 5

    ledger.open()

    assert ledger.close() == {"threads": 0}


def test_threads_have_pages_of_their_own() -> None:
    ledger = layers.Ledger()

    def work() -> None:
        with ledger.within("posting"):
            sum(math.sqrt(number) for number in range(200_000))

    ledger.open()
    with ledger.within("ours"):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    spent = ledger.close()

    assert spent["posting"] > spent["ours"] > 0


def test_class_methods_stay_class_methods_when_wrapped() -> None:
    ledger = layers.Ledger(HandClock(), HandClock())

    class Row:
        @classmethod
        def make(cls, number: int) -> tuple[type, int]:
            return cls, number

        def double(self, number: int) -> int:
            return 2 * number

    class Special(Row):
        pass

    make: Any = layers.wrap_attribute(ledger, "pynamodb", Row, "make")
    double: Any = layers.wrap_attribute(ledger, "pynamodb", Row, "double")

    assert make.__get__(None, Special)(3) == (Special, 3)
    assert double(Row(), 4) == 8


def test_every_border_is_there() -> None:
    for _, owner, names in layers.find_borders():
        for name in names.split():
            assert callable(getattr(owner, name))


@pytest.mark.parametrize(
    ("intervals", "seconds"),
    [
        ([], 0),
        ([(1, 2), (4, 6)], 3),
        ([(1, 5), (2, 3)], 4),
        ([(3, 5), (1, 4), (5, 6)], 5),
    ],
)
def test_waits_that_overlap_count_once(intervals: list[operations.Interval], seconds: float) -> None:
    assert operations.covered(intervals) == seconds


def test_runs_are_summed_up_by_their_medians() -> None:
    runs = [
        operations.Sample(wall=10, engine=4, posting=1, layers={"ours": 1, "botocore": 2}),
        operations.Sample(wall=30, engine=8, posting=3, layers={"ours": 4, "botocore": 2}),
        operations.Sample(wall=20, engine=2, posting=2, layers={"ours": 2, "botocore": 6}),
    ]

    summary = operations.summarize(runs)

    assert (summary["wall_ms"], summary["engine_ms"], summary["posting_ms"], summary["cpu_ms"]) == (20, 4, 2, 6)
    assert summary["cpu_by_layer_ms"]["ours"] == 2
    assert summary["cpu_by_layer_ms"]["jwt"] == 0
    assert summary["ours_to_engine"] == 0.5


def test_the_parts_of_a_frames_way_add_up_to_the_whole() -> None:
    moments = {"function": [10.002, 10.030], "engine": [10.003, 10.010], "posting": [10.011, 10.029]}

    parts = end_to_end.split(10.0, 10.025, moments)

    assert sum(parts.values()) == pytest.approx(25)
    assert parts["engine"] == pytest.approx(7)


def test_visits_are_summed_up_for_each_moment_by_itself() -> None:
    visits = [{"first visit": float(number), "joining": 100.0 - number} for number in range(20)]

    assert page.summarize(visits) == {
        "first visit": {"median": 9.5, "p95": 18},
        "joining": {"median": 90.5, "p95": 99},
    }


def test_a_first_event_is_told_from_later_ones() -> None:
    marks = [(0, 0.0, 0), (2, 1.0, 9), (2, 1.5, 9), (3, 1.75, 9), (3, 1.8, 9), (3, 1.81, 9)]
    answer = {"marks": marks, "loaded": ["chalicelib.api.rooms", "chalicelib.seats", "json"]}

    described = startup.describe_function([answer])

    assert described["import_cpu_ms"] == pytest.approx(1000)
    assert described["import_wall_ms"] == pytest.approx(2000)
    assert described["first_event_cpu_ms"] == pytest.approx(250)
    assert described["later_event_cpu_ms"] == pytest.approx(10)
    assert (described["modules"], described["own_modules"]) == (3, 2)
    assert described["rest_views"] == ["chalicelib.api.rooms"]


def test_services_that_nobody_calls_are_dropped_and_nothing_else_is(tmp_path: Path) -> None:
    data = tmp_path / "botocore" / "data"
    for service in ("dynamodb", "s3"):
        (data / service).mkdir(parents=True)
    (data / "endpoints.json").touch()

    package.drop_services(tmp_path)

    assert {path.name for path in data.iterdir()} == {"dynamodb", "endpoints.json"}


def test_tokens_of_the_benchmarks_are_good() -> None:
    settings = Settings(auth_secret=events.SECRET)

    assert auth.verify(events.sign_token("ada"), settings, now=1_800_000_000_000).id == "ada"
