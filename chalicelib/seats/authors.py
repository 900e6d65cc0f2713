"""The authors of messages, as they are shown now."""

from collections.abc import Sequence
from functools import partial

from chalicelib import log
from chalicelib.contract import Context
from chalicelib.kernel.fingerprints import fingerprint
from chalicelib.log import Message
from chalicelib.log.schemas import RoomMessage
from chalicelib.seats.table import Participant


def show_messages(
    context: Context, messages: Sequence[Message], members: Sequence[Participant], most_bytes: int = 0
) -> list[RoomMessage]:
    """Messages as the context's user sees them now.

    Their authors have the avatars of the room, or those of their profiles. If names come only from tokens, a stored
    profile is older than this setting, and is not shown. The originals of answers are among the messages, or are read
    within `most_bytes`.
    """
    avatars = {member.user_id: member.avatar for member in members}
    absent = {message.user_id for message in messages if message.user_id} - avatars.keys()
    if context.settings.names_from_token:
        absent = set()
    known = {message.seq: message for message in messages}
    unknown = {message.reply_to for message in messages if message.reply_to} - known.keys()
    found, originals = context.store.run_parallel(
        partial(context.backend.avatars.find, absent, context.now),
        partial(log.read_messages, context.store, context.room_id, sorted(unknown, reverse=True), most_bytes),
    )
    avatars, reader = avatars | found, fingerprint(context.room_id, context.user_id)
    shown = known | originals.found
    return [
        RoomMessage.of(
            message, avatars.get(message.user_id or ""), reader=reader, original=shown.get(message.reply_to or 0)
        )
        for message in messages
    ]
