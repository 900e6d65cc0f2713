"""HTTP: send, edit and delete messages, send emoji, read the log."""

from chalicelib.chat import edits, history, service
from chalicelib.chat.schemas import (
    EditMessageRequest,
    EmojiReactionRequest,
    EntriesQuery,
    EntryList,
    History,
    HistoryQuery,
    SendMessageRequest,
)
from chalicelib.contract import Access, Request, Route
from chalicelib.kernel.errors import ForbiddenError, MessageDeletedError, MessageNotFoundError, NotInRoomError
from chalicelib.log.schemas import RoomMessage
from chalicelib.seats import deletions


def get_history(request: Request, query: HistoryQuery) -> History:
    """Read the room's log, oldest first.

    With `after_seq` you get the messages after it. With `before_seq` you get the newest messages before it. Without
    both, you get the newest of all.
    """
    return history.get_history(request.context, query)


def get_entries(request: Request, query: EntriesQuery) -> EntryList:
    """Read the room's log as it was pushed, oldest first: messages and events, for bots and exports.

    Call it again with `last_seq` as `after_seq` until `has_more` is false.
    """
    return history.get_entries(request.context, query)


def send_message(request: Request, body: SendMessageRequest) -> RoomMessage:
    """Send a message to the room. The answer is the message as it is stored, with its number."""
    return service.send_message(
        request.context,
        body.message_text,
        body.message_type,
        request.client_key,
        reply_to=body.reply_to,
        mentions=body.mentions,
    )


def send_emoji(request: Request, body: EmojiReactionRequest) -> RoomMessage:
    """React with an emoji. It is stored and numbered like a message."""
    return service.send_message(request.context, body.emoji, "emoji", request.client_key)


def edit_message(request: Request, body: EditMessageRequest) -> RoomMessage:
    """Change the text of a message of your own, for a day. The answer is the message as it is then.

    Of several edits at the same time, one stays. An edit that changes nothing tells nobody.
    """
    return edits.edit_message(request.context, request.seq, body.message_text, body.mentions, request.client_key)


def delete_message(request: Request) -> None:
    """Delete a message of your own, or as a moderator one of somebody with a lower role.

    Its number stays, without its text. Deleting it again succeeds, too. You need no seat, so the service decides by the
    rows of the room who may do this.
    """
    deletions.delete_message(request.context, request.seq)


_ROOM = "/coworking/rooms/{room_id}"
ROUTES = (
    Route("GET", f"{_ROOM}/messages", get_history, access=Access.MEMBER, price=10, errors=(NotInRoomError,)),
    Route("GET", f"{_ROOM}/entries", get_entries, access=Access.MEMBER, price=10, errors=(NotInRoomError,)),
    Route(
        "POST",
        f"{_ROOM}/messages",
        send_message,
        access=Access.MEMBER,
        price=12,
        errors=(NotInRoomError,),
        idempotent=True,
    ),
    Route(
        "PATCH",
        f"{_ROOM}/messages/{{seq}}",
        edit_message,
        access=Access.MEMBER,
        price=12,
        errors=(NotInRoomError, ForbiddenError, MessageNotFoundError, MessageDeletedError),
        idempotent=True,
    ),
    Route(
        "DELETE",
        f"{_ROOM}/messages/{{seq}}",
        delete_message,
        access=Access.USER,
        price=12,
        status=204,
        errors=(NotInRoomError, ForbiddenError, MessageNotFoundError),
    ),
    Route(
        "POST", f"{_ROOM}/emoji", send_emoji, access=Access.MEMBER, price=12, errors=(NotInRoomError,), idempotent=True
    ),
)
