"""Complete records for tests. A test names only the fields that matter to it."""

import uuid
from base64 import urlsafe_b64encode
from dataclasses import replace
from typing import Any

from chalicelib.delivery import Connection
from chalicelib.grants.invites import Invite, invite_id_of, invite_key
from chalicelib.grants.table import DEPLOYMENT, Standing, standing_key
from chalicelib.log import Message
from chalicelib.moderation.table import REPORT, Report
from chalicelib.rooms.table import Room
from chalicelib.seats.table import Participant
from tests.fakes.backend import DAY, ENDPOINT, MINUTE, NOW


def make_room(**changes: Any) -> Room:
    room = Room(
        room_id=str(uuid.uuid4()),
        name="Focus Zone",
        description="",
        status="active",
        participant_count=0,
        max_participants=15,
        color="bg-grayBlue",
        created_at=NOW,
        created_by="maker",
    )
    return replace(room, **changes)


def make_participant(room_id: str, user_id: str = "ada", **changes: Any) -> Participant:
    participant = Participant(
        room_id=room_id,
        user_id=user_id,
        name=user_id.capitalize(),
        avatar=None,
        is_muted=True,
        is_speaking=False,
        is_online=True,
        joined_at=NOW,
        lease_expires_at=NOW + MINUTE,
        lease_kind="http",
    )
    return replace(participant, **changes)


def make_standing(room_id: str, user_id: str = "ada", **changes: Any) -> Standing:
    return replace(Standing(*standing_key(room_id, user_id)), **changes)


def token_of(room_id: str) -> str:
    """The token of an invitation into a room, always the same: the service makes random ones."""
    return urlsafe_b64encode(uuid.UUID(room_id).bytes + bytes(16)).decode().rstrip("=")


def make_invite(room_id: str, token: str, **changes: Any) -> Invite:
    invite = Invite(*invite_key(room_id, invite_id_of(token)), "maker", "member", 25, NOW + DAY, NOW)
    return replace(invite, **changes)


def make_message(room_id: str, seq: int = 1, **changes: Any) -> Message:
    message = Message(
        room_id=room_id,
        seq=seq,
        message_id=str(uuid.uuid4()),
        type="text",
        user_id="ada",
        user="Ada",
        text=f"message {seq}",
        created_at=NOW,
    )
    return replace(message, **changes)


def make_connection(room_id: str, connection_id: str, user_id: str = "ada", **changes: Any) -> Connection:
    connection = Connection(room_id, connection_id, user_id, ENDPOINT, connected_at=NOW, announced=False)
    return replace(connection, **changes)


REPORT_ID = "001795300869102-5d0c7a1e"


def make_report(room_id: str, author_id: str) -> Report:
    """An open report of the third message of a room. Nobody knows its reason any more."""
    return Report(DEPLOYMENT, REPORT + REPORT_ID, author_id, "Ada", room_id, 3, "hello", "reason#gone", NOW)
