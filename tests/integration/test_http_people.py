"""Who calls: tokens, administrators and profiles over HTTP. The unit tests of `auth` have every form of a token."""

import time
import uuid

import jwt
import pytest

from tests.fakes.clients import ROOMS, Api, Caller, expect
from tests.integration.conftest import Deployment

ADMIN_CLAIM = "cognito:groups"


def sign(api: Api, **claims: object) -> str:
    """A token as the stack's own issuer would sign it."""
    secret = (api.stack.data_dir / "auth-secret").read_text()
    ordinary: dict[str, object] = {"sub": f"ada|{uuid.uuid4()}", "exp": time.time() + 600}
    return jwt.encode(
        {name: value for name, value in (ordinary | claims).items() if value is not None}, secret, "HS256"
    )


def refusal(caller: Caller) -> str:
    """The sentence with which a call is refused."""
    answer = caller.get("/coworking/me")
    problem = expect(401, answer)
    assert problem["code"] == "unauthorized"
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    if caller.token:
        assert caller.token not in answer.text
    return str(problem["detail"])


def test_without_a_token_the_answer_says_how_to_send_it(api: Api) -> None:
    assert refusal(api.nobody) == "There is no token: send it as `Authorization: Bearer <token>`"


def test_an_invalid_token_is_refused_with_the_reason(api: Api) -> None:
    ada = api.person()
    for token, said in (
        (sign(api, exp=time.time() - 3600), "The token has expired"),
        (sign(api).rpartition(".")[0] + ".c2lnbmF0dXJl", "The token's signature does not match"),
        (ada.join(ada.make_room()["id"])["websocket"]["ticket"], "The token is of another kind than is wanted here"),
    ):
        assert refusal(api.bearer(token)) == said


def test_me_is_who_the_token_names(api: Api) -> None:
    token = sign(api, sub="auth0|ada", name="Ada Lovelace", picture="https://x.example/a.png")
    me = {"id": "auth0|ada", "name": "Ada Lovelace", "avatar": "https://x.example/a.png"}
    assert expect(200, api.bearer(token).get("/coworking/me")) == me


def test_a_token_in_the_query_does_not_count_over_http(api: Api) -> None:
    assert api.nobody.get(f"{ROOMS}?token={sign(api)}").status_code == 401


@pytest.mark.parametrize(("roles", "is_admin"), [("owners", True), (["x", "owners"], True), (["admin"], False)])
def test_the_admin_claim_and_its_value_are_configurable(deployment: Deployment, roles: object, is_admin: bool) -> None:
    for claim, allowed in (("roles", is_admin), (ADMIN_CLAIM, False)):
        caller = deployment.api.bearer(deployment.sign(sub="ada", **{claim: roles}))
        answer = caller.patch(f"/coworking/admin/rooms/{uuid.uuid4()}/status")
        assert answer.status_code == (404 if allowed else 403)


def test_a_token_of_the_identity_provider_is_accepted(deployment: Deployment) -> None:
    ada = deployment.person("Ada")
    assert expect(200, ada.get("/coworking/me")) == {"id": ada.id, "name": "Ada", "avatar": None}


def test_a_profile_replaces_what_the_token_says(api: Api) -> None:
    ada = api.person("Ada", avatar="/a.png")
    chosen = {"id": ada.id, "name": "Countess", "avatar": "https://x.example/c.png"}
    assert expect(200, ada.put("/coworking/me", {"name": "Countess", "avatar": chosen["avatar"]})) == chosen
    assert expect(200, ada.get("/coworking/me")) == chosen


@pytest.mark.parametrize("body", [{"name": "Countess"}, {"name": "Countess", "avatar": None}])
def test_leaving_out_the_avatar_removes_it(api: Api, body: dict[str, object]) -> None:
    ada = api.person("Ada", avatar="/a.png")
    assert expect(200, ada.put("/coworking/me", body))["avatar"] is None
    assert expect(200, ada.get("/coworking/me"))["avatar"] is None


def test_a_profile_changes_only_its_owner(api: Api) -> None:
    ada, ben = api.person("Ada"), api.person("Ben")
    ada.put("/coworking/me", {"name": "Ben's boss", "id": ben.id})
    assert expect(200, ben.get("/coworking/me"))["name"] == "Ben"
