"""How keys are fetched: seldom, by one thread, and without ever losing those that are there."""

import json
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from chalicelib import jwks
from chalicelib.identity.key_set import KeySet, key_set
from chalicelib.kernel.errors import AuthUnavailableError, UnauthorizedError
from tests.fakes.issuer import Issuer, private_key, public_jwk

untimed = hypothesis_settings(deadline=None)
NOW = 1_800_000_000_000
SECOND = 1_000
MINUTE = 60_000
HOUR = 3_600_000
THREADS = 12


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with Issuer("ES256") as issuer:
        yield issuer


@pytest.fixture
def keys(issuer: Issuer) -> KeySet:
    return KeySet(issuer.url)


def find(keys: KeySet, kid: str | None, now: int = NOW) -> str | None:
    return keys.find(kid, "ES256", now).key_id


def is_unknown(keys: KeySet, kid: str | None, now: int = NOW) -> bool:
    with pytest.raises(UnauthorizedError, match="The token's key is not known"):
        find(keys, kid, now)
    return True


def is_unavailable(keys: KeySet, kid: str | None, now: int = NOW) -> bool:
    with pytest.raises(AuthUnavailableError):
        find(keys, kid, now)
    return True


def outcome(keys: KeySet, kid: str | None, now: int = NOW) -> str | None:
    try:
        return find(keys, kid, now)
    except (UnauthorizedError, AuthUnavailableError) as error:
        return error.code


def outcomes_at_once(keys: KeySet, kid: str, now: int = NOW) -> list[str | None]:
    barrier = Barrier(THREADS)

    def ask() -> str | None:
        barrier.wait()
        return outcome(keys, kid, now)

    with ThreadPoolExecutor(THREADS) as pool:
        return [asked.result() for asked in [pool.submit(ask) for _ in range(THREADS)]]


def test_keys_are_fetched_once_an_hour(issuer: Issuer, keys: KeySet) -> None:
    for now in (NOW, NOW + MINUTE, NOW + HOUR - 1):
        assert find(keys, "key-0", now) == "key-0"
    assert issuer.fetches == 1
    assert find(keys, "key-0", NOW + HOUR) == "key-0"
    assert issuer.fetches == 2


def test_a_process_has_one_key_set_per_address(issuer: Issuer) -> None:
    assert key_set(issuer.url) is key_set(issuer.url)
    assert key_set(issuer.url) is not key_set(issuer.url + "?other")


def test_a_new_key_is_found_at_once(issuer: Issuer, keys: KeySet) -> None:
    find(keys, "key-0")
    issuer.rotate()
    assert find(keys, "key-1", NOW + SECOND) == "key-1"
    assert issuer.fetches == 2


def test_a_key_that_is_no_longer_published_is_forgotten_with_the_next_fetch(issuer: Issuer, keys: KeySet) -> None:
    find(keys, "key-0")
    issuer.rotate()
    assert find(keys, "key-0", NOW + HOUR - 1) == "key-0"
    assert is_unknown(keys, "key-0", NOW + HOUR)


def test_unknown_keys_make_one_fetch_a_minute(issuer: Issuer, keys: KeySet) -> None:
    find(keys, "key-0")
    for now in (NOW, NOW + 1, NOW + MINUTE - 1):
        assert is_unknown(keys, f"unheard-of-{now}", now)
    assert issuer.fetches == 2
    assert is_unknown(keys, "unheard-of", NOW + MINUTE)
    assert issuer.fetches == 3


def test_the_first_fetch_already_says_that_a_key_is_unknown(issuer: Issuer, keys: KeySet) -> None:
    assert is_unknown(keys, "unheard-of")
    assert issuer.fetches == 1


def test_a_known_key_costs_no_fetch_while_others_are_unknown(issuer: Issuer, keys: KeySet) -> None:
    find(keys, "key-0")
    is_unknown(keys, "unheard-of")
    find(keys, "key-0")
    assert issuer.fetches == 2


def test_a_token_that_names_no_key_means_the_only_one(issuer: Issuer, keys: KeySet) -> None:
    assert find(keys, None) == "key-0"


def test_a_token_that_names_no_key_is_refused_where_there_are_several(issuer: Issuer, keys: KeySet) -> None:
    issuer.publish(issuer.keys[0].jwk(), public_jwk(private_key("RS256", 0), kid="other"))
    assert is_unknown(keys, None)


def test_a_key_without_a_name_is_found_only_by_a_token_that_names_none(issuer: Issuer, keys: KeySet) -> None:
    issuer.publish(public_jwk(private_key("ES256", 0)))
    assert keys.find(None, "ES256", NOW).key_id is None
    assert is_unknown(keys, "key-0")


def test_the_only_key_does_not_hold_for_another_algorithm(issuer: Issuer, keys: KeySet) -> None:
    for kid in (None, "key-0"):
        with pytest.raises(UnauthorizedError):
            keys.find(kid, "RS256", NOW)


def test_a_refresh_that_fails_keeps_the_keys_and_is_tried_once_a_minute(
    issuer: Issuer, keys: KeySet, caplog: pytest.LogCaptureFixture
) -> None:
    find(keys, "key-0")
    issuer.answer = (500, {}, b"")
    for now in (NOW + HOUR, NOW + HOUR + 1, NOW + HOUR + MINUTE - 1):
        assert find(keys, "key-0", now) == "key-0"
    assert issuer.fetches == 2
    assert find(keys, "key-0", NOW + HOUR + MINUTE) == "key-0"
    assert issuer.fetches == 3
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 2
    issuer.answer = None
    assert find(keys, "key-0", NOW + HOUR + 2 * MINUTE) == "key-0"
    assert find(keys, "key-0", NOW + 2 * HOUR) == "key-0"
    assert issuer.fetches == 4


def test_an_unknown_key_can_not_be_judged_while_the_issuer_is_away(issuer: Issuer, keys: KeySet) -> None:
    find(keys, "key-0")
    issuer.rotate()
    issuer.answer = (500, {}, b"")
    assert is_unavailable(keys, "key-1", NOW)
    assert is_unavailable(keys, "key-1", NOW + MINUTE - 1)
    assert issuer.fetches == 2
    assert find(keys, "key-0", NOW + MINUTE - 1) == "key-0"
    issuer.answer = None
    assert find(keys, "key-1", NOW + MINUTE) == "key-1"


def test_an_issuer_that_was_switched_off_is_found_again(issuer: Issuer, keys: KeySet) -> None:
    issuer.switch_off()
    assert is_unavailable(keys, "key-0", NOW)
    issuer.switch_on()
    assert find(keys, "key-0", NOW + 5 * SECOND) == "key-0"


def test_without_any_key_a_fetch_is_tried_again_after_five_seconds(issuer: Issuer, keys: KeySet) -> None:
    issuer.answer = (503, {}, b"")
    for now in (NOW, NOW + 1, NOW + 5 * SECOND - 1):
        assert is_unavailable(keys, "key-0", now)
    assert issuer.fetches == 1
    issuer.answer = None
    assert find(keys, "key-0", NOW + 5 * SECOND) == "key-0"


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        ((500, {}, b""), "it answers 500"),
        ((404, {}, b""), "it answers 404"),
        ((204, {}, b""), "it answers 204"),
        ((302, {"Location": "file:///etc/passwd"}, b""), "it answers 302"),
        ((302, {"Location": "/elsewhere"}, b""), "it answers 302"),
        ((200, {}, b""), "Expecting value"),
        ((200, {}, b"<html>"), "Expecting value"),
        ((200, {}, b"\xff\xfe\xff"), "decode"),
        ((200, {}, b"[]"), "its answer is not a key set"),
        ((200, {}, b"{}"), "its answer is not a key set"),
        ((200, {}, b'{"keys": {}}'), "its answer is not a key set"),
        ((200, {}, b'{"keys": []}'), "its answer holds no key for RS256 or ES256"),
        ((200, {}, b'{"keys": [null, 7, "key", []]}'), "its answer holds no key for RS256 or ES256"),
        ((200, {}, b"[" * 200_000), "while decoding a JSON array"),
        ((200, {}, b'{"keys": []}' + b" " * 262_144), "its answer is too large"),
        ((200, {"Content-Length": "1000"}, b'{"keys": []}'), "IncompleteRead"),
        ((200, {"Content-Encoding": "gzip"}, b'{"keys": []}'), "gzip"),
    ],
    ids=lambda value: ascii(value)[:60],
)
def test_an_answer_that_is_no_key_set_is_logged_and_gives_no_keys(
    answer: tuple[int, dict[str, str], bytes],
    complaint: str,
    issuer: Issuer,
    keys: KeySet,
    caplog: pytest.LogCaptureFixture,
) -> None:
    issuer.answer = answer
    assert is_unavailable(keys, "key-0")
    [record] = caplog.records
    assert record.message.startswith("AUTH_JWKS_URL gives no keys: ")
    assert complaint in record.message
    assert issuer.fetches == 1


def test_an_answer_that_is_no_key_set_does_not_replace_the_keys_there_are(issuer: Issuer, keys: KeySet) -> None:
    find(keys, "key-0")
    issuer.answer = (200, {}, b'{"keys": []}')
    assert find(keys, "key-0", NOW + HOUR) == "key-0"
    assert issuer.fetches == 2


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "ftp://127.0.0.1/jwks", "jwks.json", "http://", "http://[", "http://127.0.0.1:0/"],
)
def test_only_an_http_address_is_asked(url: str, caplog: pytest.LogCaptureFixture) -> None:
    assert is_unavailable(KeySet(url), "key-0")
    assert len(caplog.records) == 1


def test_an_issuer_that_never_answers_is_given_up(
    issuer: Issuer, keys: KeySet, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(jwks, "FETCH_TIMEOUT", 0.05)
    with issuer.held():
        assert is_unavailable(keys, "key-0")
    assert "timed out" in caplog.text


def test_the_timeouts_are_a_few_seconds() -> None:
    assert 1 <= jwks.FETCH_TIMEOUT <= 5


def without(jwk: dict[str, Any], name: str) -> dict[str, Any]:
    return {member: value for member, value in jwk.items() if member != name}


def rsa_jwk(**changed: Any) -> dict[str, Any]:
    return public_jwk(private_key("RS256", 0), kid="bad") | changed


def ec_jwk(**changed: Any) -> dict[str, Any]:
    return public_jwk(private_key("ES256", 0), kid="bad") | changed


def small_rsa_jwk() -> dict[str, Any]:
    return public_jwk(rsa.generate_private_key(public_exponent=65537, key_size=1024), kid="bad")


def p384_jwk(**changed: Any) -> dict[str, Any]:
    return public_jwk(ec.generate_private_key(ec.SECP384R1()), kid="bad") | changed


def private_rsa_jwk() -> dict[str, Any]:
    key = private_key("RS256", 0)
    assert isinstance(key, rsa.RSAPrivateKey)
    return RSAAlgorithm.to_jwk(key, as_dict=True) | {"kid": "bad"}


def private_ec_jwk() -> dict[str, Any]:
    key = private_key("ES256", 0)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return ECAlgorithm.to_jwk(key, as_dict=True) | {"kid": "bad"}


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
    "RSA without kty": lambda: without(rsa_jwk(), "kty"),
    "RSA without n": lambda: without(rsa_jwk(), "n"),
    "RSA of 1024 bits": small_rsa_jwk,
    "RSA, private": private_rsa_jwk,
    "EC, private": private_ec_jwk,
    "EC for ES512": lambda: ec_jwk(alg="ES512"),
    "EC for RS256": lambda: ec_jwk(alg="RS256"),
    "EC that says P-384": lambda: ec_jwk(crv="P-384"),
    "EC, crv not text": lambda: ec_jwk(crv=["P-256"]),
    "EC off the curve": lambda: ec_jwk(x=ec_jwk()["y"]),
    "EC without x": lambda: without(ec_jwk(), "x"),
    "EC without crv": lambda: without(ec_jwk(), "crv"),
    "P-384": p384_jwk,
    "P-384 for ES256": lambda: p384_jwk(alg="ES256"),
    "a secret": lambda: OCT_JWK,
    "Ed25519": lambda: OKP_JWK,
    "an empty object": dict,
    "text": lambda: "text",
    "null": lambda: None,
}


@pytest.mark.parametrize("unfit", UNFIT)
def test_a_key_that_does_not_fit_is_passed_over_and_the_others_work(
    unfit: str, issuer: Issuer, keys: KeySet, caplog: pytest.LogCaptureFixture
) -> None:
    issuer.publish(UNFIT[unfit](), issuer.keys[0].jwk())
    for algorithm in jwks.ALGORITHMS:
        with pytest.raises(UnauthorizedError):
            keys.find("bad", algorithm, NOW)
    assert find(keys, "key-0") == "key-0"
    assert OCT_JWK["k"] not in caplog.text


def test_a_key_need_not_say_what_it_is_for(issuer: Issuer, keys: KeySet) -> None:
    issuer.publish(without(rsa_jwk(), "kid"), ec_jwk(alg=None, use=None, kid="key-0"))
    assert find(keys, "key-0") == "key-0"


@untimed
@given(
    members=st.dictionaries(
        st.sampled_from(["kty", "alg", "use", "kid", "n", "e", "crv", "x", "y", "key_ops"]),
        st.none() | st.integers() | st.text() | st.lists(st.text()) | st.sampled_from(["P-256", "P-384", "EC"]),
    ),
    sound=st.sampled_from([rsa_jwk, ec_jwk, dict]),
)
def test_no_key_breaks_the_others(members: dict[str, Any], sound: Callable[[], dict[str, Any]]) -> None:
    body = json.dumps({"keys": [sound() | members, ec_jwk(kid="good")]}).encode()
    assert "good" in [key.key_id for key in jwks._parse_keys(body)]


def test_threads_that_start_together_make_one_fetch(issuer: Issuer, keys: KeySet) -> None:
    assert outcomes_at_once(keys, "key-0") == ["key-0"] * THREADS
    assert issuer.fetches == 1


def test_threads_that_start_together_make_one_fetch_that_fails(issuer: Issuer, keys: KeySet) -> None:
    issuer.answer = (500, {}, b"")
    assert outcomes_at_once(keys, "key-0") == ["auth_unavailable"] * THREADS
    assert issuer.fetches == 1


def test_threads_with_a_new_key_make_one_fetch(issuer: Issuer, keys: KeySet) -> None:
    find(keys, "key-0")
    issuer.rotate()
    assert outcomes_at_once(keys, "key-1") == ["key-1"] * THREADS
    assert issuer.fetches == 2


def test_threads_with_an_unknown_key_make_one_fetch(issuer: Issuer, keys: KeySet) -> None:
    find(keys, "key-0")
    assert outcomes_at_once(keys, "unheard-of") == ["unauthorized"] * THREADS
    assert issuer.fetches == 2


@pytest.mark.parametrize("now", [NOW + SECOND, NOW + HOUR])
def test_who_has_a_key_does_not_wait_for_who_has_none(now: int, issuer: Issuer, keys: KeySet) -> None:
    find(keys, "key-0")
    with ThreadPoolExecutor(1) as pool:
        with issuer.held() as asked:
            waiting = pool.submit(outcome, keys, "unheard-of", now)
            assert asked.wait(5)
            assert find(keys, "key-0", now) == "key-0"
            assert not waiting.done()
        assert waiting.result() == "unauthorized"
    assert issuer.fetches == 2
