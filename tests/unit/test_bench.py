"""The figures that the benchmarks compute from their measurements."""

import socket
import time
from collections.abc import Callable

import pytest
from botocore.credentials import ReadOnlyCredentials

from bench import events, frames, page, report
from chalicelib.delivery.gateway import Gateway
from chalicelib.identity.tokens import Authenticator
from chalicelib.kernel.settings import Settings
from tests.fakes.faults import FakeClock


def test_the_first_turn_does_not_count() -> None:
    clock, order = FakeClock(), []

    def take(name: str, seconds: float) -> Callable[[], None]:
        def run() -> None:
            order.append(name)
            clock.seconds += seconds * len(order)

        return run

    taken = report.measure_in_turns(2, {"a": take("a", 1), "b": take("b", 1)}, clock.monotonic)

    assert order == ["a", "b"] * 3
    assert taken == {"a": [3000, 5000], "b": [4000, 6000]}


def test_results_are_rounded_and_ratios_are_medians_of_pairs() -> None:
    results = {"a": 1.23456789, "b": [1 / 3, {"c": 2}], "d": "text"}

    assert report.rounded(results) == {"a": 1.2346, "b": [0.3333, {"c": 2}], "d": "text"}
    assert report.median_ratio([2, 30, 4], [1, 10, 4]) == 2


def test_columns_of_a_table_are_aligned() -> None:
    assert report.format_table(("what", "ms"), [["a", 1], ["longer", "100.5"]]) == (
        "what       ms\n"
        "a           1\n"
        "longer  100.5"
    )  # fmt: skip


def test_a_missed_target_is_marked() -> None:
    assert report.verdict(1.2, 1.6) == "1.20 (target: at most 1.6)"
    assert report.verdict(31, 30, " MB") == "31.00 MB (target: at most 30 MB, MISSED)"


def test_visits_are_summarized_for_each_time() -> None:
    visits = [
        {"first visit": float(n), "later visit": 1.0, "joining": 100.0 - n, "files": 3, "bytes": 9} for n in range(20)
    ]

    assert page.summarize(visits) == {
        "files": 3,
        "bytes": 9,
        "ms": {
            "first visit": {"median": 9.5, "p95": pytest.approx(18.05)},
            "later visit": {"median": 1, "p95": 1},
            "joining": {"median": 90.5, "p95": pytest.approx(99.05)},
        },
    }


def test_two_checkouts_are_compared_turn_by_turn() -> None:
    ours = [{"relayed frame": relayed, "message": 4.0} for relayed in (2.0, 30.0, 4.0)]
    theirs = [{"relayed frame": relayed, "message": 8.0} for relayed in (1.0, 10.0, 4.0)]

    assert frames.summarize(ours, theirs) == {
        "relayed frame": {"cpu_ms": 4, "other_cpu_ms": 4, "ratio": 2},
        "message": {"cpu_ms": 4, "other_cpu_ms": 8, "ratio": 0.5},
    }
    assert frames.summarize(ours)["relayed frame"] == {"cpu_ms": 4}


def test_posts_are_answered_from_memory_on_one_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[frames.AnsweringSocket] = []

    def open_socket(*_: object, **__: object) -> frames.AnsweringSocket:
        opened.append(frames.AnsweringSocket())
        return opened[-1]

    monkeypatch.setattr(socket, "create_connection", open_socket)
    gateway, before = (
        Gateway(find_keys=lambda: ReadOnlyCredentials("k", "s", None), region="r"),
        frames.AnsweringSocket.posts,
    )

    results = [gateway.post("http://connections.example/api", "id", b"frame") for _ in range(3)]

    assert [result.status for result in results] == [200] * 3
    assert len(opened) == 1
    assert frames.AnsweringSocket.posts == before + 3


def test_cpu_time_of_exchanges_with_the_database_is_known() -> None:
    network = frames.NetworkTime()

    def send(answer: str) -> str:
        started = time.thread_time()
        while time.thread_time() - started < 0.01:
            pass
        return answer

    assert network.exclude(send)("answer") == "answer"
    assert network.seconds >= 0.01


def test_tokens_of_the_benchmarks_are_valid() -> None:
    settings = Settings(auth_secret=events.SECRET)

    assert Authenticator(settings).verify(events.sign_token("ada"), now=1_800_000_000_000).id == "ada"
