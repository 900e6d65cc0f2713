"""What posting costs: `chalicelib.gateway` next to botocore's own client, in one run over loopback.

    python -m bench.posting

The server is a process of its own, so CPU times are the client's alone. Everything is repeated in turns, and
medians are what counts: on a busy machine a single figure says little, the ratio of two that ran in turns much.
"""

import asyncio
import json
import multiprocessing
import re
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

from botocore.config import Config
from botocore.credentials import ReadOnlyCredentials
from botocore.session import Session

from bench.report import describe_run, measure_in_turns, median_ratio, write_results
from chalicelib.delivery import OutboundFrame
from chalicelib.delivery.fanout import THREADS, Fanout
from chalicelib.delivery.gateway import Gateway

REGION = "eu-west-1"
KEYS = ReadOnlyCredentials("AKIDEXAMPLE", "a-secret-of-the-benchmark", "a-session-token-as-long-as-they-are" * 25)
FRAME = json.dumps({"type": "message_sent", "roomId": "bench", "data": {"text": "x" * 200}}).encode()
CONNECTION_ID = "Bq1x2fPkIAMCJkw="
SERVER_SECONDS = 0.010
POSTS_A_TURN = 300
TURNS = 15
SLOW_TURNS = 3

CONTENT_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
ANSWER = (
    b"HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Length: 0\r\nConnection: keep-alive\r\n"
    b"x-amzn-RequestId: 8e5f1bd4-4b0e-4a5e-9e7b-1c7c7a3b2f10\r\nx-amz-apigw-id: AbCdEfGhIjKlMnO=\r\n\r\n"
)


class ConnectionsStub(asyncio.Protocol):
    """Answers 200 to everything; under `/slow` after as long as API Gateway might take."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.received = b""

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, end, body = self.received.partition(b"\r\n\r\n")
        length = CONTENT_LENGTH.search(head)
        if not end or len(body) < int(length[1] if length else 0):
            return
        self.received = b""
        if head.startswith(b"POST /slow/"):
            asyncio.get_running_loop().call_later(SERVER_SECONDS, self.transport.write, ANSWER)
        else:
            self.transport.write(ANSWER)


def run_stub(port: Connection) -> None:
    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(ConnectionsStub, "127.0.0.1", 0, backlog=256)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())


@contextmanager
def stub_server() -> Iterator[str]:
    """The stub in its own process; yields its URL."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=run_stub, args=(there,))
    process.start()
    try:
        yield f"http://127.0.0.1:{here.recv()}"
    finally:
        process.terminate()
        process.join()


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


def gateway_post(gateway: Gateway, endpoint: str) -> Callable[[], object]:
    return lambda: gateway.post(endpoint, CONNECTION_ID, FRAME)


def repeat(count: int, post: Callable[[], object]) -> None:
    for _ in range(count):
        post()


def measure_cpu(gateway: Gateway, url: str) -> dict[str, Any]:
    """CPU of one post, by one thread, one after the other."""
    theirs, ours = botocore_post(f"{url}/api"), gateway_post(gateway, f"{url}/api")
    ways: dict[str, Callable[[], object]] = {
        "botocore": lambda: repeat(POSTS_A_TURN, theirs),
        "gateway": lambda: repeat(POSTS_A_TURN, ours),
    }
    taken = measure_in_turns(TURNS, ways, time.process_time)
    medians = {f"{name}_ms": statistics.median(times) / POSTS_A_TURN for name, times in taken.items()}
    return medians | {"ratio": median_ratio(taken["gateway"], taken["botocore"]), "ratio_target": 0.25}


def measure_fanout(gateway: Gateway, url: str, recipients: int, target_ms: float) -> dict[str, Any]:
    """Wall time until every recipient has its frame, where the server takes 10 ms for each."""
    endpoint = f"{url}/slow"
    posts = [OutboundFrame(endpoint, CONNECTION_ID, FRAME)] * recipients
    theirs, ours, fanout = botocore_post(endpoint), gateway_post(gateway, endpoint), Fanout(gateway)

    def deliver() -> None:
        report = fanout.deliver(posts)
        assert report.sent == recipients, report

    with ThreadPoolExecutor(THREADS) as pool:
        side_by_side: dict[str, Callable[[], object]] = {
            "fanout": deliver,
            "botocore_pool": lambda: list(pool.map(lambda _: theirs(), range(recipients))),
        }
        taken = measure_in_turns(TURNS, side_by_side, time.perf_counter)
        cpu = measure_in_turns(TURNS, side_by_side, time.process_time)
    one_by_one: dict[str, Callable[[], object]] = {
        "gateway_one_by_one": lambda: repeat(recipients, ours),
        "botocore_one_by_one": lambda: repeat(recipients, theirs),
    }
    taken |= measure_in_turns(SLOW_TURNS, one_by_one, time.perf_counter)
    fanout.shutdown()
    medians = {f"{name}_ms": statistics.median(times) for name, times in taken.items()}
    cpu_medians = {f"{name}_cpu_ms": statistics.median(times) for name, times in cpu.items()}
    return {"recipients": recipients} | medians | cpu_medians | {"target_ms": target_ms}


def print_table(results: dict[str, Any]) -> None:
    cpu = results["cpu_per_post"]
    print(f"CPU per post     botocore {cpu['botocore_ms']:.3f} ms   gateway {cpu['gateway_ms']:.3f} ms")
    print(f"                 ratio {cpu['ratio']:.2f}   (target: at most {cpu['ratio_target']})\n")
    row = "{:>10} {:>9} {:>8} {:>14} {:>11} {:>11} {:>16}"
    print(row.format("recipients", "fan-out", "target", "botocore pool", "one by one", "botocore", "CPU ours/theirs"))
    for fanout in results["fanout"]:
        names = ("fanout_ms", "target_ms", "botocore_pool_ms", "gateway_one_by_one_ms", "botocore_one_by_one_ms")
        milliseconds = [f"{fanout[name]:.0f} ms" for name in names]
        both = f"{fanout['fanout_cpu_ms']:.0f} / {fanout['botocore_pool_cpu_ms']:.0f} ms"
        print(row.format(fanout["recipients"], *milliseconds, both))


def main() -> None:
    gateway = Gateway(find_keys=lambda: KEYS, region=REGION)
    with stub_server() as url:
        results = {
            **describe_run(),
            "threads": THREADS,
            "frame_bytes": len(FRAME),
            "server_ms": SERVER_SECONDS * 1000,
            "cpu_per_post": measure_cpu(gateway, url),
            "fanout": [
                measure_fanout(gateway, url, recipients, target_ms) for recipients, target_ms in ((50, 30), (200, 80))
            ],
        }
        gateway.shutdown()
    write_results("posting", results)
    print_table(results)


if __name__ == "__main__":
    main()
