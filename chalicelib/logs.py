"""JSON lines for all that this package logs: each says what was going on, and none what a client sent.

What an error says may quote a message, a token or signalling, and so may what libraries say of themselves to whoever
debugs them. Of errors there is the trace, so; of libraries nothing below INFO.
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
_TALKATIVE = ("botocore", "pynamodb", "urllib3")
_MOST_CAUSES = 8

# Powertools would add its name to each request of each client that is made from now on.
botocore.unregister_initializer(user_agent._initializer_botocore_session)


class Formatter(LambdaPowertoolsFormatter):
    """Adds what is going on to each line, and takes out of errors what they say."""

    def __init__(self, context: Callable[[], Mapping[str, Any]], **options: Any) -> None:
        super().__init__(**options)
        self._context = context

    def format(self, record: logging.LogRecord) -> str:
        shown = {**self._context(), **record.__dict__}
        if record.exc_info and (error := record.exc_info[1]):
            shown |= {"exception": describe_error(error), "exception_name": type(error).__name__, "exc_info": None}
        return super().format(logging.makeLogRecord(shown))


def describe_error(error: BaseException) -> str:
    """Where an error came from, and what led to it."""
    return "\nwhile handling\n".join(
        "".join(format_tb(one.__traceback__)) + " ".join([type(one).__name__, *_said_by_others(one)])
        for one in _causes(error)
    )


def make_logger(service: str, context: Callable[[], Mapping[str, Any]]) -> Logger:
    """A logger whose lines hold `context`; what the package's modules log by the standard library looks alike."""
    formatter = Formatter(context, utc=True, use_rfc3339=True)
    logger = Logger(service=service, logger_formatter=formatter)
    package = logging.getLogger(_PACKAGE)
    package.handlers = list(logger.handlers)
    package.setLevel(logger.log_level)
    for own in (package, logging.getLogger(service)):
        own.propagate = False  # whoever else may listen writes down all that an error says
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.INFO)
    return logger


def _causes(error: BaseException) -> Iterator[BaseException]:
    current: BaseException | None = error
    for _ in range(_MOST_CAUSES):
        if current is None:
            return
        yield current
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)


def _said_by_others(error: BaseException) -> list[str]:
    """What the network or AWS says is no client's."""
    if isinstance(error, ClientError):
        return [f"{error.operation_name}: {error.response['Error']['Code']}"]
    return [str(error)] if isinstance(error, OSError | HTTPClientError | NoConnectionError) else []
