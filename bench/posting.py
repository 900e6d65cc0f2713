"""CPU and time for a post to the connections API: the service's own client beside botocore's, in one run.

    python -m bench.posting

The server is a process of its own, so that CPU times are the client's alone. The clients run in turns; figures are
medians.
"""

import json
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from botocore.config import Config
from botocore.credentials import ReadOnlyCredentials
from botocore.session import Session

from bench.report import describe_run, format_table, measure_in_turns, median_ratio, verdict, write_results
from bench.stub import ANSWER_SECONDS, stub_server
from chalicelib.delivery import Connection, OutboundFrame
from chalicelib.delivery.fanout import THREADS, Fanout
from chalicelib.delivery.gateway import Gateway

REGION = "eu-west-1"
KEYS = ReadOnlyCredentials("AKIDEXAMPLE", "a-secret-of-the-benchmark", "a-session-token-as-long-as-they-are" * 25)
FRAME = json.dumps({"type": "message_sent", "roomId": "bench", "data": {"text": "x" * 200}}).encode()
CONNECTION_ID = "Bq1x2fPkIAMCJkw="
POSTS_A_TURN = 300
TURNS = 15
RATIO_TARGET = 0.25
TARGETS_MS = {50: 30, 200: 80}
"""Targets for the time of a fan-out, by its number of recipients."""


def botocore_post(endpoint: str) -> Callable[[], object]:
    """botocore's `post_to_connection`, with a connection for each of our threads."""
    client: Any = Session().create_client(
        "apigatewaymanagementapi",
        REGION,
        endpoint_url=endpoint,
        aws_access_key_id=KEYS.access_key,
        aws_secret_access_key=KEYS.secret_key,
        aws_session_token=KEYS.token,
        config=Config(max_pool_connections=THREADS),
    )
    return lambda: client.post_to_connection(ConnectionId=CONNECTION_ID, Data=FRAME)


def measure_post(gateway: Gateway, endpoint: str) -> dict[str, float]:
    """CPU time for one post: one thread, one post after the other."""
    theirs = botocore_post(endpoint)
    ways = {"botocore": theirs, "gateway": lambda: gateway.post(endpoint, CONNECTION_ID, FRAME)}
    repeated = {name: lambda post=post: [post() for _ in range(POSTS_A_TURN)] for name, post in ways.items()}
    taken = measure_in_turns(TURNS, repeated, time.process_time)
    medians = {f"{name}_ms": statistics.median(times) / POSTS_A_TURN for name, times in taken.items()}
    return medians | {"ratio": median_ratio(taken["gateway"], taken["botocore"]), "ratio_target": RATIO_TARGET}


def measure_fanout(gateway: Gateway, endpoint: str, recipients: int) -> dict[str, float]:
    """Time and CPU time until every recipient has its frame: our fan-out, and botocore in as many threads."""
    connection = Connection("room", CONNECTION_ID, "ada", endpoint, connected_at=0, announced=True)
    posts = [OutboundFrame(connection, FRAME)] * recipients
    theirs, fanout = botocore_post(endpoint), Fanout(gateway)

    def deliver() -> None:
        report = fanout.deliver(posts)
        assert report.sent == recipients, report

    with ThreadPoolExecutor(THREADS) as pool:
        ways: dict[str, Callable[[], object]] = {
            "fanout": deliver,
            "botocore_pool": lambda: list(pool.map(lambda _: theirs(), range(recipients))),
        }
        wall = measure_in_turns(TURNS, ways, time.perf_counter)
        cpu = measure_in_turns(TURNS, ways, time.process_time)
    fanout.shutdown()
    return {
        "recipients": recipients,
        **{f"{name}_ms": statistics.median(times) for name, times in wall.items()},
        **{f"{name}_cpu_ms": statistics.median(times) for name, times in cpu.items()},
        "target_ms": TARGETS_MS[recipients],
    }


def print_results(results: dict[str, Any]) -> None:
    cpu = results["cpu_per_post"]
    print(f"CPU for one post: botocore {cpu['botocore_ms']:.3f} ms, ours {cpu['gateway_ms']:.3f} ms")
    print(f"ours to botocore's: {verdict(cpu['ratio'], cpu['ratio_target'])}\n")
    columns = ("fanout_ms", "target_ms", "botocore_pool_ms", "fanout_cpu_ms", "botocore_pool_cpu_ms")
    rows = [[one["recipients"], *(f"{one[name]:.0f} ms" for name in columns)] for one in results["fanout"]]
    print(format_table(("recipients", "fan-out", "target", "botocore", "fan-out CPU", "botocore CPU"), rows))


def main() -> None:
    gateway = Gateway(find_keys=lambda: KEYS, region=REGION)
    with stub_server() as url:
        results = {
            **describe_run(),
            "threads": THREADS,
            "frame_bytes": len(FRAME),
            "server_ms": ANSWER_SECONDS * 1000,
            "cpu_per_post": measure_post(gateway, f"{url}/api"),
            "fanout": [measure_fanout(gateway, f"{url}/slow", recipients) for recipients in TARGETS_MS],
        }
        gateway.shutdown()
    write_results("posting", results)
    print_results(results)


if __name__ == "__main__":
    main()
