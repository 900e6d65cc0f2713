"""The client of the connections API, against a real server on loopback and against botocore's own signer."""

import subprocess
import sys
from collections.abc import Callable, Iterator
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

from chalicelib import gateway as gateway_module
from chalicelib.gateway import IDLE_SECONDS, Gateway, build_request, derive_signing_key, sign_request
from tests.fakes.connections_api import KEYS, REGION, Answer, ConnectionsApi, Received, write_certificate

AWKWARD_IDS = [
    "Bq1x2fPkIAMCJkw=",
    "L0SM9cOFIAMCIdw=",
    "a-b_c.d~e==",
    "with/slash",
    "with space+plus",
    "%3D",
    "ünï@code",
]

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


@pytest.fixture(params=["http", "https"])
def any_api(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ConnectionsApi]:
    certificate = write_certificate(tmp_path / "loopback.pem") if request.param == "https" else None
    if certificate:
        monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
    with ConnectionsApi(certificate) as server:
        yield server


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    gateway = make_gateway()
    yield gateway
    gateway.shutdown()


def make_gateway(
    keys: Credentials | RefreshableCredentials = KEYS, clock: Callable[[], float] = lambda: 0.0
) -> Gateway:
    return Gateway(find_keys=keys.get_frozen_credentials, region=REGION, clock=clock)


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
def test_what_is_sent_is_what_was_signed_and_what_botocore_sends(
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


def test_a_wrong_secret_is_refused_by_the_server_that_checks(api: ConnectionsApi) -> None:
    gateway = make_gateway(Credentials(KEYS.access_key, "another secret"))
    assert gateway.post(api.endpoint(), "a=", b"x").status == 403
    gateway.shutdown()


def test_the_signing_key_is_derived_once_for_a_day_a_region_and_a_secret() -> None:
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
    ("status", "sent", "gone", "retryable"),
    [
        (200, True, False, False),
        (400, False, False, False),
        (403, False, False, False),
        (410, False, True, False),
        (413, False, False, False),
        (429, False, False, True),
        (500, False, False, True),
        (503, False, False, True),
    ],
)
def test_a_status_says_what_to_do_next(
    api: ConnectionsApi, gateway: Gateway, status: int, sent: bool, gone: bool, retryable: bool
) -> None:
    api.answer("a=", status)
    result = gateway.post(api.endpoint(), "a=", b"x")
    assert (result.sent, result.gone, result.retryable) == (sent, gone, retryable)
    assert (result.status, result.reason) == (status, f"status {status}")


def test_closing_is_a_signed_delete(api: ConnectionsApi, gateway: Gateway) -> None:
    assert gateway.close(api.endpoint(), "Bq1x2fPkIAMCJkw=").sent
    assert [(request.method, request.body) for request in api.received] == [("DELETE", b"")]


def test_closing_what_is_closed_is_reported_as_gone(api: ConnectionsApi, gateway: Gateway) -> None:
    api.answer("a=", 410)
    assert gateway.close(api.endpoint(), "a=").gone


def test_where_nobody_listens_a_post_can_be_tried_again(gateway: Gateway) -> None:
    with ConnectionsApi() as api:
        endpoint = api.endpoint()
    result = gateway.post(endpoint, "a=", b"x")
    assert (result.status, result.retryable) == (None, True)
    assert "ConnectionRefusedError" in result.reason


def test_one_tcp_connection_serves_many_posts(any_api: ConnectionsApi, gateway: Gateway) -> None:
    for _ in range(3):
        assert gateway.post(any_api.endpoint(), "a=", b"x").sent
    gateway.close(any_api.endpoint(), "a=")
    gateway.post(any_api.endpoint(), "a=", b"x")
    assert len({request.connection for request in any_api.received}) == 1


def test_a_connection_that_was_cut_while_idle_is_replaced_unnoticed(any_api: ConnectionsApi, gateway: Gateway) -> None:
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


def test_a_connection_that_the_server_will_close_is_not_used_again(api: ConnectionsApi, gateway: Gateway) -> None:
    api.answer("a=", Answer(last=True))
    assert [gateway.post(api.endpoint(), "a=", b"x").sent for _ in range(2)] == [True, True]
    assert api.bodies("a=") == [b"x", b"x"]
    assert len({request.connection for request in api.received}) == 2


@pytest.mark.parametrize(("idle", "connections"), [(IDLE_SECONDS - 1, 1), (IDLE_SECONDS, 2)])
def test_a_connection_idle_for_long_is_not_used_again(api: ConnectionsApi, idle: float, connections: int) -> None:
    time = [0.0]
    gateway = make_gateway(clock=lambda: time[0])
    gateway.post(api.endpoint(), "a=", b"x")
    time[0] += idle
    gateway.post(api.endpoint(), "a=", b"x")
    gateway.shutdown()
    assert len({request.connection for request in api.received}) == connections


def test_a_server_that_does_not_answer_is_given_up_after_the_timeout(any_api: ConnectionsApi, gateway: Gateway) -> None:
    gateway.post(any_api.endpoint(), "a=", b"first")
    release = Event()
    any_api.before_answer = lambda: release.wait(1)
    result = gateway.post(any_api.endpoint(), "a=", b"late", timeout=0.05)
    release.set()
    assert (result.status, result.retryable) == (None, True)
    assert result.reason.startswith("TimeoutError")
    assert any_api.bodies("a=") == [b"first", b"late"]


def test_no_late_answer_is_taken_for_the_next_one(api: ConnectionsApi, gateway: Gateway) -> None:
    release = Event()
    api.before_answer = release.wait
    api.answer("slow=", 410)
    gateway.post(api.endpoint(), "slow=", b"x", timeout=0.05)
    release.set()
    assert gateway.post(api.endpoint(), "fast=", b"x").sent


def test_without_time_left_nothing_is_sent(api: ConnectionsApi, gateway: Gateway) -> None:
    assert gateway.post(api.endpoint(), "a=", b"x", timeout=0).retryable
    assert not api.received


def test_a_certificate_nobody_vouches_for_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gateway: Gateway
) -> None:
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
    with ConnectionsApi(write_certificate(tmp_path / "loopback.pem")) as api:
        result = gateway.post(api.endpoint(), "a=", b"x")
    assert result.reason.startswith("SSLCertVerificationError")
    assert not api.received


def test_threads_never_share_a_connection_at_the_same_time(api: ConnectionsApi, gateway: Gateway) -> None:
    together = Barrier(8)
    api.before_answer = lambda: together.wait(10)
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda n: gateway.post(api.endpoint(), f"{n}=", b"x"), range(16)))
    assert all(result.sent for result in results)
    assert len({request.connection for request in api.received}) == 8


def test_no_more_idle_connections_are_kept_than_the_pool_holds(
    api: ConnectionsApi, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway_module, "POOL_SIZE", 1)
    together = Barrier(2)
    api.before_answer = lambda: together.wait(10)
    with ThreadPoolExecutor(2) as pool:
        for _ in range(2):
            assert all(pool.map(lambda n: gateway.post(api.endpoint(), f"{n}=", b"x").sent, range(2)))
    assert len({request.connection for request in api.received}) == 3


def test_keys_that_botocore_refreshes_are_used_from_the_next_post_on(api: ConnectionsApi) -> None:
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
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return monkeypatch


@pytest.mark.parametrize("variable", ["AWS_REGION", "AWS_DEFAULT_REGION"])
def test_keys_and_region_are_those_of_the_environment(
    api: ConnectionsApi, bare_environment: pytest.MonkeyPatch, variable: str
) -> None:
    bare_environment.setenv("AWS_ACCESS_KEY_ID", KEYS.access_key)
    bare_environment.setenv("AWS_SECRET_ACCESS_KEY", KEYS.secret_key)
    bare_environment.setenv("AWS_SESSION_TOKEN", "token-of-the-environment")
    bare_environment.setenv(variable, REGION)
    gateway = Gateway()
    assert gateway.post(api.endpoint(), "a=", b"x").sent
    gateway.shutdown()
    assert api.received[0].headers["x-amz-security-token"] == "token-of-the-environment"


def test_having_no_credentials_is_an_error(bare_environment: pytest.MonkeyPatch) -> None:
    bare_environment.setenv("AWS_REGION", REGION)
    with pytest.raises(NoCredentialsError):
        Gateway().post("http://127.0.0.1:9/api", "a=", b"x")


@pytest.mark.usefixtures("bare_environment")
def test_having_no_region_is_an_error() -> None:
    with pytest.raises(NoRegionError):
        Gateway(find_keys=KEYS.get_frozen_credentials).post("http://127.0.0.1:9/api", "a=", b"x")


@pytest.mark.parametrize("endpoint", ["abc.execute-api.eu-west-1.amazonaws.com/api", "wss://host/api", "https:///api"])
def test_an_endpoint_that_is_no_http_url_is_an_error(gateway: Gateway, endpoint: str) -> None:
    with pytest.raises(ValueError, match="is not an http or https URL"):
        gateway.post(endpoint, "a=", b"x")


def test_importing_it_loads_no_aws_sdk() -> None:
    program = "import sys, chalicelib.fanout; print({'boto3', 'botocore', 'pydantic'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
