"""The invitations of a room, in the table `grants`. A row holds a hash of the token, never the token."""

import secrets
import uuid
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Literal

from chalicelib.grants.table import Standing, get_standing
from chalicelib.kernel.fingerprints import digest
from chalicelib.kernel.times import Moment
from chalicelib.store import Delete, Put, Store, Table, Update

InvitedRole = Literal["moderator", "member"]
PREFIX = "invite#"
_SECRET_BYTES = 16
_ROOM_BYTES = 16
_TOKEN_LENGTH = 43


@dataclass(frozen=True, slots=True)
class Invite:
    """A link that lets people into a room, and gives them a role there. `user_id` is the user who made it."""

    room_id: str
    kind_id: str
    user_id: str
    role: InvitedRole
    uses_left: int
    ends_at: Moment
    created_at: Moment
    by_admin: bool = False
    """True if an administrator made it, who may have no role in the room."""

    @property
    def invite_id(self) -> str:
        """The id of the invitation: the hash of its token."""
        return self.kind_id.removeprefix(PREFIX)

    def is_valid_at(self, now: Moment) -> bool:
        """True if it lets somebody in."""
        return self.uses_left > 0 and self.ends_at > now


INVITES = Table("grants", Invite, also={"expires_at": int})


def new_token(room_id: str) -> str:
    """A token with 128 random bits. It begins with the id of its room, so that the token alone names the room."""
    return urlsafe_b64encode(uuid.UUID(room_id).bytes + secrets.token_bytes(_SECRET_BYTES)).decode().rstrip("=")


def room_of(token: str) -> str | None:
    """The room that a token names, or None if this is no token of an invitation."""
    if len(token) != _TOKEN_LENGTH or not token.isascii():
        return None
    try:
        return str(uuid.UUID(bytes=urlsafe_b64decode(f"{token}=")[:_ROOM_BYTES]))
    except ValueError:
        return None


def invite_id_of(token: str) -> str:
    """The id of the invitation with this token."""
    return digest("invite", token)


def invite_key(room_id: str, invite_id: str) -> tuple[str, str]:
    """The key of an invitation."""
    return room_id, PREFIX + invite_id


def find_invite(store: Store, room_id: str, token: str, now: Moment) -> tuple[Invite, Standing] | None:
    """The valid invitation into a room with this token, and the standing of its maker: see `is_backed`.

    2 round trips, 2 read units.
    """
    invite = store.get(INVITES, invite_key(room_id, invite_id_of(token)))
    return (invite, get_standing(store, room_id, invite.user_id)) if invite and invite.is_valid_at(now) else None


def is_backed(invite: Invite, maker: Standing, owner_id: str | None, now: Moment) -> bool:
    """True if the user who made an invitation could still make it. Otherwise it lets nobody in."""
    if invite.by_admin or owner_id == invite.user_id:
        return True
    return invite.role == "member" and maker.role == "moderator" and not maker.is_banned_at(now)


def list_invites(store: Store, room_id: str, now: Moment) -> list[Invite]:
    """The valid invitations of a room, newest first."""
    invites = store.query(INVITES, room_id, INVITES.kind_id.startswith(PREFIX), consistent=True)
    return sorted((one for one in invites if one.is_valid_at(now)), key=lambda one: (-one.created_at, one.kind_id))


def put_invite(invite: Invite) -> Put:
    """The write that stores an invitation. DynamoDB deletes it within days after its end."""
    return Put(INVITES, invite, also={"expires_at": invite.ends_at // 1000 + 1})


def take_use(invite: Invite, now: Moment) -> Update:
    """The write that takes a use. It is refused if none is left, or if the invitation has ended or was revoked."""
    condition = (INVITES.uses_left > 0) & (INVITES.ends_at > now)
    return Update(INVITES, (invite.room_id, invite.kind_id), [INVITES.uses_left.add(-1)], condition)


def revoke_invite(room_id: str, invite_id: str) -> Delete:
    """The write that removes an invitation. It is refused if there is none."""
    return Delete(INVITES, invite_key(room_id, invite_id), INVITES.room_id.exists())
