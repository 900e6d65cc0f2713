"""A ticket opens a WebSocket for one user in one room, once, within a minute. Nobody else can make or change one."""

import re
from typing import Any

import jwt
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chalicelib.identity.tickets import USED_TICKETS, Ticket, issue_ticket, use_ticket, verify_ticket
from chalicelib.kernel.errors import UnauthorizedError
from tests.fakes.backend import MINUTE, SECOND, World

NOW = 1_800_000_000_123
KEY = b"the key that the tickets of these tests are signed with"
ROOM = "6f1c2f0e-3f4e-4a55-9b0b-0f5f5b1c9a77"
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.="
TICKET = {"aud": "socket", "sub": "ada", "room": ROOM, "jti": "1", "exp": NOW / 1000 + 60}

user_ids = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=128)
moments = st.integers(0, 4_000_000_000_000)


def issue(user_id: str = "ada") -> str:
    return issue_ticket(user_id, ROOM, KEY, NOW)[0]


def refusal(text: str, key: bytes = KEY, now: int = NOW) -> str:
    with pytest.raises(UnauthorizedError) as caught:
        verify_ticket(text, key, now)
    assert len(text) < 30 or text not in caught.value.detail
    return caught.value.detail


def signed(claims: dict[str, Any], key: Any = KEY, algorithm: str = "HS256", **header: Any) -> str:
    return jwt.encode(claims, key, algorithm, {"typ": "ticket+jwt"} | header)


@given(user_id=user_ids, room_id=st.uuids().map(str), now=moments)
def test_a_ticket_names_user_and_room_for_exactly_a_minute(user_id: str, room_id: str, now: int) -> None:
    text, expires_at = issue_ticket(user_id, room_id, KEY, now)
    assert expires_at == now + 60_000
    for moment in (now, expires_at - 1):
        ticket = verify_ticket(text, KEY, moment)
        assert ticket == Ticket(user_id, room_id, ticket.ticket_id, expires_at)
    assert refusal(text, now=expires_at) == "The ticket has expired"


def test_no_two_tickets_are_the_same() -> None:
    assert len({verify_ticket(issue(), KEY, NOW).ticket_id for _ in range(100)}) == 100


@given(user_id=user_ids)
def test_a_ticket_fits_into_a_url(user_id: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,2560}", issue(user_id))
    assert len(issue("2b1a6f0e-98f4-4a86-a0a4-2f0a4cf6a5d5")) <= 320, "it is short for an ordinary user"


@given(data=st.data())
def test_a_changed_ticket_is_refused(data: st.DataObject) -> None:
    text = issue()
    place = data.draw(st.integers(0, len(text)))
    replaced = data.draw(st.integers(0, 3))
    changed = text[:place] + data.draw(st.text(ALPHABET, max_size=3)) + text[place + replaced :]
    assume(changed != text)
    refusal(changed)


@pytest.mark.parametrize("added", ["=", "==", ".", "\n", " ", "A"])
def test_a_ticket_with_something_added_is_refused(added: str) -> None:
    text = issue()
    refusal(text + added)
    refusal(added + text)


@given(key=st.binary(min_size=32, max_size=64).filter(lambda key: key != KEY))
def test_another_key_is_refused(key: bytes) -> None:
    assert refusal(issue(), key) == "The ticket is not one of ours"


@given(text=st.text())
def test_any_other_text_is_refused(text: str) -> None:
    refusal(text)


def test_the_claims_of_these_tests_are_those_of_a_ticket() -> None:
    assert verify_ticket(signed(TICKET), KEY, NOW) == Ticket("ada", ROOM, "1", NOW + 60_000)


LOGIN = {"sub": "ada", "exp": NOW // 1000 + 600, "aud": "socket", "room": ROOM, "jti": "1"}
OTHERS = {
    **{f"without {claim}": signed({name: TICKET[name] for name in TICKET if name != claim}) for claim in TICKET},
    **{f"typ {typ}": signed(TICKET, typ=typ) for typ in ("JWT", "at+jwt", None, "ticket", ["ticket+jwt"])},
    "a login token with the same key": jwt.encode(LOGIN, KEY, "HS256"),
    "another audience": signed(TICKET | {"aud": "coworking"}),
    "HS384": signed(TICKET, algorithm="HS384"),
    "HS512": signed(TICKET, KEY * 2, "HS512"),
    "unsigned": signed(TICKET, None, "none"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_tokens_are_no_tickets(name: str) -> None:
    key = KEY * 2 if name == "HS512" else KEY
    assert refusal(OTHERS[name], key) == "The ticket is not one of ours"


def test_a_short_key_signs_nothing() -> None:
    with pytest.raises(jwt.InvalidKeyError):
        issue_ticket("ada", ROOM, b"x" * 31, NOW)


def test_a_ticket_opens_one_connection(store: World) -> None:
    tables = store.store

    assert use_ticket(tables, "t1", "c1", NOW)
    assert not use_ticket(tables, "t1", "c2", NOW + MINUTE)
    assert use_ticket(tables, "t2", "c2", NOW)
    assert use_ticket(tables, "t1", "c1", NOW + SECOND), "a retry of the same connection succeeds"
    used = tables.get(USED_TICKETS, "ticket#t1")
    assert used is not None
    assert used.expires_at >= (NOW + MINUTE) // 1000, "it is remembered for longer than tickets live"
