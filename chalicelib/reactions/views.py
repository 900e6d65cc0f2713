"""HTTP: reactions."""

from pydantic import TypeAdapter, ValidationError

from chalicelib.contract import Access, Request, Route
from chalicelib.kernel.errors import (
    InvalidRequestError,
    MessageDeletedError,
    MessageNotFoundError,
    NotInRoomError,
    TooManyReactionsError,
)
from chalicelib.reactions import service
from chalicelib.reactions.schemas import MessageReactions, OneEmoji

_EMOJI: TypeAdapter[str] = TypeAdapter(OneEmoji)


def add_reaction(request: Request) -> MessageReactions:
    """React to a message with an emoji. Doing it twice changes nothing.

    Encode the emoji in the path as a URL needs it: 👍 is `%F0%9F%91%8D`.
    """
    return service.react(request.context, request.seq, _emoji_of(request), is_on=True)


def remove_reaction(request: Request) -> MessageReactions:
    """Take your reaction back. If there is none, nothing changes."""
    return service.react(request.context, request.seq, _emoji_of(request), is_on=False)


def _emoji_of(request: Request) -> str:
    """The emoji in the path.

    Raises:
        InvalidRequestError: it is not exactly one emoji.
    """
    try:
        return _EMOJI.validate_python(request.parameter("emoji"))
    except ValidationError as error:
        raise InvalidRequestError.of("emoji", "must be exactly one emoji") from error


_REACTION = "/coworking/rooms/{room_id}/messages/{seq}/reactions/{emoji}"
_ERRORS = (NotInRoomError, MessageNotFoundError, MessageDeletedError, InvalidRequestError)
ROUTES = (
    Route("PUT", _REACTION, add_reaction, access=Access.MEMBER, price=12, errors=(*_ERRORS, TooManyReactionsError)),
    Route("DELETE", _REACTION, remove_reaction, access=Access.MEMBER, price=12, errors=_ERRORS),
)
