"""Fan-out over real connections on loopback; where time decides, over a clock that the test moves."""

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Barrier, Event

import pytest

from chalicelib.fanout import Close, DeliveryReport, Fanout, Pace, Post
from chalicelib.gateway import Gateway, PostResult
from tests.fakes.connections_api import KEYS, REGION, Answer, ConnectionsApi

BUSY, SENT = PostResult(503, "status 503"), PostResult(200, "status 200")


@dataclass
class Time:
    """A clock that moves when somebody sleeps; retries wait as long as they may."""

    now: float = 1_000.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def pace(self) -> Pace:
        return Pace(lambda: self.now, self.sleep, lambda least, most: most)


class ScriptedGateway(Gateway):
    """A gateway where each post is what a test says it is."""

    def __init__(self, on_post: Callable[[Post], PostResult]) -> None:
        super().__init__()
        self.on_post = on_post
        self.timeouts: list[float] = []

    def post(self, endpoint: str, connection_id: str, data: bytes, timeout: float = 0) -> PostResult:
        self.timeouts.append(timeout)
        return self.on_post(Post(endpoint, connection_id, data))


@pytest.fixture
def api() -> Iterator[ConnectionsApi]:
    with ConnectionsApi() as server:
        yield server


@pytest.fixture
def make_fanout() -> Iterator[Callable[..., Fanout]]:
    made: list[Fanout] = []

    def make(gateway: Gateway | None = None, threads: int = 8, time: Time | None = None) -> Fanout:
        gateway = gateway or Gateway(find_keys=KEYS.get_frozen_credentials, region=REGION)
        made.append(Fanout(gateway, threads=threads, pace=time.pace() if time else None))
        return made[-1]

    yield make
    for fanout in made:
        fanout.shutdown()


@pytest.fixture
def fanout(make_fanout: Callable[..., Fanout]) -> Fanout:
    """Over real connections, but with retries that don't wait."""
    return make_fanout(time=Time())


def frames(api: ConnectionsApi, *connection_ids: str) -> list[Post]:
    return [Post(api.endpoint(), name, f"for {name}".encode()) for name in connection_ids]


def scripted(*connection_ids: str) -> list[Post]:
    return [Post("http://gateway.example/api", name, b"x") for name in connection_ids]


def test_each_connection_gets_its_own_frame(api: ConnectionsApi, fanout: Fanout) -> None:
    names = [f"connection-{n}=" for n in range(20)]
    report = fanout.deliver(frames(api, *names))
    assert (report.sent, report.gone, report.failed) == (20, (), ())
    assert {name: api.bodies(name) for name in names} == {name: [f"for {name}".encode()] for name in names}


def test_posts_go_out_side_by_side(api: ConnectionsApi, fanout: Fanout) -> None:
    all_have_arrived = Barrier(8)
    api.before_answer = lambda: all_have_arrived.wait(10)
    assert fanout.deliver(frames(api, *"abcdefgh")).sent == 8


def test_the_report_tells_apart_what_was_sent_is_gone_and_has_failed(api: ConnectionsApi, fanout: Fanout) -> None:
    api.answer("gone=", 410)
    api.answer("forbidden=", 403)
    api.answer("too-large=", 413)
    report = fanout.deliver(frames(api, "ok=", "gone=", "forbidden=", "too-large=", "ok-too="))
    assert (report.sent, report.gone, report.failed) == (2, ("gone=",), ("forbidden=", "too-large="))


def test_a_connection_is_reported_once_however_many_frames_it_had(api: ConnectionsApi, fanout: Fanout) -> None:
    api.answer("gone=", 410)
    assert fanout.deliver(frames(api, "gone=", "gone=")).gone == ("gone=",)


def test_nobody_to_deliver_to_is_an_empty_report(make_fanout: Callable[..., Fanout]) -> None:
    assert make_fanout(time=Time()).deliver([]) == DeliveryReport()


def test_the_report_says_how_long_it_took(make_fanout: Callable[..., Fanout]) -> None:
    time = Time()

    def take_two_seconds(_: Post) -> PostResult:
        time.sleep(2)
        return SENT

    report = make_fanout(ScriptedGateway(take_two_seconds), time=time).deliver(scripted("a="))
    assert report == DeliveryReport(sent=1, seconds=2)


@pytest.mark.parametrize(("count", "in_own_thread"), [(1, True), (2, False)])
def test_only_a_single_post_is_made_by_the_callers_thread(
    make_fanout: Callable[..., Fanout], count: int, in_own_thread: bool
) -> None:
    threads = set()

    def note_thread(_: Post) -> PostResult:
        threads.add(threading.current_thread())
        return SENT

    make_fanout(ScriptedGateway(note_thread)).deliver(scripted(*"ab"[:count]))
    assert (threading.current_thread() in threads) is in_own_thread


@pytest.mark.parametrize("bad", [Answer(429), Answer(500), Answer(503), Answer(cut=True)])
@pytest.mark.parametrize("others", [(), ("other=",)])
def test_what_may_work_later_is_tried_again(
    api: ConnectionsApi, fanout: Fanout, bad: Answer, others: tuple[str, ...]
) -> None:
    api.answer("a=", bad, bad, Answer(200))
    report = fanout.deliver(frames(api, "a=", *others))
    assert (report.sent, report.failed) == (1 + len(others), ())
    assert api.bodies("a=") == [b"for a="] * 3


@pytest.mark.parametrize("status", [400, 403, 413])
def test_what_is_refused_is_not_tried_again_and_logged_once_without_the_data(
    api: ConnectionsApi, fanout: Fanout, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    api.answer("a=", status)
    post = Post(api.endpoint(), "a=", b"a secret")
    fanout.deliver([post])
    assert len(api.received) == 1
    assert caplog.messages == [f"not delivered to connection a=: status {status}"]
    assert "secret" not in caplog.text + repr(post)


def test_what_was_sent_or_is_gone_is_not_worth_a_warning(
    api: ConnectionsApi, fanout: Fanout, caplog: pytest.LogCaptureFixture
) -> None:
    api.answer("gone=", 410)
    fanout.deliver(frames(api, "ok=", "gone="))
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_retries_wait_up_to_twice_as_long_each_time_and_end_before_the_deadline(
    make_fanout: Callable[..., Fanout], caplog: pytest.LogCaptureFixture
) -> None:
    time = Time()
    report = make_fanout(ScriptedGateway(lambda _: BUSY), time=time).deliver(scripted("a="))
    assert time.slept == pytest.approx([0.05, 0.1, 0.2, 0.4, 0.8, 1.0])
    assert (report.sent, report.failed) == (0, ("a=",))
    assert caplog.messages == ["not delivered to connection a=: status 503"]


def test_retries_are_spread_over_the_whole_wait() -> None:
    waits = [Pace().retry_after(2) for _ in range(200)]
    assert 0 <= min(waits) < 0.05
    assert 0.15 < max(waits) <= 0.2


def test_nobody_waits_behind_a_connection_that_is_tried_again(make_fanout: Callable[..., Fanout]) -> None:
    posted: list[str] = []

    def refuse_the_first(post: Post) -> PostResult:
        posted.append(post.connection_id)
        return BUSY if len(posted) == 1 else SENT

    time = Time()
    report = make_fanout(ScriptedGateway(refuse_the_first), threads=1, time=time).deliver(scripted(*"abc"))
    assert posted == ["a", "b", "c", "a"]
    assert (report.sent, len(time.slept)) == (3, 1)


def test_what_the_deadline_leaves_no_time_for_has_failed(
    make_fanout: Callable[..., Fanout], caplog: pytest.LogCaptureFixture
) -> None:
    time = Time()

    def take_a_second(_: Post) -> PostResult:
        time.sleep(1)
        return SENT

    gateway = ScriptedGateway(take_a_second)
    report = make_fanout(gateway, threads=1, time=time).deliver(scripted(*"abcde"), deadline_seconds=3)
    assert (report.sent, report.failed) == (3, ("d", "e"))
    assert gateway.timeouts == [3, 2, 1]
    assert caplog.messages == [f"not delivered to connection {name}: the deadline came first" for name in ("d", "e")]


def test_a_server_that_hangs_holds_up_neither_the_report_nor_the_next_delivery(
    api: ConnectionsApi, make_fanout: Callable[..., Fanout]
) -> None:
    fanout = make_fanout(threads=2)
    release = Event()
    api.before_answer = release.wait
    report = fanout.deliver(frames(api, *"abcdef"), deadline_seconds=0.1)
    assert (report.sent, report.failed) == (0, tuple("abcdef"))
    release.set()
    assert fanout.deliver(frames(api, *"ghijkl")).sent == 6
    assert not {"c", "d", "e", "f"} & {request.connection_id for request in api.received}


def test_the_report_comes_at_the_deadline_even_where_no_timeout_reaches(
    make_fanout: Callable[..., Fanout],
) -> None:
    release = Event()

    def hang(_: Post) -> PostResult:
        release.wait(10)
        return SENT

    report = make_fanout(ScriptedGateway(hang)).deliver(scripted(*"ab"), deadline_seconds=0.05)
    release.set()
    assert (report.sent, report.failed) == (0, ("a", "b"))


def test_a_single_server_that_hangs_is_left_at_the_deadline(
    api: ConnectionsApi, make_fanout: Callable[..., Fanout]
) -> None:
    release = Event()
    api.before_answer = release.wait
    report = make_fanout().deliver(frames(api, "a="), deadline_seconds=0.1)
    release.set()
    assert report.failed == ("a=",)


def test_one_pool_of_threads_serves_every_delivery(api: ConnectionsApi, make_fanout: Callable[..., Fanout]) -> None:
    fanout = make_fanout(threads=3)
    before = set(threading.enumerate())
    for _ in range(5):
        fanout.deliver(frames(api, *"abcdefgh"))
    started = {thread for thread in set(threading.enumerate()) - before if thread.name.startswith("fanout")}
    assert len(started) <= 3


@pytest.mark.parametrize("connection_ids", ["a", "abc"])
def test_what_is_not_the_networks_doing_is_raised_at_once(
    make_fanout: Callable[..., Fanout], connection_ids: str
) -> None:
    def fail(_: Post) -> PostResult:
        raise LookupError("no credentials")

    fanout = make_fanout(ScriptedGateway(fail), threads=2)
    with ThreadPoolExecutor(1) as caller:
        delivery = caller.submit(fanout.deliver, scripted(*connection_ids), deadline_seconds=20)
        with pytest.raises(LookupError, match="no credentials"):
            delivery.result(timeout=10)


def test_connections_are_closed_side_by_side_with_frames_to_others(api: ConnectionsApi, fanout: Fanout) -> None:
    report = fanout.deliver([Close(api.endpoint(), "a="), *frames(api, "b=")])
    assert report.sent == 2
    assert {(request.method, request.connection_id) for request in api.received} == {
        ("DELETE", "a="),
        ("POST", "b="),
    }


@pytest.mark.parametrize(("status", "sent", "gone"), [(204, 1, ()), (410, 0, ("a=",))])
def test_closing_one_connection_reports_whether_it_was_there(
    api: ConnectionsApi, fanout: Fanout, status: int, sent: int, gone: tuple[str, ...]
) -> None:
    api.answer("a=", status)
    report = fanout.close(api.endpoint(), "a=")
    assert (report.sent, report.gone, report.failed) == (sent, gone, ())
    assert [request.method for request in api.received] == ["DELETE"]


def test_closing_is_tried_again_like_posting(api: ConnectionsApi, fanout: Fanout) -> None:
    api.answer("a=", 500, 204)
    assert fanout.close(api.endpoint(), "a=").sent == 1
