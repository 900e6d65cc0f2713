"""What an entry of a log says about a user, for an export."""

import json
from collections.abc import Iterator
from typing import Any

from chalicelib.account.schemas import ItemKind
from chalicelib.kernel.fingerprints import fingerprint
from chalicelib.kernel.times import iso
from chalicelib.log import Entry, Event, Message
from chalicelib.log.redaction import redact


def show_entry(entry: Entry, user_id: str) -> Iterator[tuple[ItemKind, dict[str, Any]]]:
    """The items that an export has of an entry: none if it is not about the user."""
    if isinstance(entry, Message):
        yield from _show_message(entry, user_id)
    elif redact(entry, user_id, 0) != entry and isinstance(entry, Event):
        yield "event", _show_event(entry, user_id)


def _show_message(message: Message, user_id: str) -> Iterator[tuple[ItemKind, dict[str, Any]]]:
    head = {"seq": message.seq, "created_at": iso(message.created_at)}
    if user_id in (message.user_id, message.about_id):
        rest = {
            "type": message.type,
            "user": message.user,
            "text": message.text,
            "edited_at": iso(message.edited_at) if message.edited_at else None,
            "deleted": message.deleted_at is not None,
            "reply_to": message.reply_to,
            "mentions": sorted(message.mentions),
        }
        yield "message", head | rest
    elif user_id in message.mentions:
        yield "mention", head
    own = f" {fingerprint(message.room_id, user_id)}"
    if emoji := sorted(one.removesuffix(own) for one in message.reactions if one.endswith(own)):
        yield "reaction", head | {"emoji": emoji}


def _show_event(event: Event, user_id: str) -> dict[str, Any]:
    """The event as the user sees it: the reason of an act is shown to both sides."""
    sees_all = user_id in (event.user_id, event.about_id)
    private = json.loads(event.private) if event.private and sees_all else {}
    head = {"seq": event.seq, "type": event.kind, "created_at": iso(event.created_at), "from": event.user_id}
    return head | {"data": json.loads(event.data) | private}
