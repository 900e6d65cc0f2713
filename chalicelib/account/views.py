"""HTTP: a person's data."""

from chalicelib.account import export, service
from chalicelib.account.schemas import ErasureState, Export, ExportQuery
from chalicelib.contract import Access, Request, Route
from chalicelib.kernel.errors import InvalidCursorError


def export_me(request: Request, query: ExportQuery) -> Export:
    """Get everything that the service holds about you, page by page.

    Call it again with `next` as `cursor` until `next` is null.
    """
    return export.export_data(request, query)


def erase_me(request: Request) -> ErasureState:
    """Delete your account: your seats, roles, profile and markers. Your messages stay as "Deleted user", without text.

    Rooms that you own go to the moderator who has been one for the longest time. Without a moderator they are closed.
    """
    return service.erase_account(request)


ROUTES = (
    Route("GET", "/coworking/me/export", export_me, access=Access.USER, price=60, errors=(InvalidCursorError,)),
    Route("DELETE", "/coworking/me", erase_me, access=Access.USER, price=400, status=202),
)
