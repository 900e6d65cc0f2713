"""Who is calling: tokens as clients send them, administrators, and how people want to be shown."""

import base64
import json
import time
import uuid

import jwt
import pytest

from tests.fakes.clients import ROOMS, Api, Caller, expect
from tests.integration.conftest import Deployment

ADMIN_CLAIM = "cognito:groups"
OTHER_SECRET = "not the secret of this stack, which nobody knows, but one that is long enough for any algorithm"


def sign(api: Api, **claims: object) -> str:
    """A token as the stack's own issuer would sign it."""
    secret = (api.stack.data_dir / "auth-secret").read_text()
    ordinary: dict[str, object] = {"sub": f"ada|{uuid.uuid4()}", "exp": time.time() + 600}
    return jwt.encode(
        {name: value for name, value in (ordinary | claims).items() if value is not None}, secret, "HS256"
    )


def unsigned(**claims: object) -> str:
    parts = [{"alg": "none", "typ": "JWT"}, {"sub": "ada", "exp": time.time() + 600} | claims]
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."


def refusal(caller: Caller) -> str:
    """The sentence with which a call is refused."""
    answer = caller.get("/coworking/me")
    problem = expect(401, answer)
    assert problem["code"] == "unauthorized"
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    if caller.token:
        assert caller.token not in answer.text
    return str(problem["detail"])


def test_without_a_token_one_is_told_how_to_send_it(api: Api) -> None:
    assert refusal(api.nobody) == "There is no token: send it as `Authorization: Bearer <token>`"


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Basic YTpi", "Token x", "Bearer: {}", "{}", "Digest {}", "bearer,{}"]
)
def test_a_header_in_another_form_is_no_token(api: Api, header: str) -> None:
    answer = api.nobody.get("/coworking/me", headers={"Authorization": header.format(sign(api))})
    assert expect(401, answer)["detail"].startswith("There is no token")


@pytest.mark.parametrize("header", ["Bearer {}", "bearer {}", "BEARER {}", "Bearer   {}"])
def test_the_scheme_is_read_in_any_case(api: Api, header: str) -> None:
    answer = api.nobody.get("/coworking/me", headers={"Authorization": header.format(sign(api))})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"exp": time.time() - 3600}, "The token has expired"),
        ({"exp": None}, "The token has no `exp`"),
        ({"exp": "tomorrow"}, "The token's `exp` is not a number"),
        ({"nbf": time.time() + 3600}, "The token is not valid yet"),
        ({"sub": None}, "The token has no `sub`"),
        ({"sub": ""}, "The token's subject is not a user id"),
        ({"sub": "x" * 129}, "The token's subject is not a user id"),
        ({"sub": "a\x00b"}, "The token's subject is not a user id"),
    ],
)
def test_a_token_that_does_not_hold_is_refused_with_the_reason(api: Api, claims: dict[str, object], said: str) -> None:
    assert refusal(api.bearer(sign(api, **claims))) == said


@pytest.mark.parametrize(
    ("token", "said"),
    [
        ("x", "The token is not a signed JWT"),
        ("a.b.c", "The token is not a signed JWT"),
        ("a" * 9000, "The token is too large"),
        (unsigned(), "The token's algorithm is not accepted"),
        (jwt.encode({"sub": "ada", "exp": 2**40}, OTHER_SECRET, "HS256"), "The token's signature does not match"),
        (jwt.encode({"sub": "ada", "exp": 2**40}, OTHER_SECRET, "HS512"), "The token's algorithm is not accepted"),
    ],
    ids=["a word", "three words", "too long", "unsigned", "another secret", "another algorithm"],
)
def test_what_is_no_token_of_ours_is_refused(api: Api, token: str, said: str) -> None:
    assert refusal(api.bearer(token)) == said


def test_a_changed_token_is_refused(api: Api) -> None:
    header, _, signature = sign(api).split(".")
    payload = unsigned(sub="eve").split(".")[1]
    assert refusal(api.bearer(f"{header}.{payload}.{signature}")) == "The token's signature does not match"


def test_a_ticket_is_no_token(api: Api) -> None:
    ada = api.person()
    ticket = ada.join(ada.make_room()["id"])["websocket"]["ticket"]
    assert refusal(api.bearer(ticket)) == "The token is of another kind than is wanted here"


def test_a_token_in_the_query_is_no_token_over_http(api: Api) -> None:
    assert api.nobody.get(f"{ROOMS}?token={sign(api)}").status_code == 401


@pytest.mark.parametrize(
    ("claim", "is_admin"),
    [
        ("admin", True),
        (["admin"], True),
        (["staff", "admin"], True),
        ("staff admin", True),
        ("administrator", False),
        ("Admin", False),
        (["staff"], False),
        ([["admin"]], False),
        ({"admin": True}, False),
        (True, False),
        ("", False),
        (None, False),
    ],
)
def test_administrators_are_named_by_a_claim(api: Api, claim: object, is_admin: bool) -> None:
    answer = api.bearer(sign(api, **{ADMIN_CLAIM: claim})).patch(f"/coworking/admin/rooms/{uuid.uuid4()}/status")
    assert answer.status_code == (404 if is_admin else 403)


@pytest.mark.parametrize(("roles", "is_admin"), [("owners", True), (["x", "owners"], True), (["admin"], False)])
def test_the_claim_and_its_value_are_configurable(deployment: Deployment, roles: object, is_admin: bool) -> None:
    for claim, allowed in (("roles", is_admin), (ADMIN_CLAIM, False)):
        caller = deployment.api.bearer(deployment.sign(sub="ada", **{claim: roles}))
        answer = caller.patch(f"/coworking/admin/rooms/{uuid.uuid4()}/status")
        assert answer.status_code == (404 if allowed else 403)


def test_a_token_of_the_identity_provider_is_accepted(deployment: Deployment) -> None:
    ada = deployment.person("Ada")
    assert expect(200, ada.get("/coworking/me")) == {"id": ada.id, "name": "Ada", "avatar": None}


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"iss": "https://other.example"}, "The token is from another issuer"),
        ({"iss": None}, "The token has no `iss`"),
        ({"aud": "something else"}, "The token is for another audience"),
        ({"aud": None}, "The token has no `aud`"),
        ({"exp": time.time() - 3600}, "The token has expired"),
    ],
)
def test_a_token_for_somebody_else_is_refused(deployment: Deployment, claims: dict[str, object], said: str) -> None:
    assert refusal(deployment.api.bearer(deployment.sign(**claims))) == said


def test_where_there_is_a_key_set_a_shared_secret_counts_for_nothing(deployment: Deployment) -> None:
    token = sign(deployment.api, iss="https://id.example", aud="coworking")
    assert refusal(deployment.api.bearer(token)) == "The token's algorithm is not accepted"


def test_a_key_that_is_not_published_opens_nothing(deployment: Deployment) -> None:
    claims = {"sub": "ada", "iss": "https://id.example", "aud": "coworking", "exp": time.time() + 600}
    token = deployment.issuer.keys[-1].sign(claims, kid="another")
    assert refusal(deployment.api.bearer(token)) == "The token's key is not known"


@pytest.mark.parametrize(
    ("claims", "name", "avatar"),
    [
        ({"name": "Ada Lovelace", "picture": "https://x.example/a.png"}, "Ada Lovelace", "https://x.example/a.png"),
        ({"preferred_username": "ada"}, "ada", None),
        ({"email": "ada@example.com"}, "ada", None),
        ({"name": "  "}, "Guest", None),
        ({"name": 5, "picture": "javascript:alert(1)"}, "Guest", None),
        ({"name": "x" * 200}, "x" * 80, None),
        ({}, "Guest", None),
    ],
)
def test_people_are_shown_as_their_token_says(
    api: Api, claims: dict[str, object], name: str, avatar: str | None
) -> None:
    me = expect(200, api.bearer(sign(api, **claims)).get("/coworking/me"))
    assert set(me) == {"id", "name", "avatar"}
    assert (me["name"], me["avatar"]) == (name, avatar)


def test_people_are_shown_as_they_chose(api: Api) -> None:
    ada = api.person("Ada", avatar="/a.png")
    chosen = {"id": ada.id, "name": "Countess", "avatar": "https://x.example/c.png"}
    assert expect(200, ada.put("/coworking/me", {"name": "Countess", "avatar": chosen["avatar"]})) == chosen
    assert expect(200, ada.get("/coworking/me")) == chosen


@pytest.mark.parametrize("body", [{"name": "Countess"}, {"name": "Countess", "avatar": None}])
def test_an_avatar_that_is_left_out_is_gone(api: Api, body: dict[str, object]) -> None:
    ada = api.person("Ada", avatar="/a.png")
    assert expect(200, ada.put("/coworking/me", body))["avatar"] is None
    assert expect(200, ada.get("/coworking/me"))["avatar"] is None


def test_a_choice_shows_from_the_next_join_on(api: Api) -> None:
    ada = api.person("Ada")
    room = ada.make_room()["id"]
    assert ada.join(room)["room"]["participants"][0]["name"] == "Ada"
    ada.put("/coworking/me", {"name": "Countess", "avatar": "/c.png"})
    assert ada.see(room)["participants"][0]["name"] == "Ada"
    ada.leave(room)
    joined = ada.join(room)["room"]
    assert (joined["participants"][0]["name"], joined["participants"][0]["avatar"]) == ("Countess", "/c.png")
    said = ada.say(room, "hello")
    assert (said["user"], said["avatar"]) == ("Countess", "/c.png")
    assert [message["text"] for message in joined["messages"]] == [
        "Ada joined the room",
        "Ada left the room",
        "Countess joined the room",
    ]


def test_a_choice_is_ones_own(api: Api) -> None:
    ada, ben = api.person("Ada"), api.person("Ben")
    ada.put("/coworking/me", {"name": "Ben's boss", "id": ben.id})
    assert expect(200, ben.get("/coworking/me"))["name"] == "Ben"
