"""Who is calling: a JWT in, a `User` out.

Tokens are verified with the keys of an identity provider (`AUTH_JWKS_URL`: RS256 and ES256) or with a shared secret
(`AUTH_SECRET`: HS256). If both are set, the key set is used and HS256 is refused. If neither is set, every call is
refused, and the log says what to set.

Each fault of a token is a 401 with a general sentence that never repeats the token. Keys that can't be fetched
are a 503. Moments (`now`) are milliseconds since the epoch.
"""

import logging
import math
import re
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from chalicelib.identity.avatars import is_address
from chalicelib.identity.key_set import ALGORITHMS, KeySet
from chalicelib.kernel.errors import UnauthorizedError
from chalicelib.kernel.limits import Throttle
from chalicelib.kernel.names import clean_name
from chalicelib.kernel.settings import Settings

if TYPE_CHECKING:  # PyJWT imports cryptography, 30 ms and more: the first call with a token imports it
    from jwt import PyJWK

MAX_TOKEN = 8192
MAX_USER_ID = 128
LEEWAY = 5_000
"""The largest accepted difference between the issuer's clock and ours, in milliseconds."""

COMPLAINT_GAP = 60_000
"""The log says at most once in this many milliseconds that sign-in is not set up."""

_SECRET_ALGORITHMS = ("HS256",)
_LOGIN_KINDS = frozenset({"jwt", "at+jwt"})
_COMPACT = re.compile(r"[\w-]+\.[\w-]+\.[\w-]*", re.ASCII)
_NAME_CLAIMS = ("name", "preferred_username", "nickname", "cognito:username")
_NO_TEXT = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")

_REFUSED = {
    "InvalidSignatureError": "The token's signature does not match",
    "InvalidIssuerError": "The token is from another issuer",
    "InvalidAudienceError": "The token is for another audience",
    "InvalidSubjectError": "The token's subject is not a user id",
}
_NOTHING_SET = "Set AUTH_JWKS_URL or AUTH_SECRET: while neither is set, every call is answered 401"
_TOO_OPEN = "Set AUTH_ISSUER and AUTH_AUDIENCE (`*` for any): AUTH_STRICT refuses every call without them"
_ANY = ("", "*")
"""An issuer or an audience that is not checked."""
_UNUSABLE = (
    "AUTH_SECRET can't be used, so every call is answered 401: it needs 32 bytes or more, "
    "and must not be a public key or a certificate (those belong behind AUTH_JWKS_URL)"
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class User:
    """The caller, as the token names them."""

    id: str
    name: str
    avatar: str | None
    is_admin: bool


class Authenticator:
    """Verifies tokens with the settings of one deployment. It keeps the key set between calls."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._key_set = KeySet(settings.auth_jwks_url) if settings.auth_jwks_url else None
        self._complaints = Throttle()

    def authenticate(self, authorization_header: str | None, now: int) -> User:
        """The user named by the header `Authorization: Bearer <token>`.

        Raises:
            UnauthorizedError: there is no valid token.
            AuthUnavailableError: the keys that verify it can't be fetched.
        """
        scheme, _, token = (authorization_header or "").strip().partition(" ")
        return self.verify(token.strip() if scheme.lower() == "bearer" else "", now)

    def verify(self, token: str, now: int) -> User:
        """The user of a token (without the `Bearer` before it), once it is verified. Raises as `authenticate` does."""
        if not self._key_set and not self._settings.auth_secret:
            raise self._misconfigured(_NOTHING_SET, now)
        if self._settings.auth_strict and not (self._settings.auth_issuer and self._settings.auth_audience):
            raise self._misconfigured(_TOO_OPEN, now)
        if not token:
            raise UnauthorizedError("There is no token: send it as `Authorization: Bearer <token>`")
        header = read_header(token, _LOGIN_KINDS)
        claims = self._decode(token, header, now)
        _check_times(claims, now)
        return _make_user(claims, self._settings)

    def _decode(self, token: str, header: dict[str, Any], now: int) -> dict[str, Any]:
        import jwt

        issuer, audience = self._settings.auth_issuer, self._settings.auth_audience
        algorithms = ALGORITHMS if self._key_set else _SECRET_ALGORITHMS
        if header.get("alg") not in algorithms:
            raise UnauthorizedError("The token's algorithm is not accepted")
        try:
            return jwt.decode(
                token,
                self._find_key(header, now),
                algorithms=algorithms,
                issuer=None if issuer in _ANY else issuer,
                audience=None if audience in _ANY else audience,
                options={
                    "require": ["sub", "exp"],
                    "verify_aud": audience not in _ANY,
                    "enforce_minimum_key_length": True,
                    # PyJWT would read its own clock.
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except jwt.InvalidKeyError:
            raise self._misconfigured(_UNUSABLE, now) from None
        except jwt.MissingRequiredClaimError as error:
            raise UnauthorizedError(f"The token has no `{error.claim}`") from None
        except jwt.InvalidTokenError as error:
            raise UnauthorizedError(_REFUSED.get(type(error).__name__, "The token is malformed")) from None

    def _find_key(self, header: dict[str, Any], now: int) -> "PyJWK | bytes":
        if self._key_set:
            return self._key_set.find(header.get("kid"), header["alg"], now)
        return self._settings.auth_secret.encode("utf-8", "surrogateescape")

    def _misconfigured(self, problem: str, now: int) -> UnauthorizedError:
        """Tell the operator in the log, at most once a minute; the caller can do nothing about it."""
        if self._complaints.allow(problem, COMPLAINT_GAP, now):
            log.error(problem)
        return UnauthorizedError("Sign-in is not set up on this server")


def read_header(token: str, kinds: frozenset[str]) -> dict[str, Any]:
    """The unverified header of a token. Its `typ` (default `jwt`) must be one of `kinds`.

    Raises:
        UnauthorizedError: it is not a signed JWT, is of another kind, or needs extensions.
    """
    import jwt

    if len(token) > MAX_TOKEN:
        raise UnauthorizedError("The token is too large")
    # PyJWT accepts padding; we accept one spelling only.
    if not _COMPACT.fullmatch(token):
        raise UnauthorizedError("The token is not a signed JWT")
    try:
        header = jwt.get_unverified_header(token)
    except jwt.InvalidTokenError:
        raise UnauthorizedError("The token is not a signed JWT") from None
    if "crit" in header or "b64" in header:
        raise UnauthorizedError("The token needs an extension that is not supported")
    if str(header.get("typ", "jwt")).lower().removeprefix("application/") not in kinds:
        raise UnauthorizedError("The token is of another kind than is wanted here")
    return header


def _check_times(claims: dict[str, Any], now: int) -> None:
    if now >= _moment(claims, "exp") + LEEWAY:
        raise UnauthorizedError("The token has expired")
    for name in ("nbf", "iat"):
        if name in claims and now < _moment(claims, name) - LEEWAY:
            raise UnauthorizedError("The token is not valid yet")


def _moment(claims: dict[str, Any], name: str) -> float:
    value = claims[name]
    # Python reads Infinity and NaN as JSON numbers, and true is an int to it.
    if isinstance(value, bool) or not isinstance(value, int | float) or not -math.inf < value < math.inf:
        raise UnauthorizedError(f"The token's `{name}` is not a number")
    return value * 1000


def _make_user(claims: dict[str, Any], settings: Settings) -> User:
    user_id = _user_id(claims["sub"])
    return User(
        id=user_id,
        name=_name(claims, settings.auth_name_claim) or _guest(user_id),
        avatar=_avatar(claims),
        is_admin=_holds(claims.get(settings.auth_admin_claim), settings.auth_admin_value),
    )


def _user_id(subject: str) -> str:
    if not 1 <= len(subject) <= MAX_USER_ID or _NO_TEXT.search(subject):
        raise UnauthorizedError(_REFUSED["InvalidSubjectError"])
    return subject


def _name(claims: dict[str, Any], first_claim: str) -> str:
    """The first name that may be shown; empty if the token has none."""
    email = claims.get("email")
    candidates = [claims.get(claim) for claim in (first_claim, *_NAME_CLAIMS) if claim]
    candidates.append(email.partition("@")[0] if isinstance(email, str) else None)
    cleaned = (clean_name(text) for text in candidates if isinstance(text, str))
    return next((name for name in cleaned if name), "")


def _guest(user_id: str) -> str:
    """A name for a user whose token has none: people can tell two guests apart."""
    return f"Guest {sha256(user_id.encode()).hexdigest()[:4]}"


def _avatar(claims: dict[str, Any]) -> str | None:
    candidates = (claims.get("avatar"), claims.get("picture"))
    return next((address for address in candidates if _is_web_address(address)), None)


def _is_web_address(value: object) -> bool:
    return isinstance(value, str) and not _NO_TEXT.search(value) and is_address(value)


def _holds(claim: object, wanted: str) -> bool:
    """True if the claim has the wanted value. A claim is a list, one value, or values separated by spaces (OAuth)."""
    if isinstance(claim, str):
        return wanted == claim or wanted in claim.split()
    return isinstance(claim, list) and wanted in claim
