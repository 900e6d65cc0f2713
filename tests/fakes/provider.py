"""An OpenID provider that people sign in with: authorization code with PKCE, for one public client."""

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
Fields = dict[str, str]


class Provider(Issuer):
    """Whoever comes to its page and says yes is `user`, for `lifetime` seconds; it renews that where it `renews`.

    A browser believes to reach it as `https://id.example`, by the routes of `serve`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.user: dict[str, Any] = {"sub": "ada|1", "name": "Ada"}
        self.lifetime = 600
        self.renews = False
        self.grants: list[str] = []
        self._codes: dict[str, Fields] = {}
        self._renewals: set[str] = set()

    def respond(self, method: str, target: str, body: bytes, /) -> Answer:
        address = urlsplit(target)
        match address.path:
            case "/.well-known/openid-configuration":
                return self._describe()
            case "/authorize":
                return self._ask(_fields(address.query))
            case "/token":
                return self._exchange(_fields(body.decode()))
        return super().respond(method, target, body)

    def serve(self, context: BrowserContext) -> None:
        """Be there for the pages of a browser."""
        context.route(f"{NAME}/**", self._fulfill)

    def _fulfill(self, route: Route) -> None:
        request = route.request
        target = request.url.removeprefix(NAME)
        status, headers, body = self.respond(request.method, target, request.post_data_buffer or b"")
        route.fulfill(status=status, headers=headers, body=body)

    def _describe(self) -> Answer:
        addresses = {"authorization_endpoint": f"{NAME}/authorize", "token_endpoint": f"{NAME}/token"}
        return _answer(200, {"issuer": NAME, **addresses})

    def _ask(self, request: Fields) -> Answer:
        wanted = {"response_type": "code", "client_id": CLIENT_ID, "code_challenge_method": "S256"}
        missing = [name for name in ("redirect_uri", "state", "code_challenge") if not request.get(name)]
        if missing or not wanted.items() <= request.items() or "openid" not in request.get("scope", "").split():
            return _answer(400, {"error": "invalid_request"})
        code = secrets.token_urlsafe()
        self._codes[code] = request
        target = f"{request['redirect_uri']}?{urlencode({'code': code, 'state': request['state']})}"
        page = (
            f"<!doctype html><title>Sign in</title><link rel=icon href=data:,><a href='{html.escape(target)}'>Yes</a>"
        )
        return 200, {"Content-Type": "text/html"}, page.encode()

    def _exchange(self, form: Fields) -> Answer:
        if not self._is_granted(form):
            return _answer(400, {"error": "invalid_grant"})
        self.grants.append(form["grant_type"])
        token = self.sign(self.user | {"iss": NAME, "aud": CLIENT_ID, "exp": time.time() + self.lifetime})
        tokens = {"access_token": token, "id_token": token, "token_type": "Bearer", "expires_in": self.lifetime}
        if self.renews:
            self._renewals.add(renewal := secrets.token_urlsafe())
            tokens["refresh_token"] = renewal
        return _answer(200, tokens)

    def _is_granted(self, form: Fields) -> bool:
        """Codes and refresh tokens are good for once."""
        if form.get("grant_type") == "refresh_token":
            known = form.get("refresh_token") in self._renewals
            self._renewals.discard(form.get("refresh_token", ""))
            return known and form.get("client_id") == CLIENT_ID
        request = self._codes.pop(form.get("code", ""), None)
        return request is not None and _proves(form, request)


def _answer(status: int, body: Mapping[str, object]) -> Answer:
    return status, FOR_SCRIPTS, json.dumps(body).encode()


def _proves(form: Fields, request: Fields) -> bool:
    """Whether the exchange comes from whoever asked: RFC 7636, and RFC 6749 4.1.3."""
    digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    same = {name: request[name] for name in ("client_id", "redirect_uri")}
    wanted = same | {"grant_type": "authorization_code"}
    return challenge == request["code_challenge"] and wanted.items() <= form.items()


def _fields(text: str) -> Fields:
    return {name: values[0] for name, values in parse_qs(text).items()}
