"""Users over HTTP: tokens, profiles, seats and messages. The unit tests cover the rules of each."""

import time
import uuid

import jwt
import pytest

from tests.fakes.clients import ROOMS, Api, expect

ME = "/coworking/me"
NO_TOKEN = "There is no token: send it as `Authorization: Bearer <token>`"
UUID = "519062fe-1a0c-43dc-963f-733d2a1af0d4"


def sign(api: Api, **claims: object) -> str:
    """A token with these claims, signed with the secret of the stack."""
    secret = (api.stack.data_dir / "auth-secret").read_text()
    return jwt.encode({"sub": f"ada|{uuid.uuid4()}", "exp": time.time() + 600} | claims, secret, "HS256")


def test_a_refused_token_is_answered_with_the_reason(api: Api) -> None:
    ada = api.person()
    for token, reason in (
        (None, NO_TOKEN),
        (sign(api, exp=time.time() - 3600), "The token has expired"),
        (sign(api).rpartition(".")[0] + ".c2lnbmF0dXJl", "The token's signature does not match"),
        (ada.join(ada.make_room()["id"])["websocket"]["ticket"], "The token is of another kind than is wanted here"),
    ):
        answer = api.bearer(token).get(ME)
        assert expect(401, answer)["detail"] == reason
        assert token is None or token not in answer.text
    in_the_query = api.nobody.get(f"{ROOMS}?token={sign(api)}")
    assert expect(401, in_the_query)["detail"] == NO_TOKEN


def test_a_profile_replaces_what_its_owners_token_says(api: Api) -> None:
    ada, ben = api.person("Ada", avatar="/a.png"), api.person("Ben")
    me = {"id": ada.id, "name": "Ada", "avatar": "/a.png"}
    assert expect(200, ada.get(ME)) == me
    for sent in ({"name": "Countess", "avatar": "/c.png"}, {"name": "Countess", "id": ben.id}):
        chosen = {"id": ada.id, "name": "Countess", "avatar": sent.get("avatar")}
        assert expect(200, ada.put(ME, sent)) == expect(200, ada.get(ME)) == chosen
    assert expect(200, ben.get(ME))["name"] == "Ben"


def test_each_call_of_a_visit_is_answered_and_shown(api: Api) -> None:
    ada = api.person()
    room = ada.make_room()["id"]
    joined, again = ada.join(room), ada.join(room)
    for answer in (joined, again):
        assert answer.pop("websocket_url") == answer["websocket"]["url"]
    assert joined.pop("websocket").keys() == again.pop("websocket").keys() == {"url", "ticket", "expires_at"}
    assert joined == {"success": True, "message": "Joined room successfully", "room": ada.see(room)}
    assert again == joined | {"message": "Already in this room"}
    for path, change in (
        ("mic-toggle", {"is_muted": False}),
        ("speaking", {"is_speaking": True}),
        ("speaking", {"is_speaking": False}),
        ("mic-toggle", {"is_muted": True}),
    ):
        assert expect(200, ada.put(f"{ROOMS}/{room}/{path}", change)) == {"success": True} | change
        (shown,) = ada.see(room)["participants"]
        assert shown.items() >= change.items()
    assert ada.leave(room) == {"success": True, "message": "Left room successfully"}
    assert ada.see(room)["participants"] == []


@pytest.mark.parametrize("user_id", ["x", "auth0|5f7c", "a/b c", "😀" * 32, "x" * 128, "#", UUID])
def test_a_user_id_is_an_opaque_string(api: Api, user_id: str) -> None:
    person = api.bearer(api.stack.token(user_id, "Ada"), user_id, "Ada")
    room = api.person().make_room()["id"]
    person.join(room)
    person.say(room, "hello", f"key {uuid.uuid4()}")
    shown = person.see(room)
    assert [one["id"] for one in shown["participants"]] == [shown["messages"][-1]["user_id"]] == [user_id]
    person.leave(room)


def test_history_is_a_part_of_the_log_oldest_first(api: Api) -> None:
    ada = api.person()
    room = ada.make_room()["id"]
    ada.join(room)
    for number in range(11):
        ada.say(room, str(number))
    for query, seqs, has_more in (
        ({}, range(1, 13), False),
        ({"limit": 1}, [12], True),
        ({"before_seq": 9007199254740991, "limit": 2}, [11, 12], True),
        ({"after_seq": 9007199254740991}, [], False),
        ({"after_seq": 3, "before_seq": 9, "limit": 2}, [4, 5], True),
    ):
        history = ada.history(room, **query)
        assert [message["seq"] for message in history.pop("messages")] == list(seqs)
        assert history == {"has_more": has_more}


def test_a_message_may_be_typed_as_an_emoji(api: Api) -> None:
    ada = api.person()
    room = ada.make_room()["id"]
    ada.join(room)
    said = expect(200, ada.post(f"{ROOMS}/{room}/messages", {"message": "👍", "message_type": "emoji"}))
    assert (said["type"], said["text"]) == ("emoji", "👍")
