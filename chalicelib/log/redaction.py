"""Remove a user from the log of a room. Numbers stay; ids, names and texts of the user go."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from chalicelib.kernel.errors import UnavailableError
from chalicelib.kernel.times import Moment
from chalicelib.log.changes import BLANK
from chalicelib.log.schemas import DELETED_USER
from chalicelib.log.table import EVENTS, MESSAGES, Entry, Event, Message, Void, read_entry
from chalicelib.store import ATTEMPTS, Store

PAGE = 100
_PARALLEL = 25
Change = tuple[Entry, Entry]
"""An entry as it was read, and as it is written."""


def erase_page(store: Store, room_id: str, user_id: str, after: int, now: Moment) -> int | None:
    """Rewrite those of the next 100 entries that name a user. Returns the last number, or None if there are no more.

    The cost grows with the log: its own read units, and one or more write units for each entry that names the user.
    An edit or a reaction at the same moment makes it read the entries again.
    """
    for _ in range(ATTEMPTS):
        items, next_key = store.page(MESSAGES, room_id, MESSAGES.seq > after, limit=PAGE, consistent_read=True)
        entries = [(entry, redact(entry, user_id, now)) for entry in map(read_entry, items)]
        named = [(before, redacted) for before, redacted in entries if before != redacted]
        if all(_replace_all(store, batch) for batch in _batches(named)):
            return entries[-1][0].seq if next_key else None
    raise UnavailableError


def redact(entry: Entry, user_id: str, now: Moment) -> Entry:
    """The entry without this user."""
    if isinstance(entry, Message):
        return _redact_message(entry, user_id, now)
    return entry if isinstance(entry, Void) else _redact_event(entry, user_id)


def _redact_message(message: Message, user_id: str, now: Moment) -> Message:
    if message.user_id == user_id:
        return replace(message, user_id=None, user=DELETED_USER, deleted_at=message.deleted_at or now, **BLANK)
    if message.about_id == user_id:
        text = message.text.replace(message.about_name or "\n", DELETED_USER, 1)
        return replace(message, text=text, about_id=None, about_name=DELETED_USER, about_role=None)
    return replace(message, mentions=message.mentions - {user_id})


def _redact_event(event: Event, user_id: str) -> Event:
    """What a moderator wrote about the user goes, and what the user wrote as a moderator."""
    is_named = user_id in (event.user_id, event.about_id)
    return replace(
        event,
        user_id=None if event.user_id == user_id else event.user_id,
        about_id=None if event.about_id == user_id else event.about_id,
        data=_scrub_text(event.data, user_id),
        private=None if is_named or event.private is None else _scrub_text(event.private, user_id),
    )


def _scrub_text(text: str, user_id: str) -> str:
    """JSON without a user. A text that does not name the user stays as it is, to the byte."""
    before = json.loads(text)
    after = scrub(before, user_id)
    return text if after == before else json.dumps(after, ensure_ascii=False, separators=(",", ":"))


def scrub(value: Any, user_id: str) -> Any:
    """JSON without the id of a user, and without the name and the reason beside it."""
    if isinstance(value, list):
        return [scrub(one, user_id) for one in value if one != user_id]
    if isinstance(value, dict):
        named = {key for key, one in value.items() if one == user_id}
        gone: dict[str, Any] = dict.fromkeys(named | ({"reason"} if named else set()))
        if "user_id" in named:
            gone |= {"name": DELETED_USER, "avatar": None}
        return {key: gone[key] if key in gone else scrub(one, user_id) for key, one in value.items()}
    return value


def _replace_all(store: Store, changes: Sequence[Change]) -> bool:
    """Write changed entries at the same time. False if one of them is no longer as it was read."""
    return all(store.run_parallel(*(partial(_replace, store, *change) for change in changes)))


def _replace(store: Store, before: Entry, after: Entry) -> bool:
    if isinstance(before, Event) and isinstance(after, Event):
        return store.replace(EVENTS, before, after)
    return isinstance(before, Message) and isinstance(after, Message) and store.replace(MESSAGES, before, after)


def _batches(changes: Sequence[Change]) -> Iterator[Sequence[Change]]:
    return (changes[start : start + _PARALLEL] for start in range(0, len(changes), _PARALLEL))
