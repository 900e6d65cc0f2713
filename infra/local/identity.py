"""Local sign-in: tokens for any name, signed with the secret of this stack. Never deployed."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated

import jwt
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from infra.local.rest import reject

LIFETIME = timedelta(hours=24)


class TokenRequest(BaseModel):
    """The claims that the caller wants."""

    model_config = ConfigDict(extra="forbid")

    sub: Annotated[str, Field(min_length=1, max_length=128)]
    name: Annotated[str, Field(min_length=1, max_length=80)] | None = None
    avatar: Annotated[str, Field(max_length=2048)] | None = None
    roles: list[str] = []


class Identity:
    """Issues tokens that the functions accept with the settings in `environment`."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._secret = environment["AUTH_SECRET"]
        self._roles_claim = environment.get("AUTH_ADMIN_CLAIM") or "cognito:groups"
        configured = {"iss": environment.get("AUTH_ISSUER"), "aud": environment.get("AUTH_AUDIENCE")}
        self._claims = {name: value for name, value in configured.items() if value}

    async def issue(self, request: Request) -> Response:
        """`POST /dev/token`."""
        try:
            wanted = TokenRequest.model_validate_json(await request.body())
        except ValidationError as error:
            return reject(error)
        now = datetime.now(UTC)
        expires_at = now + LIFETIME
        token = jwt.encode(self.claims(wanted) | {"iat": now, "exp": expires_at}, self._secret, "HS256")
        stamp = expires_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return JSONResponse({"token": token, "expires_at": stamp})

    def claims(self, wanted: TokenRequest) -> dict[str, object]:
        """The claims of a token."""
        given = {"name": wanted.name, "picture": wanted.avatar, self._roles_claim: wanted.roles}
        return self._claims | {"sub": wanted.sub} | {name: value for name, value in given.items() if value}
