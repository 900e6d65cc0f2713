"""Keys are fetched rarely, by one thread, and known keys are never lost."""

import gzip
import json
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from chalicelib.identity import key_set
from chalicelib.identity.key_set import KeySet
from chalicelib.kernel.errors import AuthUnavailableError, UnauthorizedError
from tests.fakes.backend import MINUTE, NOW, SECOND
from tests.fakes.issuer import Algorithm, Answer, Issuer, private_key, public_jwk

HOUR = 60 * MINUTE
THREADS = 12


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with Issuer("ES256") as issuer:
        yield issuer


@pytest.fixture
def keys(issuer: Issuer) -> KeySet:
    return KeySet(issuer.url)


UNKNOWN, UNAVAILABLE = "The token's key is not known", "Sign-in can't be checked for the moment"


def find(keys: KeySet, kid: str | None, now: int = NOW) -> str | None:
    """The id of the key that is found, or the sentence of the error."""
    try:
        return keys.find(kid, "ES256", now).key_id
    except (UnauthorizedError, AuthUnavailableError) as error:
        return error.detail


def find_at_once(keys: KeySet, kid: str, now: int = NOW) -> list[str | None]:
    barrier = Barrier(THREADS)

    def ask() -> str | None:
        barrier.wait()
        return find(keys, kid, now)

    with ThreadPoolExecutor(THREADS) as pool:
        return [asked.result() for asked in [pool.submit(ask) for _ in range(THREADS)]]


def test_keys_are_fetched_once_an_hour(issuer: Issuer, keys: KeySet) -> None:
    for now in (NOW, NOW + MINUTE, NOW + HOUR - 1):
        assert find(keys, "key-0", now) == "key-0"
    assert issuer.fetches == 1
    assert find(keys, "key-0", NOW + HOUR) == "key-0"
    assert issuer.fetches == 2


def test_a_new_key_is_found_at_once(issuer: Issuer, keys: KeySet) -> None:
    find(keys, "key-0")
    issuer.rotate()
    assert find(keys, "key-1", NOW + SECOND) == "key-1"
    assert issuer.fetches == 2


def test_a_withdrawn_key_is_forgotten_with_the_next_fetch(issuer: Issuer, keys: KeySet) -> None:
    find(keys, "key-0")
    issuer.rotate()
    assert find(keys, "key-0", NOW + HOUR - 1) == "key-0"
    assert find(keys, "key-0", NOW + HOUR) == UNKNOWN


def test_unknown_keys_make_one_fetch_a_minute(issuer: Issuer, keys: KeySet) -> None:
    assert find(keys, "unheard-of") == UNKNOWN
    assert issuer.fetches == 1
    for now in (NOW, NOW + 1, NOW + MINUTE - 1):
        assert find(keys, f"unheard-of-{now}", now) == UNKNOWN
        assert find(keys, "key-0", now) == "key-0"
    assert issuer.fetches == 2
    assert find(keys, "unheard-of", NOW + MINUTE) == UNKNOWN
    assert issuer.fetches == 3


def test_a_token_without_a_key_id_fits_only_a_set_of_one_key(issuer: Issuer, keys: KeySet) -> None:
    assert find(keys, None) == "key-0"
    issuer.publish(issuer.keys[0].jwk(), public_jwk(private_key("RS256", 0), kid="other"))
    assert find(keys, None, NOW + HOUR) == UNKNOWN


def test_a_key_without_id_fits_only_a_token_without_key_id(issuer: Issuer, keys: KeySet) -> None:
    issuer.publish(public_jwk(private_key("ES256", 0)))
    assert [find(keys, kid) for kid in (None, "key-0")] == [None, UNKNOWN]


def test_a_key_is_for_one_algorithm(issuer: Issuer, keys: KeySet) -> None:
    for kid in (None, "key-0"):
        with pytest.raises(UnauthorizedError):
            keys.find(kid, "RS256", NOW)


@pytest.mark.parametrize("answer", [(500, {}, b""), (200, {}, b'{"keys": []}')])
def test_a_failed_refresh_keeps_the_keys_and_waits_a_minute(
    issuer: Issuer, keys: KeySet, caplog: pytest.LogCaptureFixture, answer: Answer
) -> None:
    find(keys, "key-0")
    issuer.answer = answer
    for after, fetches in ((0, 2), (1, 2), (MINUTE - 1, 2), (MINUTE, 3)):
        assert find(keys, "key-0", NOW + HOUR + after) == "key-0"
        assert issuer.fetches == fetches
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 2
    issuer.answer = None
    for now in (NOW + HOUR + 2 * MINUTE, NOW + 2 * HOUR):
        assert find(keys, "key-0", now) == "key-0"
    assert issuer.fetches == 4


def test_an_unknown_key_answers_503_while_fetches_fail(issuer: Issuer, keys: KeySet) -> None:
    find(keys, "key-0")
    issuer.rotate()
    issuer.answer = (500, {}, b"")
    assert find(keys, "key-1", NOW) == UNAVAILABLE
    assert find(keys, "key-1", NOW + MINUTE - 1) == UNAVAILABLE
    assert issuer.fetches == 2
    assert find(keys, "key-0", NOW + MINUTE - 1) == "key-0"
    issuer.answer = None
    assert find(keys, "key-1", NOW + MINUTE) == "key-1"


def test_without_keys_a_fetch_is_repeated_after_five_seconds(issuer: Issuer, keys: KeySet) -> None:
    issuer.answer = (503, {}, b"")
    for now in (NOW, NOW + 1, NOW + 5 * SECOND - 1):
        assert find(keys, "key-0", now) == UNAVAILABLE
    assert issuer.fetches == 1
    issuer.answer = None
    assert find(keys, "key-0", NOW + 5 * SECOND) == "key-0"


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        ((500, {}, b""), "HTTP Error 500"),
        ((404, {}, b""), "HTTP Error 404"),
        ((302, {"Location": "file:///etc/passwd"}, b""), "HTTP Error 302"),
        ((302, {"Location": "/.well-known/jwks.json?again"}, b""), "HTTP Error 302"),
        ((204, {}, b""), "Expecting value"),
        ((200, {}, b""), "Expecting value"),
        ((200, {}, b"<html>"), "Expecting value"),
        ((200, {}, b"\xff\xfe\xff"), "decode"),
        ((200, {}, b"[]"), "its answer is not a key set"),
        ((200, {}, b" " * (256 * 1024 + 1)), "its answer has more than 262144 bytes"),
        ((200, {"Content-Length": "9999999999"}, b" " * (256 * 1024 + 1)), "its answer has more than 262144 bytes"),
        ((200, {}, b"{}"), "its answer is not a key set"),
        ((200, {}, b'{"keys": {}}'), "its answer is not a key set"),
        ((200, {}, b'{"keys": []}'), "its answer has no key for RS256 or ES256"),
        ((200, {}, b'{"keys": [null, 7, "key", []]}'), "its answer has no key for RS256 or ES256"),
        ((200, {}, b"[" * 200_000), "while decoding a JSON array"),
        ((200, {"Content-Length": "1000"}, b'{"keys": []}'), "IncompleteRead"),
        ((200, {"Content-Encoding": "gzip"}, gzip.compress(b'{"keys": []}', mtime=0)), "decode"),
    ],
    ids=lambda value: ascii(value)[:60],
)
def test_an_answer_that_is_no_key_set_is_logged(
    answer: Answer, complaint: str, issuer: Issuer, keys: KeySet, caplog: pytest.LogCaptureFixture
) -> None:
    issuer.answer = answer
    assert find(keys, "key-0") == UNAVAILABLE
    [record] = caplog.records
    assert record.message.startswith("AUTH_JWKS_URL gives no keys: ")
    assert complaint in record.message
    assert issuer.fetches == 1


@pytest.mark.parametrize(
    "url", ["file://{}", "ftp://127.0.0.1/jwks", "jwks.json", "http://", "http://[", "http://127.0.0.1:0/"]
)
def test_only_an_http_address_is_asked(
    url: str, issuer: Issuer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps({"keys": [key.jwk() for key in issuer.keys]}), "utf-8")
    assert find(KeySet(url.format(file)), "key-0") == UNAVAILABLE
    assert len(caplog.records) == 1


def test_an_issuer_that_never_answers_times_out(
    issuer: Issuer, keys: KeySet, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert 1 <= key_set.FETCH_TIMEOUT <= 5
    monkeypatch.setattr(key_set, "FETCH_TIMEOUT", 0.05)
    with issuer.held():
        assert find(keys, "key-0") == UNAVAILABLE
    assert "timed out" in caplog.text


def test_an_answer_that_takes_too_long_is_given_up(
    keys: KeySet, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert 1 <= key_set.FETCH_DEADLINE <= 10
    monkeypatch.setattr(key_set, "FETCH_DEADLINE", -1.0)
    assert find(keys, "key-0") == UNAVAILABLE
    assert "takes too long" in caplog.text


def test_a_key_set_has_at_most_256_kb(issuer: Issuer, keys: KeySet) -> None:
    published = json.dumps({"keys": [key.jwk() for key in issuer.keys]}).encode()
    issuer.answer = (200, {}, published.ljust(256 * 1024))
    assert find(keys, "key-0") == "key-0"


def jwk(algorithm: Algorithm, without: str = "", **changed: Any) -> dict[str, Any]:
    """A public key with a missing or changed member."""
    whole = public_jwk(private_key(algorithm, 0), kid="bad") | changed
    return {name: value for name, value in whole.items() if name != without}


def private_jwk(algorithm: Algorithm) -> dict[str, Any]:
    key: Any = private_key(algorithm, 0)
    kind: type[Any] = {"RS256": RSAAlgorithm, "ES256": ECAlgorithm}[algorithm]
    return {**kind.to_jwk(key, as_dict=True), "kid": "bad"}


rsa_jwk, ec_jwk = partial(jwk, "RS256"), partial(jwk, "ES256")
SMALL_RSA = rsa.generate_private_key(public_exponent=65537, key_size=1024)
P384 = ec.generate_private_key(ec.SECP384R1())


OCT_JWK = {"kid": "bad", "kty": "oct", "alg": "HS256", "k": "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0"}
OKP_JWK = {"kid": "bad", "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
UNFIT: dict[str, Callable[[], object]] = {
    "RSA for encryption": lambda: rsa_jwk(use="enc"),
    "RSA, use not text": lambda: rsa_jwk(use=7),
    "RSA-OAEP": lambda: rsa_jwk(alg="RSA-OAEP"),
    "RS512": lambda: rsa_jwk(alg="RS512"),
    "RSA for ES256": lambda: rsa_jwk(alg="ES256"),
    "RSA, alg not text": lambda: rsa_jwk(alg=["RS256"]),
    "RSA for none": lambda: rsa_jwk(alg="none"),
    "RSA that says EC": lambda: rsa_jwk(kty="EC"),
    "RSA, kty not text": lambda: rsa_jwk(kty=["RSA"]),
    "RSA, kty null": lambda: rsa_jwk(kty=None),
    "RSA, n a number": lambda: rsa_jwk(n=7),
    "RSA, n not base64": lambda: rsa_jwk(n="!"),
    "RSA, n empty": lambda: rsa_jwk(n=""),
    "RSA, e zero": lambda: rsa_jwk(e="AA"),
    "RSA without kty": lambda: rsa_jwk("kty"),
    "RSA without n": lambda: rsa_jwk("n"),
    "RSA of 1024 bits": lambda: public_jwk(SMALL_RSA, kid="bad"),
    "RSA, private": lambda: private_jwk("RS256"),
    "EC, private": lambda: private_jwk("ES256"),
    "EC for ES512": lambda: ec_jwk(alg="ES512"),
    "EC for RS256": lambda: ec_jwk(alg="RS256"),
    "EC that says P-384": lambda: ec_jwk(crv="P-384"),
    "EC, crv not text": lambda: ec_jwk(crv=["P-256"]),
    "EC off the curve": lambda: ec_jwk(x=ec_jwk()["y"]),
    "EC without x": lambda: ec_jwk("x"),
    "EC without crv": lambda: ec_jwk("crv"),
    "P-384": lambda: public_jwk(P384, kid="bad"),
    "P-384 for ES256": lambda: public_jwk(P384, kid="bad", alg="ES256"),
    "a secret": lambda: OCT_JWK,
    "Ed25519": lambda: OKP_JWK,
    "an empty object": dict,
    "text": lambda: "text",
    "null": lambda: None,
}


@pytest.mark.parametrize("unfit", UNFIT)
def test_an_unfit_key_is_skipped_and_the_others_work(
    unfit: str, issuer: Issuer, keys: KeySet, caplog: pytest.LogCaptureFixture
) -> None:
    issuer.publish(UNFIT[unfit](), issuer.keys[0].jwk())
    for algorithm in key_set.ALGORITHMS:
        with pytest.raises(UnauthorizedError):
            keys.find("bad", algorithm, NOW)
    assert find(keys, "key-0") == "key-0"
    assert OCT_JWK["k"] not in caplog.text


def test_a_key_needs_neither_alg_nor_use(issuer: Issuer, keys: KeySet) -> None:
    issuer.publish(rsa_jwk("kid"), ec_jwk(alg=None, use=None, kid="key-0"))
    assert find(keys, "key-0") == "key-0"


@given(
    members=st.dictionaries(
        st.sampled_from(["kty", "alg", "use", "kid", "n", "e", "crv", "x", "y", "key_ops"]),
        st.none() | st.integers() | st.text() | st.lists(st.text()) | st.sampled_from(["P-256", "P-384", "EC"]),
    ),
    sound=st.sampled_from([rsa_jwk, ec_jwk, dict]),
)
def test_no_key_breaks_the_others(members: dict[str, Any], sound: Callable[[], dict[str, Any]]) -> None:
    document = {"keys": [sound() | members, ec_jwk(kid="good")]}
    assert "good" in [key.key_id for key in key_set._parse_keys(document)]


@pytest.mark.parametrize("status", [200, 500])
def test_threads_that_start_together_make_one_fetch(issuer: Issuer, keys: KeySet, status: int) -> None:
    issuer.answer = None if status == 200 else (status, {}, b"")
    assert find_at_once(keys, "key-0") == ["key-0" if status == 200 else UNAVAILABLE] * THREADS
    assert issuer.fetches == 1


@pytest.mark.parametrize(("kid", "expected"), [("key-1", "key-1"), ("unheard-of", UNKNOWN)])
def test_threads_whose_key_is_not_known_make_one_fetch(issuer: Issuer, keys: KeySet, kid: str, expected: str) -> None:
    find(keys, "key-0")
    issuer.rotate()
    assert find_at_once(keys, kid) == [expected] * THREADS
    assert issuer.fetches == 2


@pytest.mark.parametrize("now", [NOW + SECOND, NOW + HOUR])
def test_a_known_key_does_not_wait_for_a_fetch(now: int, issuer: Issuer, keys: KeySet) -> None:
    find(keys, "key-0")
    with ThreadPoolExecutor(1) as pool:
        with issuer.held() as asked:
            waiting = pool.submit(find, keys, "unheard-of", now)
            assert asked.wait(5)
            assert find(keys, "key-0", now) == "key-0"
            assert not waiting.done()
        assert waiting.result() == UNKNOWN
    assert issuer.fetches == 2
