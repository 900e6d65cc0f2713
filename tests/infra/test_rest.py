"""The local REST API: the event that a function gets, and the answer that a client gets."""

import base64
import socket
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from infra.local.functions import FunctionError
from infra.local.options import HTTP_BODY_BYTES, OWN_HOST
from infra.local.rest import build_response, encode_body, rename_headers
from tests.infra.conftest import Platform


def test_the_event_is_that_of_a_proxy_integration(platform: Platform) -> None:
    answer = platform.http.post(
        "/echo/a%20b%2Fc?x=1&x=2&empty=", content="héllo", headers={"Host": "rooms.test:81", "User-Agent": "me"}
    ).json()
    context = answer.pop("context")
    assert answer.pop("headers")["host"] == "rooms.test:81"
    assert answer == {"name": "a%20b%2Fc", "body": "héllo", "query": {"x": ["1", "2"], "empty": [""]}}
    expected = {"resourcePath": "/echo/{name}", "stage": "api", "domainName": "rooms.test"}
    assert {name: context[name] for name in expected} == expected
    assert context["path"].startswith("/api/echo/")
    assert context["identity"] == {"sourceIp": "127.0.0.1", "userAgent": "me"}
    assert context["requestId"]


@pytest.mark.parametrize("token", ["Bearer x", ""], ids=["signed in", "nobody"])
def test_an_unknown_route_is_forbidden_as_on_aws(platform: Platform, token: str) -> None:
    for method, path in (
        *(("GET", path) for path in ("", "/", "/nowhere", "/echo", "/echo//", "/echo/a/more")),
        *((method, "/echo/a") for method in ("DELETE", "PATCH", "PUT", "HEAD", "TRACE")),
        *(("OPTIONS", path) for path in ("/events", "/nowhere")),
    ):
        answer = platform.http.request(method, path, headers={"Authorization": token})
        assert (answer.status_code, method, path) == (403, method, path)
        assert answer.headers["x-amzn-errortype"] == "MissingAuthenticationTokenException"
        if method != "HEAD":
            assert answer.json() == {"message": "Missing Authentication Token"}


def test_the_log_names_the_nearest_route(platform: Platform) -> None:
    platform.http.get("/ecko/a?token=secret")
    log = platform.stack.log.read_text("utf-8")
    assert "There is no GET /ecko/a; the nearest is GET, POST /echo/{name}" in log
    assert "secret" not in log


def test_an_answer_names_the_host_that_was_called(platform: Platform) -> None:
    called = platform.http.post("/echo/a", content=OWN_HOST, headers={"Host": "10.1.2.3:8000"})
    assert called.json()["body"] == "10.1.2.3:8000"


def test_a_preflight_is_answered_without_the_app(platform: Platform) -> None:
    answer = platform.http.options("/echo/a", headers={"Origin": "http://there.test"})
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    assert set(answer.headers["access-control-allow-methods"].split(",")) == {"GET", "POST", "OPTIONS"}


def test_a_body_has_at_most_ten_megabytes(platform: Platform) -> None:
    body = b"x" * HTTP_BODY_BYTES
    assert len(platform.http.post("/echo/a", content=body).json()["body"]) == HTTP_BODY_BYTES
    for content in (body + b"x", iter([body, b"x"])):
        answer = platform.http.post("/echo/a", content=content)
        assert answer.status_code == 413
        assert answer.json() == {"message": "HTTP content length exceeded 10485760 bytes."}


def test_a_malformed_result_is_a_bad_gateway(platform: Platform) -> None:
    answer = platform.http.get("/malformed")
    assert (answer.status_code, answer.json()) == (502, {"message": "Internal server error"})


@pytest.mark.parametrize("short_limits", [{"LOCAL_TIMEOUT_SECONDS": "0.2"}], indirect=True)
def test_a_function_that_takes_too_long_is_a_gateway_timeout(short_limits: Platform) -> None:
    answer = short_limits.http.get("/hold/slow")
    assert (answer.status_code, answer.json()) == (504, {"message": "Endpoint request timed out"})
    assert short_limits.http.get("/release/slow").status_code == 200


def test_requests_run_in_parallel_and_stay_separate(platform: Platform) -> None:
    with ThreadPoolExecutor() as pool:
        first = pool.submit(platform.http.get, "/meet/first")
        assert platform.http.get("/meet/second").json()["name"] == "second"
        assert first.result().json() == {"name": "first", "function": "api_handler"}


@pytest.mark.parametrize(
    ("size", "accepted", "encoding"), [(1023, "gzip", None), (1024, "gzip", "gzip"), (5000, "identity", None)]
)
def test_large_answers_are_compressed_if_the_client_accepts_it(
    platform: Platform, size: int, accepted: str, encoding: str | None
) -> None:
    answer = platform.http.get(f"/size/{size}", headers={"Accept-Encoding": accepted})
    assert answer.headers.get("content-encoding") == encoding
    assert answer.text == "x" * size


def test_a_client_that_closes_during_a_request_is_no_error(platform: Platform) -> None:
    port = httpx.URL(platform.stack.url).port or 0
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"POST /api/echo/left HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf")
    log = platform.stack.log
    while "POST /api/echo/left left by the client" not in log.read_text("utf-8"):
        platform.http.get("/events")
    assert "Exception in ASGI application" not in log.read_text("utf-8")


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
def test_every_local_address_answers(platform: Platform, host: str) -> None:
    assert httpx.get(platform.stack.api.replace("127.0.0.1", host) + "/echo/a").status_code == 200


@pytest.mark.parametrize(
    ("body", "binary", "event"),
    [
        (b"", False, {"body": None, "isBase64Encoded": False}),
        ("é".encode(), False, {"body": "é", "isBase64Encoded": False}),
        (b"\xff\x00", False, {"body": base64.b64encode(b"\xff\x00").decode(), "isBase64Encoded": True}),
        (b"text", True, {"body": base64.b64encode(b"text").decode(), "isBase64Encoded": True}),
    ],
)
def test_a_body_is_text_or_base64(body: bytes, binary: bool, event: dict[str, object]) -> None:
    assert encode_body(body, binary=binary) == event


def test_single_and_multi_value_headers_reach_the_client() -> None:
    result = {
        "statusCode": 201,
        "headers": {"X-One": "1"},
        "multiValueHeaders": {"Set-Cookie": ["a=1", "b=2"]},
        "body": base64.b64encode(b"\x00").decode(),
        "isBase64Encoded": True,
    }
    response = build_response(result)
    assert (response.status_code, response.body) == (201, b"\x00")
    assert (response.headers["x-one"], response.headers["content-type"]) == ("1", "application/json")
    assert response.headers.getlist("set-cookie") == ["a=1", "b=2"]


def test_a_header_is_renamed_as_on_aws() -> None:
    response = rename_headers(build_response({"statusCode": 401, "headers": {"WWW-Authenticate": "Bearer"}}))
    assert response.headers["x-amzn-Remapped-WWW-Authenticate"] == "Bearer"
    assert "www-authenticate" not in response.headers


@pytest.mark.parametrize("result", [{}, {"statusCode": "x"}, {"statusCode": 200, "body": {"a": 1}}, None, "text"])
def test_an_invalid_result_is_an_error(result: object) -> None:
    with pytest.raises(FunctionError):
        build_response(result)  # type: ignore[arg-type]  # that is the point
