"""Every error that the service raises: one tree, one wire shape.

    CoworkingError
    ├── InvalidRequestError        422 invalid_request
    ├── InvalidJsonError           400 invalid_json
    ├── InvalidCursorError         400 invalid_cursor
    ├── PayloadTooLargeError       413 payload_too_large
    ├── UnsupportedMediaTypeError  415 unsupported_media_type
    ├── MethodNotAllowedError      405 method_not_allowed
    ├── UnauthorizedError          401 unauthorized
    ├── ForbiddenError             403 forbidden
    │   └── BannedError            403 banned
    ├── RoomNotFoundError          404 room_not_found
    ├── MessageNotFoundError       404 message_not_found
    ├── NotInRoomError             403 not_in_room
    │   └── NothingToLeaveError    404 not_in_room
    ├── InviteNotFoundError        404 invite_not_found
    ├── KnockNotFoundError         404 knock_not_found
    ├── ReportNotFoundError        404 report_not_found
    ├── RoomFullError              409 room_full
    ├── RoomInactiveError          409 room_inactive
    ├── RoomLockedError            409 room_locked
    ├── TooManyRoomsError          409 too_many_rooms
    ├── AccountClosingError        409 account_closing
    ├── TooManyInvitesError        409 too_many_invites
    ├── MutedError                 409 muted
    ├── MutedByModeratorError      409 muted_by_moderator
    ├── MessageDeletedError        409 message_deleted
    ├── TooManyReactionsError      409 too_many_reactions
    ├── ReportDecidedError         409 report_decided
    ├── RateLimitedError           429 rate_limited
    ├── UnavailableError           503 unavailable
    │   └── AuthUnavailableError   503 auth_unavailable
    └── InternalError              500 internal_error

and, over WebSocket only,

    ├── FrameTooLargeError         too_large
    ├── InvalidFrameError          invalid_frame
    ├── ReservedTypeError          reserved_type
    └── PeerUnavailableError       peer_unavailable

`code` is for programs and never changes. `detail` is a sentence for people; front ends show it.

Example: `raise RateLimitedError(7)` answers 429 with `Retry-After: 7`, or an `error` frame with `retry_after: 7`.
"""

from typing import Any, ClassVar


class CoworkingError(Exception):
    """Base of all errors: a status, a code and a sentence."""

    status: ClassVar[int]
    code: ClassVar[str]
    title: ClassVar[str]

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title

    def problem(self) -> dict[str, Any]:
        """The RFC 9457 body: `type`, `title`, `status`, `detail`, `code`, and the members of this error."""
        return {
            "type": f"urn:coworking:error:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
        } | self.members()

    def members(self) -> dict[str, Any]:
        """Members of this error alone. They are also in the `data` of an `error` frame."""
        return {}

    def headers(self) -> dict[str, str]:
        """HTTP headers of the answer."""
        return {}


class InvalidRequestError(CoworkingError):
    """A body, query or field breaks the contract; `errors` says where."""

    status, code, title = 422, "invalid_request", "Invalid request"

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        first = errors[0]
        place = ".".join(str(part) for part in first["loc"])
        super().__init__(f"{place or 'The body'} {first['msg']}")
        self.errors = errors

    @classmethod
    def of(cls, field: str, msg: str) -> "InvalidRequestError":
        """The error of one field, by a rule that its type does not know."""
        return cls([{"loc": [field], "msg": msg, "type": "value_error"}])

    def members(self) -> dict[str, Any]:
        return {"errors": self.errors}


class InvalidJsonError(CoworkingError):
    """The body is not JSON."""

    status, code, title = 400, "invalid_json", "The body is not valid JSON"


class InvalidCursorError(CoworkingError):
    """The cursor was not made by this server."""

    status, code, title = 400, "invalid_cursor", "The cursor is not one of ours"


class PayloadTooLargeError(CoworkingError):
    """The body is larger than 64 KB."""

    status, code, title = 413, "payload_too_large", "The body is too large"


class UnsupportedMediaTypeError(CoworkingError):
    """The body is not `application/json`."""

    status, code, title = 415, "unsupported_media_type", "The body must be application/json"


class MethodNotAllowedError(CoworkingError):
    """The path does not have this method; API Gateway normally answers first."""

    status, code, title = 405, "method_not_allowed", "Method not allowed"


class UnauthorizedError(CoworkingError):
    """The credential is missing, invalid or expired."""

    status, code, title = 401, "unauthorized", "Sign in first"

    def headers(self) -> dict[str, str]:
        return {"WWW-Authenticate": "Bearer"}


class ForbiddenError(CoworkingError):
    """The caller is signed in, but not allowed to do this."""

    status, code, title = 403, "forbidden", "You are not allowed to do this"


class BannedError(ForbiddenError):
    """The caller is kept out, of the room or of all rooms; `until` is null if there is no end."""

    code, title = "banned", "You are kept out of this room"

    def __init__(self, until: str | None = None, *, is_everywhere: bool = False) -> None:
        sentence = "You are kept out of all rooms" if is_everywhere else self.title
        super().__init__(f"{sentence} until {until}" if until else sentence)
        self.until = until

    def members(self) -> dict[str, Any]:
        return {"until": self.until}


class RoomNotFoundError(CoworkingError):
    """No room has this id."""

    status, code, title = 404, "room_not_found", "Room not found"


class MessageNotFoundError(CoworkingError):
    """No message of the room has this number, or it is not kept any more."""

    status, code, title = 404, "message_not_found", "Message not found"


class NotInRoomError(CoworkingError):
    """The caller is not in the room."""

    status, code, title = 403, "not_in_room", "You are not in this room"


class NothingToLeaveError(NotInRoomError):
    """The caller leaves a room without being in it."""

    status = 404


class InviteNotFoundError(CoworkingError):
    """No valid invitation has this token: it is wrong, used up, over, revoked, or its maker may not invite any more."""

    status, code, title = 404, "invite_not_found", "This invitation is not valid"


class KnockNotFoundError(CoworkingError):
    """The user does not wait to be let into the room, or no longer."""

    status, code, title = 404, "knock_not_found", "This user does not knock any more"


class ReportNotFoundError(CoworkingError):
    """No report has this id, or its author has deleted the account."""

    status, code, title = 404, "report_not_found", "Report not found"


class RoomFullError(CoworkingError):
    """All seats are taken."""

    status, code, title = 409, "room_full", "Room is full"


class RoomInactiveError(CoworkingError):
    """The room exists, but is closed for now."""

    status, code, title = 409, "room_inactive", "Room is not active"


class RoomLockedError(CoworkingError):
    """Nobody new gets into the room for now. Members come back."""

    status, code, title = 409, "room_locked", "Room is locked"


class TooManyRoomsError(CoworkingError):
    """The caller has the highest number of rooms: seats, or rooms of their own. `detail` says which."""

    status, code, title = 409, "too_many_rooms", "Too many rooms"


class AccountClosingError(CoworkingError):
    """The caller deletes the account, and some of its data is left. Until it is gone, nothing new is stored."""

    status, code, title = 409, "account_closing", "Your account is being deleted"


class TooManyInvitesError(CoworkingError):
    """The room has the highest number of invitations that are valid at the same time."""

    status, code, title = 409, "too_many_invites", "The room has too many invitations; revoke one of them first"


class MutedError(CoworkingError):
    """The caller is muted and can't speak."""

    status, code, title = 409, "muted", "Unmute before speaking"


class MutedByModeratorError(CoworkingError):
    """A moderator has muted the caller, and only a moderator can end this."""

    status, code, title = 409, "muted_by_moderator", "A moderator has muted you"


class MessageDeletedError(CoworkingError):
    """The message was deleted: it can't be changed any more."""

    status, code, title = 409, "message_deleted", "The message was deleted"


class TooManyReactionsError(CoworkingError):
    """The message has as many reactions, or as many kinds of them, as it can hold."""

    status, code, title = 409, "too_many_reactions", "The message has too many reactions"


class ReportDecidedError(CoworkingError):
    """The report was decided before, in another way."""

    status, code, title = 409, "report_decided", "This report was decided before"


class RateLimitedError(CoworkingError):
    """Too many acts in a short time; `retry_after` is in whole seconds."""

    status, code, title = 429, "rate_limited", "Too many requests"

    def __init__(self, retry_after: int, why: str = title) -> None:
        super().__init__(f"{why}; try again in {_span(retry_after)}")
        self.retry_after = retry_after

    def members(self) -> dict[str, Any]:
        return {"retry_after": self.retry_after}

    def headers(self) -> dict[str, str]:
        return {"Retry-After": str(self.retry_after)}


def _span(seconds: int) -> str:
    """A time to wait, rounded up, in seconds, minutes or hours."""
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{-(-seconds // length)} {unit}"
    return f"{seconds} s"


class UnavailableError(CoworkingError):
    """DynamoDB or another service does not answer; nothing is half done."""

    status, code, title = 503, "unavailable", "The service is unavailable for the moment"


class AuthUnavailableError(UnavailableError):
    """The keys that verify tokens can't be fetched."""

    code, title = "auth_unavailable", "Sign-in can't be checked for the moment"


class InternalError(CoworkingError):
    """A bug in the service; the log has the stack trace, the answer has not."""

    status, code, title = 500, "internal_error", "Something went wrong on our side"


class FrameTooLargeError(CoworkingError):
    """The frame has more than 32,000 bytes of UTF-8, or more than 8,000 and goes to all others."""

    status, code, title = 413, "too_large", "The frame is too large"


class InvalidFrameError(CoworkingError):
    """The frame is not a JSON object with a valid `type`."""

    status, code, title = 400, "invalid_frame", "The frame is not a JSON object with a valid type"


class ReservedTypeError(CoworkingError):
    """Only the server sends this frame type."""

    status, code, title = 403, "reserved_type", "This frame type is the server's own"


class PeerUnavailableError(CoworkingError):
    """The addressee of a signal has no connection in the room."""

    status, code, title = 404, "peer_unavailable", "The peer has no connection in this room"
