"""Contexts: the proof of access, the stamp of frames, and the ack of a frame."""

import json

import pytest

from chalicelib.chat.schemas import MessageSent
from chalicelib.contract import Access, Context, FrameContext
from chalicelib.contract.access import MissingProofError
from chalicelib.kernel.times import iso
from chalicelib.lifecycle.schemas import RoomClosed, RoomClosedData
from chalicelib.log.schemas import RoomMessage
from chalicelib.seats.schemas import Sync
from tests.fakes.backend import NOW, World
from tests.fakes.records import make_connection, make_message

ROOM = "6f1c2f0e-3f4e-4a55-9b0b-0f5f5b1c9a77"
CONNECTION = make_connection(ROOM, "c1")


@pytest.fixture
def context(world: World) -> Context:
    return world.context("ada", ROOM)


def frame_context(world: World, frame_id: str | None) -> FrameContext[Sync]:
    frame = Sync(type="sync", id=frame_id)
    return FrameContext(world.backend, ROOM, "ada", NOW, CONNECTION, frame, raw={})


@pytest.mark.parametrize("access", Access)
def test_only_access_that_rows_show_needs_a_proof(context: Context, access: Access) -> None:
    if access in (Access.MEMBER, Access.MODERATOR, Access.OWNER):
        with pytest.raises(MissingProofError, match=access.name):
            context.require_proof(access)
    else:
        context.require_proof(access)


@pytest.mark.parametrize(("proven", "other"), [(Access.MEMBER, Access.OWNER), (Access.OWNER, Access.MEMBER)])
def test_a_proof_holds_for_one_access_of_one_context(context: Context, proven: Access, other: Access) -> None:
    context.prove(proven)

    context.require_proof(proven)
    with pytest.raises(MissingProofError):
        context.require_proof(other)
    with pytest.raises(MissingProofError):
        context.for_user("bob").require_proof(proven)


def test_a_frame_is_stamped_with_room_time_and_user(context: Context) -> None:
    frame = json.loads(context.stamp(RoomClosed, data=RoomClosedData(reason="deleted")).encode())
    assert frame == {"type": "room_closed", "roomId": ROOM, "ts": iso(NOW), "data": {"reason": "deleted"}}

    message = RoomMessage.of(make_message(ROOM, message_id=ROOM))
    assert context.stamp(MessageSent, seq=1, data=message).sender == "ada"
    assert context.for_user("bob").stamp(MessageSent, seq=1, data=message).sender == "bob"
    assert context.stamp(MessageSent, seq=1, data=message, sender="cyd").sender == "cyd"


def test_only_a_frame_with_an_id_gets_one_ack(world: World, context: Context) -> None:
    named = frame_context(world, "frame-1")

    (ack,) = named.claim_ack()

    assert ack.connection == CONNECTION
    assert json.loads(ack.data) == {"type": "ack", "roomId": ROOM, "ts": iso(NOW), "ref": "frame-1"}
    for other in (named, context, frame_context(world, None), frame_context(world, "frame-1").for_user("bob")):
        assert other.claim_ack() == []
