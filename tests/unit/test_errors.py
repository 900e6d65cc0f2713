"""Every error has one wire shape, and its code and status are API: they never change."""

from collections.abc import Iterator

import pytest

from chalicelib import errors
from chalicelib.errors import CoworkingError, InvalidRequestError, RateLimitedError, UnauthorizedError

CODES = {
    "InvalidRequestError": (422, "invalid_request"),
    "InvalidJsonError": (400, "invalid_json"),
    "InvalidCursorError": (400, "invalid_cursor"),
    "PayloadTooLargeError": (413, "payload_too_large"),
    "UnsupportedMediaTypeError": (415, "unsupported_media_type"),
    "MethodNotAllowedError": (405, "method_not_allowed"),
    "UnauthorizedError": (401, "unauthorized"),
    "ForbiddenError": (403, "forbidden"),
    "RoomNotFoundError": (404, "room_not_found"),
    "NotInRoomError": (403, "not_in_room"),
    "NothingToLeaveError": (404, "not_in_room"),
    "RoomFullError": (409, "room_full"),
    "RoomInactiveError": (409, "room_inactive"),
    "MutedError": (409, "muted"),
    "RateLimitedError": (429, "rate_limited"),
    "TooManyConnectionsError": (429, "too_many_connections"),
    "UnavailableError": (503, "unavailable"),
    "AuthUnavailableError": (503, "auth_unavailable"),
    "InternalError": (500, "internal_error"),
    "FrameTooLargeError": (413, "too_large"),
    "InvalidFrameError": (400, "invalid_frame"),
    "ReservedTypeError": (403, "reserved_type"),
    "PeerUnavailableError": (404, "peer_unavailable"),
}


def descendants(kind: type[CoworkingError]) -> Iterator[type[CoworkingError]]:
    for child in kind.__subclasses__():
        yield child
        yield from descendants(child)


KINDS = sorted(descendants(CoworkingError), key=lambda kind: kind.__name__)


def make(kind: type[CoworkingError]) -> CoworkingError:
    if issubclass(kind, RateLimitedError):
        return kind(7)
    if issubclass(kind, InvalidRequestError):
        return kind([{"loc": ["name"], "msg": "is required", "type": "missing"}])
    return kind()


def test_names_statuses_and_codes_are_what_clients_know() -> None:
    assert {kind.__name__: (kind.status, kind.code) for kind in KINDS} == CODES


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_is_in_the_picture_of_the_tree(kind: type[CoworkingError]) -> None:
    lines = (errors.__doc__ or "").splitlines()
    drawn = [line.split()[-1] for line in lines if f" {kind.__name__} " in line and kind.code in line]
    assert drawn == [kind.code]


@pytest.mark.parametrize("kind", KINDS)
def test_a_problem_has_the_members_of_rfc_9457_and_a_code(kind: type[CoworkingError]) -> None:
    error = make(kind)
    problem = error.problem()
    assert problem["type"] == f"urn:coworking:error:{kind.code}"
    assert problem["title"] == kind.title
    assert problem["status"] == kind.status
    assert problem["code"] == kind.code
    assert problem["detail"] == error.detail == str(error)
    assert set(problem) == {"type", "title", "status", "detail", "code", *error.members()}


@pytest.mark.parametrize("kind", KINDS)
def test_a_detail_is_a_sentence_for_people(kind: type[CoworkingError]) -> None:
    detail = make(kind).detail
    assert len(detail.split()) >= 2
    assert "_" not in detail
    assert kind.title[0].isupper()


def test_a_sentence_of_its_own_takes_the_place_of_the_title() -> None:
    problem = errors.ForbiddenError("Only administrators may do this").problem()
    assert (problem["title"], problem["detail"]) == (
        "You are not allowed to do this",
        "Only administrators may do this",
    )


def test_a_rate_limit_says_how_long_to_wait_in_the_body_and_in_a_header() -> None:
    error = RateLimitedError(7)
    assert error.problem()["retry_after"] == 7
    assert error.headers() == {"Retry-After": "7"}
    assert error.detail == "Too many requests; try again in 7 s"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(1, "1 s"), (119, "119 s"), (120, "2 min"), (121, "3 min"), (7199, "120 min"), (7200, "2 h"), (86_400, "24 h")],
)
def test_a_wait_is_told_in_a_unit_that_people_count_in(seconds: int, said: str) -> None:
    assert RateLimitedError(seconds).detail == f"Too many requests; try again in {said}"


def test_a_missing_sign_in_names_the_scheme() -> None:
    assert UnauthorizedError().headers() == {"WWW-Authenticate": "Bearer"}


def test_an_invalid_request_says_first_what_is_wrong_first_and_lists_all() -> None:
    found = [
        {"loc": ["name"], "msg": "must not be blank", "type": "value_error"},
        {"loc": ["color"], "msg": "is required", "type": "missing"},
    ]
    problem = InvalidRequestError(found).problem()
    assert problem["detail"] == "name must not be blank"
    assert problem["errors"] == found


def test_an_invalid_body_as_a_whole_is_called_the_body() -> None:
    error = InvalidRequestError([{"loc": [], "msg": "must be a JSON object", "type": "model_type"}])
    assert error.detail == "The body must be a JSON object"
