"""Every way of calling that is refused, for each source of keys, and what is read from a token that holds."""

import base64
import json
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from chalicelib import auth, jwks, tickets
from chalicelib.identity.tokens import User, authenticate, verify
from chalicelib.kernel.errors import AuthUnavailableError, UnauthorizedError
from chalicelib.kernel.settings import Settings
from tests.fakes.issuer import Algorithm, Issuer, private_key, public_jwk

untimed = hypothesis_settings(deadline=None)
NOW = 1_800_000_000_000
SECONDS = NOW // 1000
SECRET = "a secret that only the tests of this product know"
OTHER_SECRET = "another secret, which nobody has configured anywhere"
ISSUER = "https://login.example.com/"
AUDIENCE = "coworking"
RSA: Algorithm = "RS256"
CLAIMS = {"sub": "ada", "name": "Ada", "exp": SECONDS + 600, "iss": ISSUER, "aud": AUDIENCE}


@dataclass(frozen=True)
class Source:
    """A deployment's settings, and the way to sign tokens that it accepts, and ones it doesn't."""

    settings: Settings
    sign: Callable[..., str]
    forge: Callable[[dict[str, Any]], str]


@pytest.fixture(autouse=True)
def _fresh_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jwks, "_key_sets", {})
    monkeypatch.setattr(auth, "_complained", {})


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with Issuer() as issuer:
        yield issuer


@pytest.fixture(params=["RS256", "ES256", "HS256"])
def source(request: pytest.FixtureRequest) -> Iterator[Source]:
    strict = Settings(auth_issuer=ISSUER, auth_audience=AUDIENCE)
    if request.param == "HS256":
        yield Source(replace(strict, auth_secret=SECRET), sign_secretly, forge_secretly)
        return
    with Issuer(request.param) as issuer:

        def forge(claims: dict[str, Any]) -> str:
            headers = {"kid": issuer.keys[-1].kid}
            return jwt.encode(claims, private_key(request.param, 99), request.param, headers)

        yield Source(replace(strict, auth_jwks_url=issuer.url), issuer.sign, forge)


def sign_secretly(claims: dict[str, Any], **header: Any) -> str:
    return jwt.encode(claims, SECRET, "HS256", header)


def forge_secretly(claims: dict[str, Any]) -> str:
    return jwt.encode(claims, OTHER_SECRET, "HS256")


def segment(content: object) -> str:
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def compact(header: object, claims: object = CLAIMS, signature: bytes = b"signature") -> str:
    return ".".join([segment(header), segment(claims), segment(signature)])


def claims(*without: str, **changed: Any) -> dict[str, Any]:
    return {name: value for name, value in (CLAIMS | changed).items() if name not in without}


def refusal(token: str, settings: Settings, now: int = NOW) -> str:
    with pytest.raises(UnauthorizedError) as caught:
        verify(token, settings, now)
    assert caught.value.status == 401
    assert len(token) < 30 or token not in caught.value.detail
    return caught.value.detail


def test_a_token_that_holds_names_the_user(source: Source) -> None:
    token = source.sign(claims(picture="https://example.com/ada.png"))
    expected = User("ada", "Ada", "https://example.com/ada.png", is_admin=False)
    assert verify(token, source.settings, NOW) == expected
    assert authenticate(f"Bearer {token}", source.settings, NOW) == expected


@pytest.mark.parametrize("form", ["bearer {}", "BEARER {}", "Bearer   {}", " Bearer {} "])
def test_the_scheme_is_read_leniently(form: str, source: Source) -> None:
    assert authenticate(form.format(source.sign(CLAIMS)), source.settings, NOW).id == "ada"


@pytest.mark.parametrize("header", [None, "", " ", "Bearer", "Bearer ", "Basic YWRhOmFkYQ==", "Token {}", "{}"])
def test_no_token_is_refused(header: str | None, source: Source) -> None:
    with pytest.raises(UnauthorizedError, match="There is no token") as caught:
        authenticate(header and header.format(source.sign(CLAIMS)), source.settings, NOW)
    assert caught.value.headers() == {"WWW-Authenticate": "Bearer"}


def test_two_tokens_in_one_header_are_refused(source: Source) -> None:
    token = source.sign(CLAIMS)
    with pytest.raises(UnauthorizedError, match="not a signed JWT"):
        authenticate(f"Bearer {token}, Bearer {token}", source.settings, NOW)


@pytest.mark.parametrize(
    ("refused", "detail"),
    [
        (claims(exp=SECONDS - 6), "The token has expired"),
        (claims(exp=-(10**30)), "The token has expired"),
        (claims(nbf=SECONDS + 60), "The token is not valid yet"),
        (claims(iat=SECONDS + 60), "The token is not valid yet"),
        (claims("exp"), "The token has no `exp`"),
        (claims(exp=None), "The token has no `exp`"),
        (claims(exp="1900000000"), "The token's `exp` is not a number"),
        (claims(exp=True), "The token's `exp` is not a number"),
        (claims(exp=float("nan")), "The token's `exp` is not a number"),
        (claims(exp=float("inf")), "The token's `exp` is not a number"),
        (claims(exp=[SECONDS + 60]), "The token's `exp` is not a number"),
        (claims(nbf=None), "The token's `nbf` is not a number"),
        (claims(iat={}), "The token's `iat` is not a number"),
        (claims("iss"), "The token has no `iss`"),
        (claims(iss="https://login.example.org/"), "The token is from another issuer"),
        (claims(iss="https://login.example.com"), "The token is from another issuer"),
        (claims("aud"), "The token has no `aud`"),
        (claims(aud=[]), "The token has no `aud`"),
        (claims(aud="another"), "The token is for another audience"),
        (claims(aud=["another", "third"]), "The token is for another audience"),
        (claims(aud={AUDIENCE: 1}), "The token is for another audience"),
        (claims("sub"), "The token has no `sub`"),
        (claims(sub=None), "The token has no `sub`"),
        (claims(sub=""), "The token's subject is not a user id"),
        (claims(sub=7), "The token's subject is not a user id"),
        (claims(sub=["ada"]), "The token's subject is not a user id"),
        (claims(sub="a" * 129), "The token's subject is not a user id"),
        (claims(sub="a\nb"), "The token's subject is not a user id"),
        (claims(sub="a\x00b"), "The token's subject is not a user id"),
        (claims(sub="a\x85b"), "The token's subject is not a user id"),
        (claims(sub="\ud800"), "The token's subject is not a user id"),
    ],
    ids=repr,
)
def test_claims_that_do_not_hold_are_refused(refused: dict[str, Any], detail: str, source: Source) -> None:
    assert refusal(source.sign(refused), source.settings) == detail


def test_an_issuer_that_is_not_text_is_refused() -> None:
    token = jwt.PyJWS().encode(json.dumps(claims(iss=7)).encode(), SECRET, "HS256")
    settings = Settings(auth_secret=SECRET, auth_issuer=ISSUER)
    assert refusal(token, settings) == "The token is from another issuer"


def test_a_token_signed_with_another_key_is_refused(source: Source) -> None:
    assert refusal(source.forge(CLAIMS), source.settings) == "The token's signature does not match"


@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_token_changed_anywhere_is_refused(part: int, source: Source) -> None:
    parts = source.sign(CLAIMS).split(".")
    parts[part] = parts[part][:8] + ("A" if parts[part][8] != "A" else "B") + parts[part][9:]
    refusal(".".join(parts), source.settings)


@pytest.mark.parametrize(
    "algorithm", ["none", "None", "HS384", "HS512", "RS512", "PS256", "ES384", "", None, 1, ["RS256"]]
)
def test_other_algorithms_are_refused(algorithm: object, source: Source) -> None:
    header = {"alg": algorithm, "typ": "JWT", "kid": "key-0"}
    for signature in (b"", b"signature"):
        token = compact(header, CLAIMS, signature)
        assert refusal(token, source.settings) == "The token's algorithm is not accepted"


def test_a_token_that_names_no_algorithm_is_refused(source: Source) -> None:
    assert refusal(compact({"typ": "JWT"}), source.settings) == "The token's algorithm is not accepted"


def test_a_key_set_refuses_hs256_even_where_a_secret_is_set_too(issuer: Issuer) -> None:
    both = Settings(auth_jwks_url=issuer.url, auth_secret=SECRET)
    assert refusal(sign_secretly(CLAIMS), both) == "The token's algorithm is not accepted"
    assert verify(issuer.sign(CLAIMS), both, NOW).id == "ada"


def test_the_public_key_is_no_secret(issuer: Issuer) -> None:
    public = issuer.keys[0].private.public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    signing_input = f"{segment({'alg': 'HS256', 'kid': 'key-0'})}.{segment(CLAIMS)}"
    signature = jwt.get_algorithm_by_name("HS256").sign(signing_input.encode(), pem)
    settings = Settings(auth_jwks_url=issuer.url)
    assert refusal(f"{signing_input}.{segment(signature)}", settings) == "The token's algorithm is not accepted"


def test_a_secret_refuses_what_a_provider_signed(issuer: Issuer) -> None:
    settings = Settings(auth_secret=SECRET)
    assert refusal(issuer.sign(CLAIMS), settings) == "The token's algorithm is not accepted"
    assert issuer.fetches == 0


@pytest.mark.parametrize(
    "token",
    [
        "garbage",
        "..",
        "a.b",
        "a.b.c",
        "a.b.c.d.e",
        ".".join(["eyJhbGciOiJSU0EtT0FFUCJ9"] * 5),
        compact(b"\xff\xfe\x00"),
        compact(b"not json"),
        compact([]),
        compact("text"),
        compact(None),
        compact({"alg": "RS256", "kid": 7}),
        compact({"alg": "RS256", "kid": ["key-0"]}),
        compact({"alg": "RS256", "kid": None}),
        compact({"alg": "RS256", "crit": ["exp"], "exp": 1}),
        compact({"alg": "RS256", "crit": []}),
        compact({"alg": "RS256", "crit": "b64"}),
        compact({"alg": "RS256", "b64": False, "crit": ["b64"]}),
        compact({"alg": "RS256", "b64": False, "crit": ["b64"]}).replace(segment(CLAIMS), ""),
        compact(b'{"alg":' + b"[" * 5000),
        compact(b"[" * 3000 + b"]" * 3000),
        compact(b'{"alg":' + b"9" * 5000 + b"}"),
        compact({"alg": "HS256"}) + "=",
        compact({"alg": "HS256"}) + "\n",
        compact({"alg": "HS256"}) + "é",
        "eyJ\ud800.e30.e30",
        "٣.٣.٣",
    ],
    ids=lambda token: ascii(token)[:40],
)
def test_what_is_no_signed_jwt_is_refused(token: str, source: Source) -> None:
    assert refusal(token, source.settings) == "The token is not a signed JWT"


@pytest.mark.parametrize("payload", [b"not json", b"[]", b"\xff", b"[" * 5000, b'{"sub":' + b"9" * 5000 + b"}"])
def test_signed_claims_that_are_no_json_object_are_refused(payload: bytes) -> None:
    token = jwt.PyJWS().encode(payload, SECRET, "HS256")
    assert refusal(token, Settings(auth_secret=SECRET)) == "The token is malformed"


@pytest.mark.parametrize("header", [{"b64": True}, {"b64": True, "crit": ["b64"]}])
def test_extensions_are_refused(header: dict[str, Any], source: Source) -> None:
    token = compact({"alg": "HS256"} | header)
    assert refusal(token, source.settings) == "The token needs an extension that is not supported"


@pytest.mark.parametrize("kind", ["JWT", "jwt", "at+jwt", "application/at+jwt"])
def test_login_tokens_of_every_usual_kind_hold(kind: str, source: Source) -> None:
    token = source.sign(CLAIMS, typ=kind)
    assert verify(token, source.settings, NOW).id == "ada"


@pytest.mark.parametrize("kind", ["logout+jwt", "ticket+jwt", "dpop+jwt", "JWE", 7, ["JWT"], {}])
def test_tokens_of_another_kind_are_refused(kind: object, source: Source) -> None:
    token = compact({"alg": "HS256", "typ": kind})
    assert refusal(token, source.settings) == "The token is of another kind than is wanted here"


def test_a_ticket_is_no_login_token_even_with_the_same_secret() -> None:
    text, _ = tickets.issue("ada", "room", SECRET.encode(), NOW)
    detail = refusal(text, Settings(auth_secret=SECRET))
    assert detail == "The token is of another kind than is wanted here"


def test_a_token_may_be_8192_characters_long_and_no_longer() -> None:
    settings = Settings(auth_secret=SECRET)
    longest = next(token for size in range(6000) if len(token := sign_secretly(claims(pad="x" * size))) == 8192)
    assert verify(longest, settings, NOW).id == "ada"
    assert refusal(longest + "x", settings) == "The token is too large"


@untimed
@given(token=st.text() | st.from_regex(r"[\w.=-]{0,60}") | st.binary().map(lambda b: compact(b, b, b)))
def test_whatever_is_sent_is_refused_and_nothing_else_happens(token: str) -> None:
    refusal(token, Settings(auth_secret=SECRET))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@untimed
@given(
    header=st.dictionaries(st.sampled_from(["typ", "kid", "alg", "crit", "b64", "cty", "zip"]), json_values),
    changed=st.dictionaries(
        st.sampled_from([*CLAIMS, "nbf", "iat", "jti", "email", "picture", "cognito:groups"]), json_values
    ),
)
def test_any_json_in_a_signed_token_names_a_user_or_is_refused(header: dict[str, Any], changed: dict[str, Any]) -> None:
    signing_input = f"{segment({'alg': 'HS256'} | header)}.{segment(CLAIMS | changed)}"
    signature = jwt.get_algorithm_by_name("HS256").sign(signing_input.encode(), SECRET.encode())
    try:
        user = verify(f"{signing_input}.{segment(signature)}", Settings(auth_secret=SECRET), NOW)
    except UnauthorizedError:
        return
    assert 1 <= len(user.id) <= 128
    assert 1 <= len(user.name) <= 80
    json.dumps([user.id, user.name, user.avatar], ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("changed", "holds_until"),
    [({"exp": SECONDS}, NOW + 5_000), ({"exp": SECONDS + 0.25}, NOW + 5_250)],
)
def test_a_token_expires_five_seconds_late_to_the_millisecond(
    changed: dict[str, Any], holds_until: int, source: Source
) -> None:
    token = source.sign(claims(**changed))
    assert verify(token, source.settings, holds_until - 1).id == "ada"
    assert refusal(token, source.settings, holds_until) == "The token has expired"


@pytest.mark.parametrize("claim", ["nbf", "iat"])
def test_a_token_begins_five_seconds_early_to_the_millisecond(claim: str, source: Source) -> None:
    token = source.sign(claims(**{claim: SECONDS + 60}))
    assert verify(token, source.settings, NOW + 55_000).id == "ada"
    assert refusal(token, source.settings, NOW + 54_999) == "The token is not valid yet"


def test_one_audience_among_several_is_enough(source: Source) -> None:
    assert verify(source.sign(claims(aud=["another", AUDIENCE])), source.settings, NOW).id == "ada"


def test_issuer_and_audience_are_free_where_none_is_configured(source: Source) -> None:
    settings = replace(source.settings, auth_issuer="", auth_audience="")
    assert verify(source.sign(claims(iss="anyone", aud=["anything"])), settings, NOW).id == "ada"
    assert verify(source.sign(claims("iss", "aud")), settings, NOW).id == "ada"


def test_with_neither_source_every_call_is_refused_and_the_log_says_what_to_set(
    caplog: pytest.LogCaptureFixture,
) -> None:
    nothing = Settings()
    for header in (None, "Bearer x", f"Bearer {sign_secretly(CLAIMS)}", f"Bearer {compact({'alg': 'none'})}"):
        with pytest.raises(UnauthorizedError, match="Sign-in is not set up on this server"):
            authenticate(header, nothing, NOW)
    [record] = caplog.records
    assert record.levelno == logging.ERROR
    assert "Set AUTH_JWKS_URL or AUTH_SECRET" in record.message


def test_the_log_says_it_again_after_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    for now, said in [(NOW, 1), (NOW + 59_999, 1), (NOW + 60_000, 2), (NOW + 119_999, 2)]:
        refusal("", Settings(), now)
        assert len(caplog.records) == said


@pytest.mark.parametrize(
    "secret",
    [
        "x" * 31,
        "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcD\n-----END PUBLIC KEY-----",
        "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQ",
        '{"kty": "oct", "k": "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0"}',
    ],
)
def test_a_secret_that_protects_nothing_is_not_used(secret: str, caplog: pytest.LogCaptureFixture) -> None:
    signing_input = f"{segment({'alg': 'HS256'})}.{segment(CLAIMS)}"
    signature = jwt.get_algorithm_by_name("HS256").sign(signing_input.encode(), secret.encode())
    detail = refusal(f"{signing_input}.{segment(signature)}", Settings(auth_secret=secret))
    assert detail == "Sign-in is not set up on this server"
    [record] = caplog.records
    assert "AUTH_SECRET" in record.message
    assert secret not in record.message


def test_a_secret_of_32_bytes_is_enough() -> None:
    secret = "é" * 16
    assert verify(jwt.encode(CLAIMS, secret, "HS256"), Settings(auth_secret=secret), NOW).id == "ada"


def test_a_secret_of_any_bytes_that_the_environment_can_hold_works() -> None:
    raw = bytes(range(128, 192))
    secret = raw.decode("utf-8", "surrogateescape")
    assert verify(jwt.encode(CLAIMS, raw, "HS256"), Settings(auth_secret=secret), NOW).id == "ada"


@pytest.mark.parametrize("subject", ["x", "a" * 128, "auth0|5f7c8ec7c33c6c004bbafe82", "𝔞" * 128, "a b"])
def test_a_subject_is_taken_as_it_is(subject: str, source: Source) -> None:
    assert verify(source.sign(claims(sub=subject)), source.settings, NOW).id == subject


@pytest.mark.parametrize(
    ("given_names", "shown"),
    [
        ({"name": "Ada", "nickname": "countess"}, "Ada"),
        ({"preferred_username": "ada", "nickname": "countess"}, "ada"),
        ({"nickname": "countess", "cognito:username": "u1"}, "countess"),
        ({"cognito:username": "u1", "email": "ada@example.com"}, "u1"),
        ({"email": "ada@example.com"}, "ada"),
        ({"email": "@example.com"}, "Guest"),
        ({"email": 7}, "Guest"),
        ({}, "Guest"),
        ({"name": None, "nickname": "countess"}, "countess"),
        ({"name": ["Ada"], "nickname": "countess"}, "countess"),
        ({"name": " \t\n", "nickname": "countess"}, "countess"),
        ({"name": "\u200b\u200d\u202e", "nickname": "countess"}, "countess"),
        ({"name": "\u0301", "nickname": "countess"}, "countess"),
        ({"name": "  Ada Lovelace \n"}, "Ada Lovelace"),
        ({"name": "A\x00d\x1ba\x7f\x9f"}, "Ada"),
        ({"name": "A\ud800da"}, "Ada"),
        ({"name": "Zoe\u0308"}, "Zoë"),
        ({"name": "x" * 81}, "x" * 80),
        ({"name": "x" * 79 + " y"}, "x" * 79),
        ({"name": "👩‍💻"}, "👩‍💻"),
        ({"name": "<b>Ada</b>"}, "<b>Ada</b>"),
    ],
    ids=ascii,
)
def test_the_name_is_the_first_that_can_be_shown(given_names: dict[str, Any], shown: str) -> None:
    token = sign_secretly(claims("name") | given_names)
    assert verify(token, Settings(auth_secret=SECRET), NOW).name == shown


@pytest.mark.parametrize(
    ("pictures", "avatar"),
    [
        (
            {"avatar": "https://a.example/1.png", "picture": "https://b.example/2.png"},
            "https://a.example/1.png",
        ),
        ({"picture": "http://b.example"}, "http://b.example"),
        ({"picture": "HTTPS://b.example/?s=1#f"}, "HTTPS://b.example/?s=1#f"),
        ({"avatar": "/avatars/7.png"}, "/avatars/7.png"),
        ({"avatar": "javascript:alert(1)", "picture": "/avatars/7.png"}, "/avatars/7.png"),
        ({"avatar": "/" + "x" * 2047}, "/" + "x" * 2047),
        ({"avatar": "/" + "x" * 2048}, None),
        ({}, None),
        ({"avatar": None}, None),
        ({"avatar": ""}, None),
        ({"avatar": 7}, None),
        ({"avatar": {"url": "/a"}}, None),
        ({"avatar": "//evil.example/a.png"}, None),
        ({"avatar": "/\\evil.example/a.png"}, None),
        ({"avatar": "https:///a.png"}, None),
        ({"avatar": "https://"}, None),
        ({"avatar": "data:image/png;base64,AAAA"}, None),
        ({"avatar": "avatars/7.png"}, None),
        ({"avatar": "/a b"}, None),
        ({"avatar": "/a\n"}, None),
        ({"avatar": "/a\x00"}, None),
        ({"avatar": "/\ud800"}, None),
    ],
    ids=lambda value: ascii(value)[:50],
)
def test_the_avatar_is_an_address_or_nothing(pictures: dict[str, Any], avatar: str | None) -> None:
    token = sign_secretly(CLAIMS | pictures)
    assert verify(token, Settings(auth_secret=SECRET), NOW).avatar == avatar


@pytest.mark.parametrize(
    ("groups", "is_admin"),
    [
        ("admin", True),
        (["admin"], True),
        (["users", "admin"], True),
        ("users admin", True),
        ("users", False),
        ("administrators", False),
        ("ADMIN", False),
        ("users,admin", False),
        (["administrators", "admin "], False),
        ([["admin"]], False),
        ([], False),
        ("", False),
        (None, False),
        (True, False),
        (1, False),
        ({"admin": True}, False),
    ],
)
@pytest.mark.parametrize("claim", ["cognito:groups", "https://example.com/roles", "realm_access.roles"])
def test_an_admin_is_who_the_claim_says(claim: str, groups: object, is_admin: bool, source: Source) -> None:
    settings = replace(source.settings, auth_admin_claim=claim)
    assert verify(source.sign(CLAIMS | {claim: groups}), settings, NOW).is_admin is is_admin


def test_a_value_with_spaces_in_it_makes_an_admin_too() -> None:
    settings = Settings(auth_secret=SECRET, auth_admin_claim="role", auth_admin_value="room keeper")
    assert verify(sign_secretly(claims(role="room keeper")), settings, NOW).is_admin
    assert not verify(sign_secretly(claims(role="room")), settings, NOW).is_admin


def test_a_token_without_the_claim_is_no_admins(source: Source) -> None:
    assert not verify(source.sign(CLAIMS), source.settings, NOW).is_admin


def test_importing_is_cheap() -> None:
    slow = "{'jwt', 'cryptography', 'urllib3', 'http.client'}"
    program = f"import sys, chalicelib.auth, chalicelib.tickets; print({slow} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_keys_that_cannot_be_fetched_are_a_503_with_a_problem_body(issuer: Issuer) -> None:
    issuer.switch_off()
    with pytest.raises(AuthUnavailableError) as caught:
        authenticate(f"Bearer {issuer.sign(CLAIMS)}", Settings(auth_jwks_url=issuer.url), NOW)
    assert caught.value.problem() == {
        "type": "urn:coworking:error:auth_unavailable",
        "title": "Sign-in can't be checked for the moment",
        "status": 503,
        "detail": "Sign-in can't be checked for the moment",
        "code": "auth_unavailable",
    }


def test_an_unknown_key_is_refused(issuer: Issuer) -> None:
    settings = Settings(auth_jwks_url=issuer.url)
    assert refusal(issuer.sign(CLAIMS, kid="unheard-of"), settings) == "The token's key is not known"


def test_a_key_of_the_issuers_does_not_hold_for_another_algorithm(issuer: Issuer) -> None:
    issuer.publish(issuer.keys[0].jwk(), public_jwk(private_key("ES256", 0), kid="other"))
    token = jwt.encode(CLAIMS, private_key("ES256", 0), "ES256", {"kid": "key-0"})
    assert refusal(token, Settings(auth_jwks_url=issuer.url)) == "The token's key is not known"
