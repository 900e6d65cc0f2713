"""Fan-out over real connections on loopback. Tests that depend on time move a fake clock."""

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from threading import Barrier, Event

import pytest

from chalicelib.delivery import Close, DeliveryReport, OutboundFrame
from chalicelib.delivery.fanout import NEWBORN_MS, UNOPENED_MS, Fanout, Pace
from chalicelib.delivery.gateway import Gateway, PostResult
from chalicelib.seats.sockets import opening_wait
from tests.fakes.backend import NOW
from tests.fakes.connections_api import KEYS, REGION, Answer, ConnectionsApi
from tests.fakes.faults import FakeClock
from tests.fakes.records import make_connection

MakeFanout = Callable[..., Fanout]
BUSY, SENT = PostResult(503, "status 503"), PostResult(200, "status 200")


class ScriptedGateway(Gateway):
    """A gateway whose answer to a post comes from a function. The function gets the connection id."""

    def __init__(self, on_post: Callable[[str], PostResult]) -> None:
        super().__init__()
        self.on_post = on_post
        self.timeouts: list[float] = []

    def post(self, _endpoint: str, connection_id: str, _data: bytes, timeout: float = 0) -> PostResult:
        self.timeouts.append(timeout)
        return self.on_post(connection_id)


@pytest.fixture
def api() -> Iterator[ConnectionsApi]:
    with ConnectionsApi() as server:
        yield server


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def make_fanout() -> Iterator[MakeFanout]:
    """Make fan-outs. With a clock, each retry waits on that clock, for the longest time that is allowed."""
    made: list[Fanout] = []

    def make(gateway: Gateway | None = None, threads: int = 8, clock: FakeClock | None = None) -> Fanout:
        gateway = gateway or Gateway(find_keys=KEYS.get_frozen_credentials, region=REGION)
        pace = Pace(clock.monotonic, clock.sleep, lambda least, most: most, partial(now_of, clock)) if clock else None
        made.append(Fanout(gateway, threads=threads, pace=pace))
        return made[-1]

    yield make
    for fanout in made:
        fanout.shutdown()


@pytest.fixture
def fanout(make_fanout: MakeFanout, clock: FakeClock) -> Fanout:
    """A fan-out over real connections. Its retries do not wait in real time."""
    return make_fanout(clock=clock)


def now_of(clock: FakeClock) -> int:
    """The time on a clock; it starts long after the connections of `frame` were opened."""
    return NOW + int(clock.seconds * 1000)


def frame(connection_id: str, api: ConnectionsApi | None = None) -> OutboundFrame:
    endpoint = api.endpoint() if api else "http://gateway.example/api"
    return OutboundFrame(
        make_connection("room", connection_id, endpoint=endpoint), f"secret for {connection_id}".encode()
    )


def frames(api: ConnectionsApi | None, *connection_ids: str) -> list[OutboundFrame]:
    return [frame(name, api) for name in connection_ids]


def result(report: DeliveryReport) -> tuple[int, list[str], list[str]]:
    """The number of sent frames, and the ids of the gone and of the failed connections."""
    gone, failed = ([one.connection_id for one in found] for found in (report.gone, report.failed))
    return report.sent, gone, failed


def test_each_connection_receives_its_own_frame(api: ConnectionsApi, fanout: Fanout) -> None:
    names = [f"connection-{n}=" for n in range(20)]
    assert result(fanout.deliver(frames(api, *names))) == (20, [], [])
    assert {name: api.bodies(name) for name in names} == {name: [f"secret for {name}".encode()] for name in names}


def test_frames_are_posted_in_parallel(api: ConnectionsApi, fanout: Fanout) -> None:
    all_have_arrived = Barrier(8)
    api.before_answer = lambda: all_have_arrived.wait(10)
    assert fanout.deliver(frames(api, *"abcdefgh")).sent == 8


def test_the_report_tells_sent_gone_and_failed_apart(
    api: ConnectionsApi, fanout: Fanout, caplog: pytest.LogCaptureFixture
) -> None:
    for name, status in (("gone=", 410), ("forbidden=", 403), ("too-large=", 413)):
        api.answer(name, status)
    acts = frames(api, "ok=", "gone=", "forbidden=", "too-large=", "ok-too=", "gone=", "forbidden=")
    report = fanout.deliver(acts)
    assert result(report) == (2, ["gone="], ["forbidden=", "too-large="]), "each connection once"
    assert report.gone[0] is acts[1].connection
    warned = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert not [record for record in warned if "gone=" in record.message or "ok" in record.message]


def test_the_report_says_how_long_it_took(make_fanout: MakeFanout, clock: FakeClock) -> None:
    def take_two_seconds(_: str) -> PostResult:
        clock.sleep(2)
        return SENT

    fanout = make_fanout(ScriptedGateway(take_two_seconds), clock=clock)
    assert fanout.deliver(frames(None, "a=")) == DeliveryReport(sent=1, seconds=2)
    assert fanout.deliver([]) == DeliveryReport()


@pytest.mark.parametrize(("count", "in_own_thread"), [(1, True), (2, False)])
def test_only_a_single_post_runs_in_the_callers_thread(
    make_fanout: MakeFanout, count: int, in_own_thread: bool
) -> None:
    threads = set()

    def note_thread(_: str) -> PostResult:
        threads.add(threading.current_thread())
        return SENT

    make_fanout(ScriptedGateway(note_thread)).deliver(frames(None, *"ab"[:count]))
    assert (threading.current_thread() in threads) is in_own_thread


@pytest.mark.parametrize("bad", [Answer(429), Answer(500), Answer(503), Answer(cut=True)])
@pytest.mark.parametrize("others", [(), ("other=",)])
def test_a_post_that_may_succeed_later_is_retried(
    api: ConnectionsApi, fanout: Fanout, bad: Answer, others: tuple[str, ...]
) -> None:
    api.answer("a=", bad, bad, Answer(200))
    report = fanout.deliver(frames(api, "a=", *others))
    assert result(report) == (1 + len(others), [], [])
    assert report.retries in (1, 2), "the gateway itself replaces an idle connection that was cut"
    assert api.bodies("a=") == [b"secret for a="] * 3


@pytest.mark.parametrize("status", [400, 403, 413])
def test_a_refused_post_is_logged_once_and_not_retried(
    api: ConnectionsApi, fanout: Fanout, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    api.answer("a=", status)
    fanout.deliver(frames(api, "a="))
    assert len(api.received) == 1
    assert caplog.messages == [f"not delivered to connection a=: status {status}"]
    assert "secret" not in caplog.text + repr(frame("a="))


@pytest.mark.parametrize("act", [OutboundFrame, Close])
@pytest.mark.parametrize(
    ("age", "statuses", "reported", "tries"),
    [
        (0, [410, 410, 200], (1, [], []), 3),
        (NEWBORN_MS - 100, [410, 410, 410, 200], (0, ["a="], []), 3),
        (NEWBORN_MS, [410, 200], (0, ["a="], []), 1),
        (0, [410], (0, ["a="], []), 7),
    ],
    ids=["opens", "grows old", "is old", "never opens"],
)
def test_the_410_of_a_new_connection_is_retried(
    api: ConnectionsApi,
    fanout: Fanout,
    clock: FakeClock,
    act: Callable[..., OutboundFrame | Close],
    age: int,
    statuses: list[int],
    reported: tuple[int, list[str], list[str]],
    tries: int,
) -> None:
    """A connection answers 410 while its own `$connect` runs."""
    api.answer("a=", *statuses)
    connection = replace(frame("a=", api).connection, connected_at=now_of(clock) - age)
    order = act(connection, b"hello") if act is OutboundFrame else act(connection)
    assert result(fanout.deliver([order])) == reported
    assert len(api.received) == tries


def test_of_two_opening_connections_one_hears_of_the_other(make_fanout: MakeFanout, clock: FakeClock) -> None:
    """A post to an opening connection is answered 410 until that has delivered its own frames."""
    open_at = {"older": 1e9, "younger": 1e9}
    gateway = ScriptedGateway(lambda name: SENT if clock.seconds >= open_at[name] else PostResult(410, "status 410"))
    older, younger = (replace(frame(name).connection, connected_at=now_of(clock)) for name in open_at)
    began = clock.seconds
    for connection, peer, heard in ((older, younger, 0), (younger, older, 1)):
        clock.seconds = began
        order = OutboundFrame(peer, b"hello", opening_wait(connection, peer))
        assert make_fanout(gateway, clock=clock).deliver([order]).sent == heard
        open_at[connection.connection_id] = clock.seconds


def test_retries_wait_longer_each_time_until_the_deadline(
    make_fanout: MakeFanout, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    report = make_fanout(ScriptedGateway(lambda _: BUSY), clock=clock).deliver(frames(None, "a="))
    assert clock.pauses == pytest.approx([0.05, 0.1, 0.2, 0.4, 0.8, 1.0])
    assert result(report) == (0, [], ["a="])
    assert caplog.messages == ["not delivered to connection a=: status 503"]


def test_a_missed_connection_gets_one_try_until_it_is_reached(api: ConnectionsApi, fanout: Fanout) -> None:
    """Else a client that does not read makes each frame to its room take three seconds."""
    api.answer("a=", *[429] * 9, 200, 429, 200)
    missed: tuple[int, list[str], list[str]] = (0, [], ["a="])
    tries = []
    for expected in (missed, missed, missed, (1, [], []), (1, [], [])):
        before = len(api.received)
        assert result(fanout.deliver(frames(api, "a="))) == expected
        tries.append(len(api.received) - before)
    assert tries == [7, 1, 1, 1, 2]


def test_a_missed_connection_is_closed_with_retries(api: ConnectionsApi, fanout: Fanout) -> None:
    api.answer("a=", *[429] * 9, 200)
    (missed,) = frames(api, "a=")
    assert fanout.deliver([missed]).sent == 0
    assert fanout.deliver([Close(missed.connection)]).sent == 1


def test_after_one_that_never_opens_a_users_new_ones_get_one_try(
    api: ConnectionsApi, fanout: Fanout, clock: FakeClock
) -> None:
    """A frame that waits less than others shows nothing about that."""
    tries = []
    for number, (pause, wait) in enumerate([(0, 0.5), (0, 3), (0, 3), (0, 3), (UNOPENED_MS, 3)]):
        clock.seconds += pause / 1000
        before, user_id = len(api.received), "ben" if number == 3 else "ada"
        new = replace(frame(f"{number}=", api).connection, connected_at=now_of(clock), user_id=user_id)
        api.answer(f"{number}=", 410)
        fanout.deliver([OutboundFrame(new, b"hello", wait)])
        tries.append(len(api.received) - before)
    assert tries == [5, 7, 1, 7, 7]


def test_retries_have_full_jitter() -> None:
    waits = [Pace().retry_after(2) for _ in range(200)]
    assert 0 <= min(waits) < 0.05
    assert 0.15 < max(waits) <= 0.2


def test_a_retry_does_not_delay_other_connections(make_fanout: MakeFanout, clock: FakeClock) -> None:
    posted: list[str] = []

    def refuse_the_first(connection_id: str) -> PostResult:
        posted.append(connection_id)
        return BUSY if len(posted) == 1 else SENT

    report = make_fanout(ScriptedGateway(refuse_the_first), threads=1, clock=clock).deliver(frames(None, *"abc"))
    assert posted == ["a", "b", "c", "a"]
    assert (report.sent, len(clock.pauses)) == (3, 1)


def test_a_post_that_has_not_started_by_the_deadline_fails(
    make_fanout: MakeFanout, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    def take_a_second(_: str) -> PostResult:
        clock.sleep(1)
        return SENT

    gateway = ScriptedGateway(take_a_second)
    report = make_fanout(gateway, threads=1, clock=clock).deliver(frames(None, *"abcde"), deadline_seconds=3)
    assert result(report) == (3, [], ["d", "e"])
    assert gateway.timeouts == [3, 2, 1]
    assert caplog.messages == [f"not delivered to connection {name}: the deadline passed" for name in ("d", "e")]


def test_a_server_that_hangs_delays_nothing_past_the_deadline(api: ConnectionsApi, make_fanout: MakeFanout) -> None:
    fanout = make_fanout(threads=2)
    release = Event()
    api.before_answer = release.wait
    assert result(fanout.deliver(frames(api, *"abcdef"), deadline_seconds=0.1)) == (0, [], list("abcdef"))
    assert result(fanout.deliver(frames(api, "a="), deadline_seconds=0.1)) == (0, [], ["a="])
    release.set()
    assert fanout.deliver(frames(api, *"ghijkl")).sent == 6
    assert not {"c", "d", "e", "f"} & {request.connection_id for request in api.received}


def test_the_report_comes_at_the_deadline_even_if_posts_hang(make_fanout: MakeFanout) -> None:
    release = Event()

    def hang(_: str) -> PostResult:
        release.wait(10)
        return SENT

    report = make_fanout(ScriptedGateway(hang)).deliver(frames(None, *"ab"), deadline_seconds=0.05)
    release.set()
    assert result(report) == (0, [], ["a", "b"])


def test_one_pool_of_threads_serves_every_delivery(api: ConnectionsApi, make_fanout: MakeFanout) -> None:
    fanout = make_fanout(threads=3)
    before = set(threading.enumerate())
    for _ in range(5):
        fanout.deliver(frames(api, *"abcdefgh"))
    started = {thread for thread in set(threading.enumerate()) - before if thread.name.startswith("fanout")}
    assert len(started) <= 3


@pytest.mark.parametrize("connection_ids", ["a", "abc"])
def test_an_error_outside_the_network_is_raised_at_once(make_fanout: MakeFanout, connection_ids: str) -> None:
    def fail(_: str) -> PostResult:
        raise LookupError("no credentials")

    fanout = make_fanout(ScriptedGateway(fail), threads=2)
    with ThreadPoolExecutor(1) as caller:
        delivery = caller.submit(fanout.deliver, frames(None, *connection_ids), deadline_seconds=20)
        with pytest.raises(LookupError, match="no credentials"):
            delivery.result(timeout=10)


def close(api: ConnectionsApi, connection_id: str) -> Close:
    return Close(frame(connection_id, api).connection)


def test_closes_and_frames_go_out_together(api: ConnectionsApi, fanout: Fanout) -> None:
    assert fanout.deliver([close(api, "a="), *frames(api, "b=")]).sent == 2
    received = {(request.method, request.connection_id) for request in api.received}
    assert received == {("DELETE", "a="), ("POST", "b=")}


@pytest.mark.parametrize(
    ("statuses", "reported"), [([204], (1, [], [])), ([410], (0, ["a="], [])), ([500, 204], (1, [], []))]
)
def test_a_close_is_reported_and_retried_like_a_post(
    api: ConnectionsApi, fanout: Fanout, statuses: list[int], reported: tuple[int, list[str], list[str]]
) -> None:
    api.answer("a=", *statuses)
    assert result(fanout.deliver([close(api, "a=")])) == reported
    assert [request.method for request in api.received] == ["DELETE"] * len(statuses)
