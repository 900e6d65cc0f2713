"""Chat in a room."""

from chalicelib import chat
from chalicelib.api.operation import Call, operation
from chalicelib.errors import NotInRoomError, RateLimitedError, RoomNotFoundError
from chalicelib.schemas import EmojiReactionRequest, History, HistoryQuery, RoomMessage, SendMessageRequest


@operation(RoomNotFoundError, NotInRoomError)
def history(call: Call, query: HistoryQuery) -> History:
    """Read the room's log, oldest first.

    You get what follows `after_seq`, else the newest before `before_seq`, else the newest.
    """
    return chat.history(call.user.id, call.room_id, query, call.now)


@operation(RoomNotFoundError, NotInRoomError, RateLimitedError, idempotent=True)
def send_message(call: Call, body: SendMessageRequest) -> RoomMessage:
    """Say something to the room."""
    return chat.say(
        call.backend, call.user.id, call.room_id, body.message_text, body.message_type, call.client_key, call.now
    )


@operation(RoomNotFoundError, NotInRoomError, RateLimitedError, idempotent=True)
def send_emoji(call: Call, body: EmojiReactionRequest) -> RoomMessage:
    """React with an emoji."""
    return chat.say(call.backend, call.user.id, call.room_id, body.emoji, "emoji", call.client_key, call.now)
