"""Every error has one wire shape. Its code and status are API and never change."""

from collections.abc import Iterator

import pytest

from chalicelib.kernel import errors
from chalicelib.kernel.errors import CoworkingError, InvalidRequestError, RateLimitedError, UnauthorizedError


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


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_is_in_the_drawing_of_the_tree(kind: type[CoworkingError]) -> None:
    """The tree shows its status and code. An error of frames has only a code."""
    (drawn,) = [line.split()[-3:] for line in (errors.__doc__ or "").splitlines() if f" {kind.__name__} " in line]
    assert drawn[-1] == kind.code
    assert drawn[-2] in (str(kind.status), kind.__name__)


@pytest.mark.parametrize("kind", KINDS)
def test_a_problem_has_the_members_of_rfc_9457_and_a_code(kind: type[CoworkingError]) -> None:
    error = make(kind)
    about = {"type": f"urn:coworking:error:{kind.code}", "title": kind.title, "status": kind.status, "code": kind.code}
    assert error.problem() == about | {"detail": error.detail} | error.members()
    assert error.detail == str(error)


@pytest.mark.parametrize("kind", KINDS)
def test_a_detail_is_a_sentence_for_people(kind: type[CoworkingError]) -> None:
    detail = make(kind).detail
    assert len(detail.split()) >= 2
    assert "_" not in detail
    assert kind.title[0].isupper()


def test_a_given_detail_replaces_the_title() -> None:
    problem = errors.ForbiddenError("Only administrators may do this").problem()
    assert problem["title"] == "You are not allowed to do this"
    assert problem["detail"] == "Only administrators may do this"


def test_headers_say_how_long_to_wait_and_how_to_sign_in() -> None:
    assert RateLimitedError(7).members() == {"retry_after": 7}
    assert RateLimitedError(7).headers() == {"Retry-After": "7"}
    assert UnauthorizedError().headers() == {"WWW-Authenticate": "Bearer"}


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(1, "1 s"), (119, "119 s"), (120, "2 min"), (121, "3 min"), (7199, "120 min"), (7200, "2 h"), (86_400, "24 h")],
)
def test_a_wait_is_shown_in_a_readable_unit(seconds: int, shown: str) -> None:
    assert RateLimitedError(seconds).detail == f"Too many requests; try again in {shown}"


def test_an_invalid_request_lists_every_fault() -> None:
    whole = {"loc": [], "msg": "must be a JSON object", "type": "model_type"}
    found = [{"loc": ["name"], "msg": "must not be blank", "type": "value_error"}, whole]
    problem = InvalidRequestError(found).problem()
    assert (problem["detail"], problem["errors"]) == ("name must not be blank", found)
    assert InvalidRequestError([whole]).detail == "The body must be a JSON object"
