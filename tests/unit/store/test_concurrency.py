"""Calls that run in parallel."""

import threading
from contextvars import ContextVar
from functools import partial

import pytest

from chalicelib.store.concurrency import Parallel


def test_calls_run_in_parallel_and_answer_in_order() -> None:
    meeting = threading.Barrier(4)

    def meet(answer: int) -> int:
        meeting.wait(timeout=30)
        return answer

    assert Parallel()(*(partial(meet, number) for number in range(4))) == (0, 1, 2, 3)


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_a_failure_is_raised_when_all_calls_have_ended(failing: int) -> None:
    ended = []

    def call(number: int) -> None:
        if number == failing:
            raise LookupError(number)
        ended.append(number)

    with pytest.raises(LookupError):
        Parallel()(partial(call, 0), partial(call, 1), partial(call, 2))

    assert sorted(ended) == [number for number in range(3) if number != failing]


def test_parallel_calls_share_their_callers_context() -> None:
    request = ContextVar("request", default="none")
    request.set("this one")

    assert Parallel()(request.get, request.get) == ("this one", "this one")


def test_no_thread_starts_before_the_first_parallel_call() -> None:
    before = threading.active_count()
    run_parallel = Parallel()

    assert run_parallel(lambda: threading.active_count()) == (before,)
