"""A ticket opens a WebSocket for one user in one room within a minute, and cannot be made or changed by others."""

import re
from typing import Any

import jwt
import pytest
from hypothesis import assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from chalicelib import tickets
from chalicelib.identity.tickets import Ticket
from chalicelib.kernel.errors import UnauthorizedError

untimed = hypothesis_settings(deadline=None)
NOW = 1_800_000_000_123
KEY = b"the key that the tickets of these tests are signed with"
ROOM = "6f1c2f0e-3f4e-4a55-9b0b-0f5f5b1c9a77"
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.="

user_ids = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=128)
moments = st.integers(0, 4_000_000_000_000)


def refusal(text: str, key: bytes = KEY, now: int = NOW) -> str:
    with pytest.raises(UnauthorizedError) as caught:
        tickets.verify(text, key, now)
    assert len(text) < 30 or text not in caught.value.detail
    return caught.value.detail


def signed(claims: dict[str, Any], **header: Any) -> str:
    return jwt.encode(claims, KEY, "HS256", {"typ": "ticket+jwt"} | header)


@untimed
@given(user_id=user_ids, room_id=st.uuids().map(str), now=moments)
def test_a_ticket_says_who_and_where_for_exactly_a_minute(user_id: str, room_id: str, now: int) -> None:
    text, expires_at = tickets.issue(user_id, room_id, KEY, now)
    assert expires_at == now + 60_000
    for moment in (now, expires_at - 1):
        ticket = tickets.verify(text, KEY, moment)
        assert ticket == Ticket(user_id, room_id, ticket.ticket_id, expires_at)
    assert refusal(text, now=expires_at) == "The ticket has expired"


def test_no_two_tickets_are_the_same() -> None:
    made = [tickets.issue("ada", ROOM, KEY, NOW)[0] for _ in range(100)]
    assert len({tickets.verify(text, KEY, NOW).ticket_id for text in made}) == 100


@untimed
@given(user_id=user_ids)
def test_a_ticket_fits_a_url_as_it_is(user_id: str) -> None:
    text, _ = tickets.issue(user_id, ROOM, KEY, NOW)
    assert re.fullmatch(r"[A-Za-z0-9._-]+", text)
    assert len(text) <= 2560


def test_a_ticket_of_an_ordinary_user_is_short() -> None:
    assert len(tickets.issue("2b1a6f0e-98f4-4a86-a0a4-2f0a4cf6a5d5", ROOM, KEY, NOW)[0]) <= 320


@untimed
@given(data=st.data())
def test_a_ticket_changed_in_any_place_is_refused(data: st.DataObject) -> None:
    text, _ = tickets.issue("ada", ROOM, KEY, NOW)
    place = data.draw(st.integers(0, len(text)))
    replaced = data.draw(st.integers(0, 3))
    changed = text[:place] + data.draw(st.text(ALPHABET, max_size=3)) + text[place + replaced :]
    assume(changed != text)
    refusal(changed)


@pytest.mark.parametrize("added", ["=", "==", ".", "\n", " ", "A"])
def test_nothing_can_be_added_to_a_ticket(added: str) -> None:
    text, _ = tickets.issue("ada", ROOM, KEY, NOW)
    refusal(text + added)
    refusal(added + text)


@untimed
@given(key=st.binary(min_size=32, max_size=64).filter(lambda key: key != KEY))
def test_another_key_is_refused(key: bytes) -> None:
    text, _ = tickets.issue("ada", ROOM, KEY, NOW)
    assert refusal(text, key) == "The ticket is not one of ours"


@untimed
@given(text=st.text())
def test_whatever_is_sent_instead_is_refused(text: str) -> None:
    refusal(text)


TICKET = {"aud": "socket", "sub": "ada", "room": ROOM, "jti": "1", "exp": NOW / 1000 + 60}


def test_the_claims_that_the_next_tests_break_are_those_of_a_ticket() -> None:
    assert tickets.verify(signed(TICKET), KEY, NOW) == Ticket("ada", ROOM, "1", NOW + 60_000)


@pytest.mark.parametrize("claim", TICKET)
def test_a_ticket_without_any_of_its_claims_is_refused(claim: str) -> None:
    incomplete = {name: value for name, value in TICKET.items() if name != claim}
    assert refusal(signed(incomplete)) == "The ticket is not one of ours"


@pytest.mark.parametrize(
    "header", [{"typ": "JWT"}, {"typ": "at+jwt"}, {"typ": None}, {"typ": "ticket"}, {"typ": ["ticket+jwt"]}]
)
def test_a_token_of_another_kind_is_no_ticket(header: dict[str, Any]) -> None:
    assert refusal(signed(TICKET, **header)) == "The ticket is not one of ours"


def test_a_login_token_is_no_ticket_even_with_the_same_key() -> None:
    login = {"sub": "ada", "exp": NOW // 1000 + 600, "aud": "socket", "room": ROOM, "jti": "1"}
    assert refusal(jwt.encode(login, KEY, "HS256")) == "The ticket is not one of ours"


def test_a_token_for_another_audience_is_no_ticket() -> None:
    assert refusal(signed(TICKET | {"aud": "coworking"})) == "The ticket is not one of ours"


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_another_algorithm_is_refused(algorithm: str) -> None:
    text = jwt.encode(TICKET, KEY * 2, algorithm, {"typ": "ticket+jwt"})
    assert refusal(text, KEY * 2) == "The ticket is not one of ours"


def test_an_unsigned_ticket_is_refused() -> None:
    text = jwt.encode(TICKET, "", "none", {"typ": "ticket+jwt"})
    assert text.endswith(".")
    assert refusal(text) == "The ticket is not one of ours"


def test_a_short_key_signs_nothing() -> None:
    with pytest.raises(jwt.InvalidKeyError):
        tickets.issue("ada", ROOM, b"x" * 31, NOW)
