"""Bans from the whole deployment, which administrators make."""

from functools import partial

from chalicelib.contract import Context, Request
from chalicelib.grants.audit import AuditLine, new_line_id, put_lines
from chalicelib.grants.table import DEPLOYMENT, FOREVER, Standing, get_standing, page_standings, write_standing
from chalicelib.identity.profiles import get_profile
from chalicelib.kernel.errors import ForbiddenError, UnavailableError
from chalicelib.kernel.times import Moment
from chalicelib.moderation.schemas import Ban, BanList, BanRequest, BansQuery
from chalicelib.moderation.service import show_ban
from chalicelib.seats.endings import evict
from chalicelib.seats.table import list_seats
from chalicelib.store import ATTEMPTS, Store

LATE_SECONDS = 0.5
"""How late the index of seats may be. Who took a seat just before the ban is found with a second look."""


def ban_everywhere(request: Request, user_id: str, body: BanRequest) -> Ban:
    """Keep a user out of all rooms, and end all seats. The user can't create rooms either. Again: change the ban.

    Raises:
        ForbiddenError: the administrator bans themselves.
    """
    store, now = request.backend.store, request.now
    if user_id == request.user.id:
        raise ForbiddenError("You can't do this to yourself")
    until = now + body.seconds * 1000 if body.seconds else FOREVER
    changes = {"banned_until": until, "banned_at": now, "banned_by": request.user.id, "ban_reason": body.reason or None}
    _change(request, user_id, "ban", until=until, reason=body.reason or None, changes=changes)
    _end_seats(request, user_id)
    store.connection.sleep(LATE_SECONDS)
    _end_seats(request, user_id)
    return show_ban(get_standing(store, DEPLOYMENT, user_id))


def lift_ban(request: Request, user_id: str) -> None:
    """Let a user in again. Bans of single rooms stay. Nothing changes for a user who is not kept out."""
    if get_standing(request.backend.store, DEPLOYMENT, user_id).is_banned_at(request.now):
        nothing = dict.fromkeys(("banned_until", "banned_at", "banned_by", "ban_reason"))
        _change(request, user_id, "unban", changes=nothing)


def list_bans(request: Request, query: BansQuery) -> BanList:
    """A page of the users who are kept out of all rooms."""
    page, cursor = page_standings(request.backend.store, DEPLOYMENT, query.cursor)
    return BanList(bans=[show_ban(one) for one in page if one.is_banned_at(request.now)], cursor=cursor)


def _change(
    request: Request,
    user_id: str,
    action: str,
    *,
    changes: dict[str, object],
    until: Moment | None = None,
    reason: str | None = None,
) -> None:
    store, now, by = request.backend.store, request.now, request.user.id
    for _ in range(ATTEMPTS):
        standing, name = _read(store, user_id)
        line = AuditLine(DEPLOYMENT, new_line_id(now), action, by, now, user_id, name, reason, until)
        if store.transact([write_standing(standing, user_id, now, name=name, **changes), *put_lines(line)]):
            return
    raise UnavailableError("The user is moderated too often; try again")


def _read(store: Store, user_id: str) -> tuple[Standing, str | None]:
    """What is noted about a user, and the name that the user chose."""
    standing, profile = store.run_parallel(
        partial(get_standing, store, DEPLOYMENT, user_id), partial(get_profile, store, user_id)
    )
    return standing, profile.name if profile else standing.name


def _end_seats(request: Request, user_id: str) -> None:
    for seat in list_seats(request.backend.store, user_id):
        context = Context(request.backend, seat.room_id, request.user.id, request.now)
        evict(context, user_id, "removed")
