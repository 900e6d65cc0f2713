"""The data of a user, page by page: profile, rooms, seats and notes, and then one room after the other.

A cursor names the place after the last item of its page. What changes between two pages may be missing, or come twice.
"""

from collections.abc import Callable, Iterator
from functools import cached_property, partial
from typing import Any

from chalicelib.account.entries import show_entry
from chalicelib.account.notes import find_kind, read_notes, show_note
from chalicelib.account.schemas import Export, ExportItem, ExportQuery
from chalicelib.account.table import Places, find_places
from chalicelib.contract import Request
from chalicelib.contract.cursors import read_cursor, write_cursor
from chalicelib.contract.sizes import MAX_ANSWER_BYTES, answer_bytes
from chalicelib.grants.table import STANDINGS
from chalicelib.identity.profiles import get_profile
from chalicelib.kernel.times import iso
from chalicelib.log.table import MESSAGES, read_entry
from chalicelib.personal.table import MARKERS, ReadMarker, marker_key
from chalicelib.rooms.schemas import RoomSummary
from chalicelib.rooms.table import get_room, list_owned, owner_of
from chalicelib.seats.table import Participant, get_participant, list_seats

_LIST = "export"
_STEPS = 8
"""Queries of one page. Each reads at most 1 MB."""
_ENTRIES, _NOTES = 100, 50
_FRAME_BYTES = 3_000
"""The other fields of a page."""
Place = tuple[str, str, str | int]
"""A part of the data, a room, and the last item before the place."""
Found = tuple[list[tuple[ExportItem, Place]], Place | None]
"""Items, each with the place after it, and the place where to go on, if there is more."""


def export_data(request: Request, query: ExportQuery) -> Export:
    """One page of what the service holds about the caller.

    Raises:
        InvalidCursorError: the cursor was not made by this service.
    """
    secret, reader = request.backend.secret, _Reader(request)
    place: Place | None = read_cursor(secret, _LIST, query.cursor) if query.cursor else ("account", "", 0)
    items: list[ExportItem] = []
    left, steps = MAX_ANSWER_BYTES - _FRAME_BYTES, 0
    while place and steps < _STEPS and left >= 0:
        found, following = reader.read(*place)
        for item, after in found:
            left -= answer_bytes(item) + 1
            if left < 0:
                break
            items.append(item)
            place = after
        else:
            place = following
        steps += 1
    return Export(items=items, next=write_cursor(secret, _LIST, place) if place else None)


class _Reader:
    """Reads the parts of the data, each from a place."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._store, self._user_id = request.backend.store, request.user.id

    def read(self, part: str, room_id: str, last: Any) -> Found:
        """The next items of a part."""
        parts: dict[str, Callable[[str, Any], Found]] = {
            "notes": self._read_notes,
            "marker": self._read_marker,
            "log": self._read_log,
            "acts": self._read_acts,
        }
        return parts[part](room_id, last) if part in parts else self._read_account(last)

    @cached_property
    def _places(self) -> Places:
        return find_places(self._store, self._user_id)

    def _read_account(self, done: int) -> Found:
        """The profile, the rooms that the user owns, and the seats: few rows, read again after `done` items."""
        items = list(_list_account(self._request))
        return [(item, ("account", "", n)) for n, item in enumerate(items, 1) if n > done], ("notes", "", "")

    def _read_notes(self, room_id: str, last: str) -> Found:
        """The rows of `grants` that belong to the user, from the index."""
        start = {"user_id": {"S": self._user_id}, "room_id": {"S": room_id}, "kind_id": {"S": last}} if last else None
        found, next_key = self._store.page(STANDINGS, self._user_id, start=start, index_name="by_user", limit=_NOTES)
        keys = [(one["room_id"]["S"], one["kind_id"]["S"]) for one in found]
        notes = {(one.room_id, one.kind_id): (kind, one) for kind, one in read_notes(self._store, keys)}
        items: list[tuple[ExportItem, Place]] = [
            (self._show_note(*notes[key]), ("notes", *key)) for key in keys if key in notes
        ]
        return items, ("notes", *keys[-1]) if next_key else self._begin_room("")

    def _read_marker(self, room_id: str, _: Any) -> Found:
        """How far the user has read the log of a room."""
        following: Place = ("log", room_id, 0)
        marker = self._store.get(MARKERS, marker_key(self._user_id, room_id))
        shown = [ExportItem(kind="marker", room_id=room_id, data=_show_marker(marker))] if marker else []
        return [(item, following) for item in shown], following

    def _read_log(self, room_id: str, last: int) -> Found:
        """The entries of a log that are by the user, or about the user."""
        found, next_key = self._store.page(MESSAGES, room_id, MESSAGES.seq > last, limit=_ENTRIES)
        items: list[tuple[ExportItem, Place]] = []
        for entry in map(read_entry, found):
            shown = list(show_entry(entry, self._user_id))
            for n, (kind, data) in enumerate(shown, 1):
                after = entry.seq if n == len(shown) else entry.seq - 1  # a page may end between both
                items.append((ExportItem(kind=kind, room_id=room_id, data=data), ("log", room_id, after)))
        if next_key:
            return items, ("log", room_id, int(found[-1]["seq"]["N"]))
        return items, ("acts", room_id, "") if room_id in self._places.acted else self._begin_room(room_id)

    def _read_acts(self, room_id: str, last: str) -> Found:
        """The rows of a room that belong to others, on whom the user acted."""
        condition = STANDINGS.kind_id > last if last else None
        found, next_key = self._store.page(STANDINGS, room_id, condition, limit=_NOTES)
        items: list[tuple[ExportItem, Place]] = []
        for one in found:
            kind_id = one["kind_id"]["S"]
            if kind := find_kind(kind_id):
                note = kind.table.read(one)
                if note.user_id != self._user_id and kind.roles_of(note, self._user_id):
                    items.append((self._show_note(kind, note), ("acts", room_id, kind_id)))
        return items, ("acts", room_id, found[-1]["kind_id"]["S"]) if next_key else self._begin_room(room_id)

    def _show_note(self, kind: Any, note: Any) -> ExportItem:
        return ExportItem(kind=kind.name, room_id=note.room_id, data=show_note(kind, note, self._user_id))

    def _begin_room(self, after: str) -> Place | None:
        return next((("marker", room_id, 0) for room_id in self._places.rooms if room_id > after), None)


def _list_account(request: Request) -> Iterator[ExportItem]:
    store, user_id = request.backend.store, request.user.id
    profile, owned, seats = store.run_parallel(
        partial(get_profile, store, user_id),
        partial(list_owned, store, owner_of(user_id)),
        partial(list_seats, store, user_id),
    )
    if profile:
        yield ExportItem(kind="profile", data={"id": user_id, "name": profile.name, "avatar": profile.avatar})
    for _, room_id in owned:
        if room := get_room(store, room_id):
            yield ExportItem(
                kind="room", room_id=room_id, data=RoomSummary.of(room, request.backend.settings).model_dump()
            )
    for seat in seats:
        if member := get_participant(store, seat.room_id, user_id):
            yield ExportItem(kind="seat", room_id=seat.room_id, data=_show_seat(member))


def _show_marker(marker: ReadMarker) -> dict[str, Any]:
    shown = {name: getattr(marker, name) for name in ("read_seq", "mentions_n", "mentions_read", "mentioned_seq")}
    return shown | {"visited_at": iso(marker.visited_at) if marker.visited_at else None}


def _show_seat(member: Participant) -> dict[str, Any]:
    shown = {name: getattr(member, name) for name in ("name", "avatar", "is_muted", "role", "read_seq")}
    return shown | {"joined_at": iso(member.joined_at)}
