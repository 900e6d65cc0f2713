"""Whether the service can do its work."""

from chalicelib import __version__
from chalicelib.errors import UnavailableError
from chalicelib.schemas import Health
from chalicelib.store import tables


def check() -> Health:
    """Ask every table for something small.

    Raises:
        UnavailableError: one of them doesn't answer.
    """
    if tables.unreachable():
        raise UnavailableError("The tables can't be reached")
    return Health(version=__version__)
