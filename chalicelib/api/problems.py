"""The wire types of errors and of health."""

from typing import Literal

from chalicelib.contract import Answer


class Health(Answer):
    """The service and its tables answer."""

    status: Literal["ok"] = "ok"
    version: str


class FieldError(Answer):
    """One thing that is wrong with a request, and where."""

    loc: list[str | int]
    msg: str
    type: str


class Problem(Answer):
    """RFC 9457 problem details. `code` is for programs, `detail` for people."""

    type: str
    title: str
    status: int
    detail: str
    code: str


class InvalidRequestProblem(Problem):
    """What is wrong with the request, and where."""

    code: Literal["invalid_request"]
    errors: list[FieldError]


class RateLimitedProblem(Problem):
    """How long to wait, in whole seconds."""

    code: Literal["rate_limited"]
    retry_after: int
