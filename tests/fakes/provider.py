"""An OpenID provider that people sign in with: authorization code with PKCE, for one public client."""

import base64
import hashlib
import html
import json
import secrets
import time
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.fakes.issuer import Answer, Issuer

CLIENT_ID = "coworking"
NAME = "https://id.example"
AUTHORIZE, TOKEN = "/authorize", "/token"
Fields = dict[str, str]


class Provider(Issuer):
    """Whoever comes to its page and says yes is `user`, for `lifetime` seconds.

    Browsers are to reach it as `https://id.example`; it listens where `Issuer` does.
    """

    def __init__(self) -> None:
        super().__init__()
        self.user: dict[str, Any] = {"sub": "ada|1", "name": "Ada"}
        self.lifetime = 600
        self.sign_ins = 0
        self._codes: dict[str, Fields] = {}

    def respond(self, method: str, target: str, body: bytes, /) -> Answer:
        address = urlsplit(target)
        if address.path == AUTHORIZE:
            return self._ask(_fields(address.query))
        if address.path == TOKEN:
            return self._preflight() if method == "OPTIONS" else self._exchange(_fields(body.decode()))
        return super().respond(method, target, body)

    def _ask(self, request: Fields) -> Answer:
        wanted = {"response_type": "code", "client_id": CLIENT_ID, "code_challenge_method": "S256"}
        missing = [name for name in ("redirect_uri", "state", "code_challenge") if not request.get(name)]
        if missing or not wanted.items() <= request.items() or "openid" not in request.get("scope", "").split():
            return 400, {}, f"This is no request for a sign-in: {request}".encode()
        code = secrets.token_urlsafe()
        self._codes[code] = request
        target = f"{request['redirect_uri']}?{urlencode({'code': code, 'state': request['state']})}"
        page = (
            f"<!doctype html><title>Sign in</title><link rel=icon href=data:,><a href='{html.escape(target)}'>Yes</a>"
        )
        return 200, {"Content-Type": "text/html"}, page.encode()

    def _preflight(self) -> Answer:
        return 204, {"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "*"}, b""

    def _exchange(self, form: Fields) -> Answer:
        headers = {"Content-Type": "application/json", "Access-Control-Allow-Origin": "*", "Cache-Control": "no-store"}
        request = self._codes.pop(form.get("code", ""), None)
        if request is None or not _proves(form, request):
            return 400, headers, json.dumps({"error": "invalid_grant"}).encode()
        self.sign_ins += 1
        token = self.sign(self.user | {"iss": NAME, "aud": CLIENT_ID, "exp": time.time() + self.lifetime})
        tokens = {"access_token": token, "id_token": token, "token_type": "Bearer", "expires_in": self.lifetime}
        return 200, headers, json.dumps(tokens).encode()


def _proves(form: Fields, request: Fields) -> bool:
    """Whether the exchange comes from whoever asked: RFC 7636, and RFC 6749 4.1.3."""
    digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    same = {name: request[name] for name in ("client_id", "redirect_uri")}
    wanted = same | {"grant_type": "authorization_code"}
    return challenge == request["code_challenge"] and wanted.items() <= form.items()


def _fields(text: str) -> Fields:
    return {name: values[0] for name, values in parse_qs(text).items()}
