"""The client of the connections API, tested with a real server on loopback and with botocore's own signer."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier, Event
from typing import Any
from unittest.mock import patch

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials, ReadOnlyCredentials, RefreshableCredentials
from botocore.exceptions import NoCredentialsError, NoRegionError
from botocore.session import Session
from botocore.utils import percent_encode
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.delivery.gateway import IDLE_SECONDS, Gateway, build_request, derive_signing_key, sign_request
from tests.fakes.connections_api import KEYS, REGION, Answer, ConnectionsApi, Received, write_certificate

AWKWARD_IDS = ["Bq1x2fPkIAMCJkw=", "a-b_c.d~e==", "with/slash", "with space+plus", "%3D", "ünï@code"]

endpoints = st.sampled_from(
    [
        "https://abc123.execute-api.eu-west-1.amazonaws.com/api",
        "https://ABC123.execute-api.eu-west-1.amazonaws.com:443/prod/",
        "https://gateway.example:8443",
        "http://127.0.0.1:8000/api",
        "http://localhost:80/_aws/execute-api/abc/my~stage",
        "http://[::1]:4566/a%20b",
    ]
)
connection_ids = st.text("ABCXYZabcxyz0123456789=-_", min_size=1) | st.text(
    st.characters(exclude_categories=["Cs"]), min_size=1
).filter(lambda text: text not in (".", ".."))
tokens = st.none() | st.text("ABCabc012+/=", min_size=1)


@pytest.fixture
def api() -> Iterator[ConnectionsApi]:
    with ConnectionsApi() as server:
        yield server


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_certificate(tmp_path_factory.mktemp("tls") / "loopback.pem")


@pytest.fixture(params=["http", "https"])
def any_api(request: pytest.FixtureRequest, certificate: Path) -> Iterator[ConnectionsApi]:
    with ConnectionsApi(certificate if request.param == "https" else None) as server:
        yield server


@pytest.fixture
def gateway(certificate: Path) -> Iterator[Gateway]:
    gateway = make_gateway(ca_bundle=str(certificate))
    yield gateway
    gateway.shutdown()


def make_gateway(keys: Credentials | RefreshableCredentials = KEYS, **different: Any) -> Gateway:
    options: dict[str, Any] = {"region": REGION, "clock": lambda: 0.0, **different}
    return Gateway(find_keys=keys.get_frozen_credentials, **options)


@given(
    method=st.sampled_from(["POST", "DELETE"]),
    endpoint=endpoints,
    connection_id=connection_ids,
    body=st.binary(max_size=300),
    token=tokens,
    region=st.sampled_from(["eu-west-1", "us-gov-east-1"]),
    now=st.datetimes(datetime(2020, 1, 1), datetime(2099, 1, 1)),  # noqa: DTZ001  # made aware below
)
def test_a_signature_is_the_one_that_botocore_computes(
    method: str, endpoint: str, connection_id: str, body: bytes, token: str | None, region: str, now: datetime
) -> None:
    now = now.replace(tzinfo=UTC)
    keys = ReadOnlyCredentials("AKIDEXAMPLE", "secret/+key", token)
    request = build_request(method, endpoint, connection_id, body)
    headers = sign_request(request, keys, region, now.timestamp())
    url = f"{endpoint.rstrip('/')}/@connections/{percent_encode(connection_id)}"
    expected = AWSRequest(method=method, url=url, data=body)
    with patch("botocore.auth.get_current_datetime", return_value=now):
        SigV4Auth(keys, "execute-api", region).add_auth(expected)
    assert headers.pop("host") in url.lower()
    assert headers == {name.lower(): value for name, value in expected.headers.items()}


@pytest.mark.parametrize("connection_id", AWKWARD_IDS)
@pytest.mark.parametrize("stage", ["api", ""])
def test_a_request_is_the_one_that_botocore_sends(
    api: ConnectionsApi, gateway: Gateway, connection_id: str, stage: str
) -> None:
    data = '{"text": "grüße"}'.encode()
    client = Session().create_client(
        "apigatewaymanagementapi",
        REGION,
        endpoint_url=api.endpoint(stage),
        aws_access_key_id=KEYS.access_key,
        aws_secret_access_key=KEYS.secret_key,
    )
    client.post_to_connection(ConnectionId=connection_id, Data=data)
    client.close()
    result = gateway.post(api.endpoint(stage), connection_id, data)
    theirs, ours = api.received
    assert result.sent
    assert (ours.method, ours.path, ours.body) == (theirs.method, theirs.path, theirs.body)
    assert ours.connection_id == connection_id
    assert signed_headers(ours) == signed_headers(theirs)


def signed_headers(request: Received) -> str:
    return request.headers["authorization"].split()[2]


def test_a_wrong_secret_is_refused(api: ConnectionsApi) -> None:
    gateway = make_gateway(Credentials(KEYS.access_key, "another secret"))
    assert gateway.post(api.endpoint(), "a=", b"x").status == 403
    gateway.shutdown()


def test_a_signing_key_is_derived_once_a_day() -> None:
    derive_signing_key.cache_clear()
    request = build_request("POST", "https://host.example", "a=", b"x")
    day, other_keys = 86_400.0, ReadOnlyCredentials("AKID2", "another", None)

    def derivations(keys: Any, region: str, now: float) -> int:
        sign_request(request, keys, region, now)
        return derive_signing_key.cache_info().misses

    assert [derivations(KEYS, REGION, now) for now in (0, 1, day - 1)] == [1, 1, 1]
    assert derivations(KEYS, REGION, day) == 2
    assert derivations(KEYS, "us-east-1", day) == 3
    assert derivations(other_keys, "us-east-1", day) == 4


@pytest.mark.parametrize(
    ("statuses", "meaning"),
    [
        ([200, 204], (True, False, False)),
        ([400, 403, 413], (False, False, False)),
        ([410], (False, True, False)),
        ([429, 500, 503], (False, False, True)),
    ],
    ids=["sent", "refused", "gone", "retryable"],
)
def test_a_status_says_what_to_do_next(
    api: ConnectionsApi, gateway: Gateway, statuses: list[int], meaning: tuple[bool, ...]
) -> None:
    for status in statuses:
        api.answer("a=", status)
        for result in (gateway.post(api.endpoint(), "a=", b"x"), gateway.close(api.endpoint(), "a=")):
            assert (result.sent, result.gone, result.retryable) == meaning
            assert (result.status, result.reason) == (status, f"status {status}")


def test_a_refused_connection_is_retryable(gateway: Gateway) -> None:
    with ConnectionsApi() as api:
        endpoint = api.endpoint()
    result = gateway.post(endpoint, "a=", b"x")
    assert (result.status, result.retryable) == (None, True)
    assert "ConnectionRefusedError" in result.reason


def test_one_tcp_connection_serves_many_requests(any_api: ConnectionsApi, gateway: Gateway) -> None:
    for _ in range(3):
        assert gateway.post(any_api.endpoint(), "a=", b"x").sent
    gateway.close(any_api.endpoint(), "a=")
    gateway.post(any_api.endpoint(), "a=", b"x")
    assert len({request.connection for request in any_api.received}) == 1


def test_a_connection_cut_while_idle_is_replaced(any_api: ConnectionsApi, gateway: Gateway) -> None:
    gateway.post(any_api.endpoint(), "a=", b"1")
    any_api.hang_up()
    assert gateway.post(any_api.endpoint(), "a=", b"2").sent
    assert any_api.bodies("a=") == [b"1", b"2"]
    assert len({request.connection for request in any_api.received}) == 2


def test_a_new_connection_that_is_cut_is_not_replaced(any_api: ConnectionsApi, gateway: Gateway) -> None:
    any_api.answer("a=", Answer(cut=True))
    result = gateway.post(any_api.endpoint(), "a=", b"x")
    assert (result.status, result.retryable) == (None, True)
    assert len(any_api.received) == 1


def test_a_cut_connection_is_replaced_once(api: ConnectionsApi, gateway: Gateway) -> None:
    api.answer("a=", Answer(), Answer(cut=True))
    gateway.post(api.endpoint(), "a=", b"1")
    assert gateway.post(api.endpoint(), "a=", b"2").status is None
    assert api.bodies("a=") == [b"1", b"2", b"2"]


def test_a_connection_that_the_server_closes_is_not_reused(api: ConnectionsApi, gateway: Gateway) -> None:
    api.answer("a=", Answer(last=True))
    assert [gateway.post(api.endpoint(), "a=", b"x").sent for _ in range(2)] == [True, True]
    assert api.bodies("a=") == [b"x", b"x"]
    assert len({request.connection for request in api.received}) == 2


@pytest.mark.parametrize(("idle", "connections"), [(IDLE_SECONDS - 1, 1), (IDLE_SECONDS, 2), (-IDLE_SECONDS, 2)])
def test_a_connection_idle_for_long_is_not_reused(api: ConnectionsApi, idle: float, connections: int) -> None:
    """As in a frozen function: the wall clock goes on, the monotonic one stands still."""
    time = [1e9]
    gateway = make_gateway(now=lambda: time[0], clock=lambda: 0.0)
    gateway.post(api.endpoint(), "a=", b"x")
    time[0] += idle
    gateway.post(api.endpoint(), "a=", b"x")
    gateway.shutdown()
    assert len({request.connection for request in api.received}) == connections


def test_one_lost_connection_ends_all_that_were_idle(api: ConnectionsApi, gateway: Gateway) -> None:
    both, release = Barrier(2), Event()
    api.before_answer = both.wait
    with ThreadPoolExecutor(2) as pool:
        assert all(pool.map(lambda n: gateway.post(api.endpoint(), f"{n}=", b"x").sent, range(2)))
    api.before_answer = lambda: release.wait(10)  # mute, as if the connections were lost
    assert gateway.post(api.endpoint(), "a=", b"x", timeout=0.05).reason.startswith("TimeoutError")
    release.set()
    assert gateway.post(api.endpoint(), "a=", b"x").sent
    used = [request.connection for request in api.received]
    assert used[2] in used[:2]
    assert used[3] not in used[:2]


def test_a_server_that_does_not_answer_times_out(any_api: ConnectionsApi, gateway: Gateway) -> None:
    gateway.post(any_api.endpoint(), "a=", b"first")
    release = Event()
    any_api.before_answer = lambda: release.wait(1)
    result = gateway.post(any_api.endpoint(), "a=", b"late", timeout=0.05)
    release.set()
    assert (result.status, result.retryable) == (None, True)
    assert result.reason.startswith("TimeoutError")
    assert any_api.bodies("a=") == [b"first", b"late"]


def test_a_late_answer_is_not_taken_for_the_next_one(api: ConnectionsApi, gateway: Gateway) -> None:
    release = Event()
    api.before_answer = release.wait
    api.answer("slow=", 410)
    gateway.post(api.endpoint(), "slow=", b"x", timeout=0.05)
    release.set()
    assert gateway.post(api.endpoint(), "fast=", b"x").sent


def test_without_time_left_no_request_is_sent(api: ConnectionsApi, gateway: Gateway) -> None:
    assert gateway.post(api.endpoint(), "a=", b"x", timeout=0).retryable
    assert not api.received


def test_an_unknown_certificate_is_refused(certificate: Path) -> None:
    gateway = make_gateway()
    with ConnectionsApi(certificate) as api:
        result = gateway.post(api.endpoint(), "a=", b"x")
    assert result.reason.startswith("SSLCertVerificationError")
    assert not api.received


def test_threads_use_different_connections(api: ConnectionsApi, gateway: Gateway) -> None:
    together = Barrier(8)
    api.before_answer = lambda: together.wait(10)
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda n: gateway.post(api.endpoint(), f"{n}=", b"x"), range(16)))
    assert all(result.sent for result in results)
    assert len({request.connection for request in api.received}) == 8


def test_the_pool_keeps_a_bounded_number_of_connections(
    api: ConnectionsApi, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.delivery.gateway.POOL_SIZE", 1)
    together = Barrier(2)
    api.before_answer = lambda: together.wait(10)
    with ThreadPoolExecutor(2) as pool:
        for _ in range(2):
            assert all(pool.map(lambda n: gateway.post(api.endpoint(), f"{n}=", b"x").sent, range(2)))
    assert len({request.connection for request in api.received}) == 3


def test_refreshed_keys_are_used_from_the_next_post_on(api: ConnectionsApi) -> None:
    time = [datetime(2026, 1, 1, tzinfo=UTC)]
    fresh = {
        "access_key": "AKIDFRESH",
        "secret_key": "fresh",
        "token": "fresh-token",
        "expiry_time": (time[0] + timedelta(hours=12)).isoformat(),
    }
    keys = RefreshableCredentials(
        "AKIDOLD", "old", "old-token", time[0] + timedelta(hours=1), lambda: fresh, "test", lambda: time[0]
    )
    api.secrets |= {"AKIDOLD": "old", "AKIDFRESH": "fresh"}
    gateway = make_gateway(keys)
    assert gateway.post(api.endpoint(), "a=", b"x").sent
    time[0] += timedelta(minutes=59)
    assert gateway.post(api.endpoint(), "a=", b"x").sent
    gateway.shutdown()
    assert [request.headers["x-amz-security-token"] for request in api.received] == ["old-token", "fresh-token"]


@pytest.fixture
def bare_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return monkeypatch


def test_keys_are_those_of_the_environment(api: ConnectionsApi, bare_environment: pytest.MonkeyPatch) -> None:
    bare_environment.setenv("AWS_ACCESS_KEY_ID", KEYS.access_key)
    bare_environment.setenv("AWS_SECRET_ACCESS_KEY", KEYS.secret_key)
    bare_environment.setenv("AWS_SESSION_TOKEN", "token-of-the-environment")
    gateway = Gateway(region=REGION)
    assert gateway.post(api.endpoint(), "a=", b"x").sent
    gateway.shutdown()
    assert api.received[0].headers["x-amz-security-token"] == "token-of-the-environment"


@pytest.mark.usefixtures("bare_environment")
def test_missing_credentials_are_an_error() -> None:
    with pytest.raises(NoCredentialsError):
        Gateway(region=REGION).post("http://127.0.0.1:9/api", "a=", b"x")


def test_a_missing_region_is_an_error() -> None:
    with pytest.raises(NoRegionError):
        make_gateway(region="").post("http://127.0.0.1:9/api", "a=", b"x")


@pytest.mark.parametrize("endpoint", ["abc.execute-api.eu-west-1.amazonaws.com/api", "wss://host/api", "https:///api"])
def test_an_endpoint_must_be_an_http_url(gateway: Gateway, endpoint: str) -> None:
    with pytest.raises(ValueError, match="is not an http or https URL"):
        gateway.post(endpoint, "a=", b"x")


def test_importing_the_module_loads_no_aws_sdk() -> None:
    program = "import sys, chalicelib.delivery; print({'boto3', 'botocore', 'pydantic'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
