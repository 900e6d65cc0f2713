"""The authors of messages, as they are shown now."""

from collections.abc import Sequence

from chalicelib.contract import Context
from chalicelib.log import Message
from chalicelib.log.schemas import RoomMessage
from chalicelib.seats.table import Participant


def show_messages(context: Context, messages: Sequence[Message], members: Sequence[Participant]) -> list[RoomMessage]:
    """Messages with the avatars of their authors: of members as in the room, of others as in their profiles.

    If names come only from tokens, a stored profile is older than this setting, and is not shown.
    """
    avatars = {member.user_id: member.avatar for member in members}
    if not context.settings.names_from_token:
        absent = {message.user_id for message in messages if message.user_id} - avatars.keys()
        avatars |= context.backend.avatars.find(absent, context.now)
    return [RoomMessage.of(message, avatars.get(message.user_id or "")) for message in messages]
