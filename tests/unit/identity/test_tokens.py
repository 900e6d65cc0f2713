"""Every kind of token that is refused, for each source of keys, and what is read from a valid token."""

import base64
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.identity.tickets import issue_ticket
from chalicelib.identity.tokens import Authenticator, User
from chalicelib.kernel.errors import UnauthorizedError
from chalicelib.kernel.settings import Settings
from tests.fakes.issuer import Issuer, private_key

NOW = 1_800_000_000_000
SECONDS = NOW // 1000
SECRET = "a secret that only the tests of this product know"
OTHER_SECRET = "another secret, which nobody has configured anywhere"
ISSUER = "https://login.example.com/"
AUDIENCE = "coworking"
CLAIMS = {"sub": "ada", "name": "Ada", "exp": SECONDS + 600, "iss": ISSUER, "aud": AUDIENCE}
GUEST = "Guest fdee"
LENIENT = Authenticator(Settings(auth_secret=SECRET))
"""Accepts any issuer and audience."""


@dataclass(frozen=True)
class Source:
    """The settings of a deployment, a way to sign tokens that it accepts, and a way to forge them."""

    settings: Settings
    sign: Callable[..., str]
    forge: Callable[[dict[str, Any]], str]


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with Issuer() as issuer:
        yield issuer


@pytest.fixture(autouse=True)
def _fresh_answers(issuer: Issuer) -> None:
    issuer.answer, issuer.fetches = None, 0
    issuer.switch_on()


@pytest.fixture(params=["RS256", "ES256", "HS256"], scope="module")
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


@pytest.fixture(scope="module")
def strict(source: Source) -> Authenticator:
    """Accepts the tokens of the source for one issuer and one audience."""
    return Authenticator(source.settings)


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


def signed_with(secret: str, header: object = None, payload: object = CLAIMS) -> str:
    """A token that PyJWT itself would refuse to sign."""
    signing_input = f"{segment(header or {'alg': 'HS256'})}.{segment(payload)}"
    signature = jwt.get_algorithm_by_name("HS256").sign(signing_input.encode(), secret.encode())
    return f"{signing_input}.{segment(signature)}"


def refusal(token: str, authenticator: Authenticator, now: int = NOW) -> str:
    with pytest.raises(UnauthorizedError) as caught:
        authenticator.verify(token, now)
    assert caught.value.status == 401
    assert len(token) < 30 or token not in caught.value.detail
    return caught.value.detail


def test_a_valid_token_names_the_user(source: Source, strict: Authenticator) -> None:
    token = source.sign(claims(picture="https://example.com/ada.png"))
    expected = User("ada", "Ada", "https://example.com/ada.png", is_admin=False)
    assert strict.verify(token, NOW) == expected
    for scheme in ("Bearer ", "bearer ", "BEARER ", "Bearer   ", " Bearer "):
        assert strict.authenticate(f"{scheme}{token} ", NOW) == expected


@pytest.mark.parametrize("header", [None, "", " ", "Bearer", "Bearer ", "Basic YWRhOmFkYQ==", "Token {}", "{}"])
def test_a_header_without_a_token_is_refused(header: str | None, source: Source, strict: Authenticator) -> None:
    with pytest.raises(UnauthorizedError, match="There is no token") as caught:
        strict.authenticate(header and header.format(source.sign(CLAIMS)), NOW)
    assert caught.value.headers() == {"WWW-Authenticate": "Bearer"}


def test_two_tokens_in_one_header_are_refused(source: Source, strict: Authenticator) -> None:
    token = source.sign(CLAIMS)
    with pytest.raises(UnauthorizedError, match="not a signed JWT"):
        strict.authenticate(f"Bearer {token}, Bearer {token}", NOW)


REFUSED_CLAIMS: dict[str, list[dict[str, Any]]] = {
    "The token has expired": [claims(exp=SECONDS - 6), claims(exp=-(10**30))],
    "The token is not valid yet": [claims(nbf=SECONDS + 60), claims(iat=SECONDS + 60)],
    "The token has no `exp`": [claims("exp"), claims(exp=None)],
    "The token's `exp` is not a number": [
        claims(exp=value) for value in ("1900000000", True, float("nan"), float("inf"), [SECONDS + 60])
    ],
    "The token's `nbf` is not a number": [claims(nbf=None)],
    "The token's `iat` is not a number": [claims(iat={})],
    "The token has no `iss`": [claims("iss")],
    "The token is from another issuer": [
        claims(iss=value) for value in ("https://login.example.org/", "https://login.example.com")
    ],
    "The token has no `aud`": [claims("aud"), claims(aud=[])],
    "The token is for another audience": [
        claims(aud=value) for value in ("another", ["another", "third"], {AUDIENCE: 1})
    ],
    "The token has no `sub`": [claims("sub"), claims(sub=None)],
    "The token's subject is not a user id": [
        claims(sub=value) for value in ("", 7, ["ada"], "a" * 129, "a\nb", "a\x00b", "a\x85b", "\ud800")
    ],
}


@pytest.mark.parametrize("detail", REFUSED_CLAIMS)
def test_wrong_claims_are_refused(detail: str, source: Source, strict: Authenticator) -> None:
    for refused in REFUSED_CLAIMS[detail]:
        assert refusal(source.sign(refused), strict) == detail, refused


def test_an_issuer_that_is_not_text_is_refused() -> None:
    token = jwt.PyJWS().encode(json.dumps(claims(iss=7)).encode(), SECRET, "HS256")
    authenticator = Authenticator(Settings(auth_secret=SECRET, auth_issuer=ISSUER))
    assert refusal(token, authenticator) == "The token is from another issuer"


def test_a_token_signed_with_another_key_is_refused(source: Source, strict: Authenticator) -> None:
    assert refusal(source.forge(CLAIMS), strict) == "The token's signature does not match"


@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_changed_token_is_refused(part: int, source: Source, strict: Authenticator) -> None:
    parts = source.sign(CLAIMS).split(".")
    parts[part] = parts[part][:8] + ("A" if parts[part][8] != "A" else "B") + parts[part][9:]
    refusal(".".join(parts), strict)


@pytest.mark.parametrize(
    "header",
    [
        *({"alg": name} for name in ("none", "None", "HS384", "HS512", "RS512", "PS256", "ES384", "")),
        *({"alg": value} for value in (None, 1, ["RS256"])),
        {},
    ],
    ids=repr,
)
def test_other_algorithms_are_refused(header: dict[str, Any], strict: Authenticator) -> None:
    for signature in (b"", b"signature"):
        token = compact({"typ": "JWT", "kid": "key-0"} | header, CLAIMS, signature)
        assert refusal(token, strict) == "The token's algorithm is not accepted"


def test_a_key_set_refuses_hs256_with_any_secret(issuer: Issuer) -> None:
    both = Authenticator(Settings(auth_jwks_url=issuer.url, auth_secret=SECRET))
    public = issuer.keys[0].private.public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    for token in (sign_secretly(CLAIMS), signed_with(pem.decode(), {"alg": "HS256", "kid": "key-0"})):
        assert refusal(token, both) == "The token's algorithm is not accepted"
    assert both.verify(issuer.sign(CLAIMS), NOW).id == "ada"


def test_a_secret_refuses_tokens_of_a_provider(issuer: Issuer) -> None:
    assert refusal(issuer.sign(CLAIMS), LENIENT) == "The token's algorithm is not accepted"
    assert issuer.fetches == 0


def test_the_key_set_is_kept_between_calls(issuer: Issuer) -> None:
    authenticator = Authenticator(Settings(auth_jwks_url=issuer.url))
    for _ in range(2):
        assert authenticator.verify(issuer.sign(CLAIMS), NOW).id == "ada"
    assert issuer.fetches == 1


@pytest.mark.parametrize(
    "token",
    [
        *("garbage", "..", "a.b", "a.b.c", "a.b.c.d.e", ".".join(["eyJhbGciOiJSU0EtT0FFUCJ9"] * 5)),
        *("eyJ\ud800.e30.e30", "٣.٣.٣"),
        *map(compact, ([], "text", None, b"\xff\xfe\x00", b"not json", b"[" * 3000 + b"]" * 3000)),
        *map(compact, (b'{"alg":' + b"[" * 5000, b'{"alg":' + b"9" * 5000 + b"}")),
        *(compact({"alg": "RS256", "kid": kid}) for kid in (7, ["key-0"], None)),
        *(compact({"alg": "RS256", "exp": 1, "crit": crit}) for crit in (["exp"], [], "b64")),
        compact({"alg": "RS256", "b64": False, "crit": ["b64"]}),
        compact({"alg": "RS256", "b64": False, "crit": ["b64"]}).replace(segment(CLAIMS), ""),
        *(compact({"alg": "HS256"}) + added for added in ("=", "\n", "é")),
    ],
    ids=lambda token: ascii(token)[:40],
)
def test_other_text_is_no_signed_jwt(token: str, strict: Authenticator) -> None:
    assert refusal(token, strict) == "The token is not a signed JWT"


@pytest.mark.parametrize("payload", [b"not json", b"[]", b"\xff", b"[" * 5000, b'{"sub":' + b"9" * 5000 + b"}"])
def test_signed_claims_must_be_a_json_object(payload: bytes) -> None:
    token = jwt.PyJWS().encode(payload, SECRET, "HS256")
    assert refusal(token, LENIENT) == "The token is malformed"


@pytest.mark.parametrize("header", [{"b64": True}, {"b64": True, "crit": ["b64"]}])
def test_extensions_are_refused(header: dict[str, Any], strict: Authenticator) -> None:
    assert refusal(compact({"alg": "HS256"} | header), strict) == "The token needs an extension that is not supported"


@pytest.mark.parametrize("kind", ["JWT", "jwt", "at+jwt", "application/at+jwt"])
def test_usual_kinds_of_login_tokens_are_accepted(kind: str, source: Source, strict: Authenticator) -> None:
    assert strict.verify(source.sign(CLAIMS, typ=kind), NOW).id == "ada"


@pytest.mark.parametrize("kind", ["logout+jwt", "ticket+jwt", "dpop+jwt", "JWE", 7, ["JWT"], {}])
def test_other_kinds_of_tokens_are_refused(kind: object, strict: Authenticator) -> None:
    token = compact({"alg": "HS256", "typ": kind})
    assert refusal(token, strict) == "The token is of another kind than is wanted here"


def test_a_ticket_is_no_login_token_even_with_the_same_secret() -> None:
    text, _ = issue_ticket("ada", "room", SECRET.encode(), NOW)
    assert refusal(text, LENIENT) == "The token is of another kind than is wanted here"


def test_a_token_has_at_most_8192_characters() -> None:
    longest = next(token for size in range(6000) if len(token := sign_secretly(claims(pad="x" * size))) == 8192)
    assert LENIENT.verify(longest, NOW).id == "ada"
    assert refusal(longest + "x", LENIENT) == "The token is too large"


@given(token=st.text() | st.from_regex(r"[\w.=-]{0,60}") | st.binary().map(lambda b: compact(b, b, b)))
def test_any_other_text_is_refused(token: str) -> None:
    refusal(token, LENIENT)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(
    header=st.dictionaries(st.sampled_from(["typ", "kid", "alg", "crit", "b64", "cty", "zip"]), json_values),
    changed=st.dictionaries(
        st.sampled_from([*CLAIMS, "nbf", "iat", "jti", "email", "picture", "cognito:groups"]), json_values
    ),
)
def test_any_json_names_a_user_or_is_refused(header: dict[str, Any], changed: dict[str, Any]) -> None:
    try:
        user = LENIENT.verify(signed_with(SECRET, {"alg": "HS256"} | header, CLAIMS | changed), NOW)
    except UnauthorizedError:
        return
    assert 1 <= len(user.id) <= 128
    assert 1 <= len(user.name) <= 80
    json.dumps([user.id, user.name, user.avatar], ensure_ascii=False).encode()


@pytest.mark.parametrize(("exp", "valid_until"), [(SECONDS, NOW + 5_000), (SECONDS + 0.25, NOW + 5_250)])
def test_a_token_expires_five_seconds_late(exp: float, valid_until: int, source: Source, strict: Authenticator) -> None:
    token = source.sign(claims(exp=exp))
    assert strict.verify(token, valid_until - 1).id == "ada"
    assert refusal(token, strict, valid_until) == "The token has expired"


@pytest.mark.parametrize("claim", ["nbf", "iat"])
def test_a_token_begins_five_seconds_early(claim: str, source: Source, strict: Authenticator) -> None:
    token = source.sign(claims(**{claim: SECONDS + 60}))
    assert strict.verify(token, NOW + 55_000).id == "ada"
    assert refusal(token, strict, NOW + 54_999) == "The token is not valid yet"


def test_one_audience_of_several_is_enough(source: Source, strict: Authenticator) -> None:
    assert strict.verify(source.sign(claims(aud=["another", AUDIENCE])), NOW).id == "ada"


def test_without_settings_any_issuer_and_audience_is_accepted(source: Source) -> None:
    authenticator = Authenticator(replace(source.settings, auth_issuer="", auth_audience=""))
    for free in (claims(iss="anyone", aud=["anything"]), claims("iss", "aud")):
        assert authenticator.verify(source.sign(free), NOW).id == "ada"


@pytest.mark.parametrize("missing", [{"auth_issuer": ""}, {"auth_audience": ""}], ids=["issuer", "audience"])
def test_a_strict_stage_needs_issuer_and_audience(
    missing: dict[str, Any], source: Source, caplog: pytest.LogCaptureFixture
) -> None:
    assert Authenticator(replace(source.settings, auth_strict=True)).verify(source.sign(CLAIMS), NOW).id == "ada"
    open_to_all = Authenticator(replace(source.settings, auth_strict=True, **missing))
    assert refusal(source.sign(CLAIMS), open_to_all) == "Sign-in is not set up on this server"
    assert "AUTH_ISSUER and AUTH_AUDIENCE" in caplog.text


def test_a_strict_stage_may_say_that_it_accepts_any(source: Source) -> None:
    strict = Authenticator(replace(source.settings, auth_strict=True, auth_audience="*"))
    for token in (source.sign(claims(aud="another")), source.sign(claims("aud"))):
        assert strict.verify(token, NOW).id == "ada"
    assert refusal(source.sign(claims(iss="another")), strict) == "The token is from another issuer"


def test_without_keys_every_call_is_refused_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    nothing = Authenticator(Settings())
    for header in (None, "Bearer x", f"Bearer {sign_secretly(CLAIMS)}", f"Bearer {compact({'alg': 'none'})}"):
        with pytest.raises(UnauthorizedError, match="Sign-in is not set up on this server"):
            nothing.authenticate(header, NOW)
    [record] = caplog.records
    assert record.levelno == logging.ERROR
    assert "Set AUTH_JWKS_URL or AUTH_SECRET" in record.message


def test_the_log_repeats_the_complaint_after_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    nothing = Authenticator(Settings())
    for now, count in [(NOW, 1), (NOW + 59_999, 1), (NOW + 60_000, 2), (NOW + 119_999, 2)]:
        refusal("", nothing, now)
        assert len(caplog.records) == count


@pytest.mark.parametrize(
    "secret",
    [
        "x" * 31,
        "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcD\n-----END PUBLIC KEY-----",
        "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQ",
        '{"kty": "oct", "k": "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0"}',
    ],
)
def test_an_unsafe_secret_is_not_used(secret: str, caplog: pytest.LogCaptureFixture) -> None:
    authenticator = Authenticator(Settings(auth_secret=secret))
    assert refusal(signed_with(secret), authenticator) == "Sign-in is not set up on this server"
    [record] = caplog.records
    assert "AUTH_SECRET" in record.message
    assert secret not in record.message


@pytest.mark.parametrize("raw", ["é".encode() * 16, bytes(range(128, 192))], ids=["32 bytes", "no UTF-8"])
def test_a_secret_is_any_32_bytes_of_the_environment(raw: bytes) -> None:
    authenticator = Authenticator(Settings(auth_secret=raw.decode("utf-8", "surrogateescape")))
    assert authenticator.verify(jwt.encode(CLAIMS, raw, "HS256"), NOW).id == "ada"


@pytest.mark.parametrize("subject", ["x", "a" * 128, "auth0|5f7c8ec7c33c6c004bbafe82", "𝔞" * 128, "a b"])
def test_a_user_id_is_the_subject_unchanged(subject: str, source: Source, strict: Authenticator) -> None:
    assert strict.verify(source.sign(claims(sub=subject)), NOW).id == subject


@pytest.mark.parametrize(
    ("given_names", "shown"),
    [
        ({"name": "Ada", "nickname": "countess"}, "Ada"),
        ({"preferred_username": "ada", "nickname": "countess"}, "ada"),
        ({"nickname": "countess", "cognito:username": "u1"}, "countess"),
        ({"cognito:username": "u1", "email": "ada@example.com"}, "u1"),
        ({"email": "ada@example.com"}, "ada"),
        ({"email": "@example.com"}, GUEST),
        ({"email": 7}, GUEST),
        ({}, GUEST),
        ({"name": "System"}, GUEST),
        ({"name": "Grace left the room. Linus", "nickname": "countess"}, "countess"),
        ({"name": None, "nickname": "countess"}, "countess"),
        ({"name": ["Ada"], "nickname": "countess"}, "countess"),
        ({"name": " \t\n", "nickname": "countess"}, "countess"),
        ({"name": "\u200b\u200d\u202e", "nickname": "countess"}, "countess"),
        ({"name": "\u0301", "nickname": "countess"}, "countess"),
        ({"name": "  Ada Lovelace \n"}, "Ada Lovelace"),
        ({"name": "A\x00d\x1ba\x7f\x9f"}, "Ada"),
        ({"name": "A\ud800da"}, "Ada"),
        ({"name": "A\u202ed\U000e0041a\nByron\u200b"}, "Ada Byron"),
        ({"name": "Zoe\u0308"}, "Zoë"),
        ({"name": "x" * 81}, "x" * 80),
        ({"name": "x" * 79 + " y"}, "x" * 79),
        ({"name": "👩‍💻"}, "👩‍💻"),
        ({"name": "<b>Ada</b>"}, "<b>Ada</b>"),
    ],
    ids=ascii,
)
def test_the_name_is_the_first_visible_one(given_names: dict[str, Any], shown: str) -> None:
    assert LENIENT.verify(sign_secretly(claims("name") | given_names), NOW).name == shown


def test_two_users_without_a_name_get_different_names() -> None:
    names = [LENIENT.verify(sign_secretly(claims("name", sub=sub)), NOW).name for sub in ("ada", "ben", "ada")]
    assert names == [GUEST, "Guest 6700", GUEST]


def test_the_configured_claim_names_the_user() -> None:
    authenticator = Authenticator(Settings(auth_secret=SECRET, auth_name_claim="https://example.com/shown"))
    for value, shown in (("Countess", "Countess"), (" ", "Ada"), (7, "Ada"), (None, "Ada")):
        token = sign_secretly(CLAIMS | {"https://example.com/shown": value})
        assert authenticator.verify(token, NOW).name == shown


@pytest.mark.parametrize(
    ("pictures", "avatar"),
    [
        ({"avatar": "https://a.example/1.png", "picture": "https://b.example/2.png"}, "https://a.example/1.png"),
        ({"picture": "http://b.example"}, "http://b.example"),
        ({"picture": "HTTPS://b.example/?s=1#f"}, "HTTPS://b.example/?s=1#f"),
        ({"avatar": "/avatars/7.png"}, "/avatars/7.png"),
        ({"avatar": "javascript:alert(1)", "picture": "/avatars/7.png"}, "/avatars/7.png"),
        ({"avatar": "/" + "x" * 2047}, "/" + "x" * 2047),
        ({}, None),
    ],
    ids=lambda value: ascii(value)[:50],
)
def test_the_avatar_is_the_first_web_address(pictures: dict[str, Any], avatar: str | None) -> None:
    assert LENIENT.verify(sign_secretly(CLAIMS | pictures), NOW).avatar == avatar


@pytest.mark.parametrize(
    "address",
    [
        *(
            "/" + "x" * 2048,
            "/" + "\u2603" * 683,
            None,
            "",
            7,
            {"url": "/a"},
            "//evil.example/a.png",
            "/\\evil.example/a.png",
        ),
        *("https:///a.png", "https://", "data:image/png;base64,AAAA", "avatars/7.png"),
        *("/a b", "/a\n", "/a\x00", "/\ud800"),
    ],
    ids=lambda value: ascii(value)[:50],
)
def test_other_avatars_are_ignored(address: object) -> None:
    assert LENIENT.verify(sign_secretly(CLAIMS | {"avatar": address}), NOW).avatar is None


@pytest.mark.parametrize("claim", ["cognito:groups", "https://example.com/roles", "realm_access.roles"])
def test_the_configured_claim_names_administrators(claim: str, source: Source) -> None:
    authenticator = Authenticator(replace(source.settings, auth_admin_claim=claim))
    for groups in ("admin", ["admin"], ["users", "admin"], "users admin"):
        assert authenticator.verify(source.sign(CLAIMS | {claim: groups}), NOW).is_admin, groups
    texts = ("users", "administrators", "ADMIN", "users,admin", "")
    for value in (*texts, ["administrators", "admin "], [["admin"]], [], None, True, 1, {"admin": True}):
        assert not authenticator.verify(source.sign(CLAIMS | {claim: value}), NOW).is_admin, value
    assert not authenticator.verify(source.sign(CLAIMS), NOW).is_admin


def test_the_administrators_value_may_have_spaces() -> None:
    settings = Settings(auth_secret=SECRET, auth_admin_claim="role", auth_admin_value="room keeper")
    users = [Authenticator(settings).verify(sign_secretly(claims(role=role)), NOW) for role in ("room keeper", "room")]
    assert [user.is_admin for user in users] == [True, False]


def test_an_unknown_key_is_refused(issuer: Issuer) -> None:
    authenticator = Authenticator(Settings(auth_jwks_url=issuer.url))
    assert refusal(issuer.sign(CLAIMS, kid="unheard-of"), authenticator) == "The token's key is not known"
