"""An OpenID provider for sign-in: the authorization code flow with PKCE, for one public client."""

import base64
import hashlib
import html
import json
import secrets
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from playwright.sync_api import BrowserContext, Route

from tests.fakes.issuer import Answer, Issuer

CLIENT_ID = "coworking"
NAME = "https://id.example"
FOR_SCRIPTS = {"Content-Type": "application/json", "Access-Control-Allow-Origin": "*", "Cache-Control": "no-store"}
LIFETIME = 600
Fields = dict[str, str]


class Provider(Issuer):
    """Signs in every visitor as `user`, for ten minutes, after a click on "Yes".

    `serve` routes `https://id.example` in a browser to it. With `refreshes`, it also gives refresh tokens. Each of
    them works once.
    """

    def __init__(self) -> None:
        super().__init__()
        self.user: dict[str, Any] = {"sub": "ada|1", "name": "Ada"}
        self.sign_ins = 0
        self.refreshes = False
        self._refresh_token = ""
        self._codes: dict[str, Fields] = {}

    def respond(self, method: str, target: str, body: bytes, /) -> Answer:
        address = urlsplit(target)
        match address.path:
            case "/authorize":
                return self._ask(_fields(address.query))
            case "/token":
                return self._exchange(_fields(body.decode()))
        return super().respond(method, target, body)

    def serve(self, context: BrowserContext) -> None:
        """Answer the requests of a browser to `https://id.example`."""
        context.route(f"{NAME}/**", self._fulfill)

    def _fulfill(self, route: Route) -> None:
        request = route.request
        target = request.url.removeprefix(NAME)
        status, headers, body = self.respond(request.method, target, request.post_data_buffer or b"")
        route.fulfill(status=status, headers=headers, body=body)

    def token(self, claims: Mapping[str, Any]) -> str:
        return self.sign({**claims, "iss": NAME, "aud": CLIENT_ID, "exp": time.time() + LIFETIME})

    def _ask(self, request: Fields) -> Answer:
        wanted = {"response_type": "code", "client_id": CLIENT_ID, "code_challenge_method": "S256"}
        missing = [name for name in ("redirect_uri", "state", "code_challenge") if not request.get(name)]
        if missing or not wanted.items() <= request.items() or "openid" not in request.get("scope", "").split():
            return _answer(400, {"error": "invalid_request"})
        code = secrets.token_urlsafe()
        self._codes[code] = request
        answers = {"Yes": {"code": code}, "No": {"error": "access_denied", "error_description": "You said no"}}
        links = "".join(_link(name, request, answer) for name, answer in answers.items())
        page = f"<!doctype html><title>Sign in</title><link rel=icon href=data:,>{links}"
        return 200, {"Content-Type": "text/html"}, page.encode()

    def _exchange(self, form: Fields) -> Answer:
        if not self._has_grant(form):
            return _answer(400, {"error": "invalid_grant"})
        token = self.token(self.user)
        answer = {"access_token": token, "id_token": token, "token_type": "Bearer", "expires_in": LIFETIME}
        if self.refreshes:
            self._refresh_token = answer["refresh_token"] = secrets.token_urlsafe()
        return _answer(200, answer)

    def _has_grant(self, form: Fields) -> bool:
        if form.get("grant_type") == "refresh_token":
            return self._refresh_token != "" and form == {
                "grant_type": "refresh_token",
                "refresh_token": self._refresh_token,
                "client_id": CLIENT_ID,
            }
        request = self._codes.pop(form.get("code", ""), None)
        if request is None or not _proves(form, request):
            return False
        self.sign_ins += 1
        return True


def _answer(status: int, body: Mapping[str, object]) -> Answer:
    return status, FOR_SCRIPTS, json.dumps(body).encode()


def _link(name: str, request: Fields, answer: Fields) -> str:
    target = f"{request['redirect_uri']}?{urlencode(answer | {'state': request['state']})}"
    return f"<a href='{html.escape(target)}'>{name}</a> "


def _proves(form: Fields, request: Fields) -> bool:
    """True if the client that started the sign-in sent this form: RFC 7636, and RFC 6749 4.1.3."""
    digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    same = {name: request[name] for name in ("client_id", "redirect_uri")}
    wanted = same | {"grant_type": "authorization_code"}
    return challenge == request["code_challenge"] and wanted.items() <= form.items()


def _fields(text: str) -> Fields:
    return {name: values[0] for name, values in parse_qs(text).items()}
