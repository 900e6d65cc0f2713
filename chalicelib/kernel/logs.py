"""JSON log lines of this package. No line quotes a client.

The text of an error may quote a message, a token or signalling, and so may debug lines of libraries. So an error is
logged as its type and stack trace, without its text, and libraries log nothing below INFO.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from traceback import format_tb
from typing import Any

import botocore
from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter
from aws_lambda_powertools.shared import user_agent
from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnectionError

_PACKAGE = "chalicelib"
_LIBRARIES = ("botocore", "pynamodb", "urllib3")
_MAX_CAUSES = 8

# Powertools would add its name to the user agent of every client made later.
botocore.unregister_initializer(user_agent._initializer_botocore_session)


class Formatter(LambdaPowertoolsFormatter):
    """Adds the context (request, connection, room) to each line, and removes the text of errors."""

    def __init__(self, context: Callable[[], Mapping[str, Any]], **options: Any) -> None:
        super().__init__(**options)
        self._context = context

    def format(self, record: logging.LogRecord) -> str:
        shown = {**self._context(), **record.__dict__}
        if record.exc_info and (error := record.exc_info[1]):
            shown |= {"exception": describe_error(error), "exception_name": type(error).__name__, "exc_info": None}
        return super().format(logging.makeLogRecord(shown))


def describe_error(error: BaseException) -> str:
    """The stack traces of an error and of its causes, without their texts."""
    return "\nwhile handling\n".join(
        "".join(format_tb(one.__traceback__)) + " ".join([type(one).__name__, *_safe_texts(one)])
        for one in _causes(error)
    )


def make_logger(service: str, level: str, context: Callable[[], Mapping[str, Any]]) -> Logger:
    """A logger whose lines hold `context`. Lines that modules log by the standard library look the same."""
    formatter = Formatter(context, utc=True, use_rfc3339=True)
    logger = Logger(service=service, level=level, logger_formatter=formatter)
    package = logging.getLogger(_PACKAGE)
    package.handlers = list(logger.handlers)
    package.setLevel(logger.log_level)
    for own in (package, logging.getLogger(service)):
        own.propagate = False  # other handlers would write the text of errors
    for name in _LIBRARIES:
        logging.getLogger(name).setLevel(logging.INFO)
    return logger


def _causes(error: BaseException) -> Iterator[BaseException]:
    current: BaseException | None = error
    for _ in range(_MAX_CAUSES):
        if current is None:
            return
        yield current
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)


def _safe_texts(error: BaseException) -> list[str]:
    """The texts of network and AWS errors: they quote no client."""
    if isinstance(error, ClientError):
        return [f"{error.operation_name}: {error.response['Error']['Code']}"]
    return [str(error)] if isinstance(error, OSError | HTTPClientError | NoConnectionError) else []
