"""Answers within a limit of bytes."""

import pytest

from chalicelib.contract.sizes import MAX_ANSWER_BYTES, answer_bytes
from chalicelib.kernel.settings import Settings
from chalicelib.kernel.times import iso
from chalicelib.log.schemas import RoomMessage
from chalicelib.seats.fitting import fit_detail, fit_messages
from chalicelib.seats.schemas import ParticipantView, RoomDetail
from tests.fakes.backend import NOW
from tests.fakes.records import make_message, make_room

LETTERS = ["a", "\u2603", "\U0001f600", "\n", '"']


def show(count: int, text: str = "hello", avatar: str | None = None) -> list[RoomMessage]:
    return [RoomMessage.of(make_message("room", seq, text=text), avatar) for seq in range(1, count + 1)]


@pytest.mark.parametrize("letter", LETTERS)
@pytest.mark.parametrize("forward", [False, True])
def test_messages_that_do_not_fit_are_left_out(letter: str, forward: bool) -> None:
    messages = show(100, letter * 4000)

    kept = fit_messages(messages, MAX_ANSWER_BYTES, forward=forward)

    assert kept == (messages[: len(kept)] if forward else messages[-len(kept) :])
    assert MAX_ANSWER_BYTES - 50_000 < sum(map(answer_bytes, kept)) <= MAX_ANSWER_BYTES


@pytest.mark.parametrize("letter", LETTERS)
def test_long_avatars_leave_before_messages_do(letter: str) -> None:
    kept = fit_messages(show(50, avatar="/" + letter * 2047), MAX_ANSWER_BYTES // 2)

    assert len(kept) == 50
    assert not any(message.avatar for message in kept)
    assert all(message.avatar for message in fit_messages(show(50, avatar="/a.png"), MAX_ANSWER_BYTES))


@pytest.mark.parametrize("letter", LETTERS[:3])
def test_the_detail_of_a_full_room_fits(letter: str) -> None:
    shown = {"name": letter * 80, "avatar": "/" + letter * 2047, "is_muted": True, "is_speaking": False}
    room = make_room(name=letter * 255, description=letter * 2000)
    people = [
        ParticipantView(id=f"{number:02}{letter * 126}", joined_at=iso(NOW), is_online=True, **shown)  # type: ignore[arg-type]
        for number in range(50)
    ]
    detail = RoomDetail.compose(room, Settings(), [], show(50, letter * 4000)).model_copy(
        update={"participants": people}
    )

    fitted = fit_detail(detail)

    assert answer_bytes(fitted) <= MAX_ANSWER_BYTES
    assert [one.id for one in fitted.participants] == [one.id for one in people]
