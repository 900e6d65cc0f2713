"""The numbered log of a room: commit an entry, read entries, recover what a client missed.

Every change that must not be lost is an entry of the log, and is made by `log.commit`.
"""

from chalicelib.log.reading import LOOKUP_BYTES, Page, list_following, list_newest, messages_of, read_messages
from chalicelib.log.service import (
    SHOWN,
    Draft,
    EventDraft,
    Numbered,
    Recovery,
    allocate,
    commit,
    commit_all,
    fill,
    has_retention_gap,
    recover,
    try_commit,
)
from chalicelib.log.table import (
    Entry,
    Event,
    LogPosition,
    Message,
    MessageType,
    Void,
    delete_page,
    get_entry,
    get_message,
    get_messages,
    get_position,
    get_positions,
    keep_for,
)

__all__ = [
    "LOOKUP_BYTES",
    "SHOWN",
    "Draft",
    "Entry",
    "Event",
    "EventDraft",
    "LogPosition",
    "Message",
    "MessageType",
    "Numbered",
    "Page",
    "Recovery",
    "Void",
    "allocate",
    "commit",
    "commit_all",
    "delete_page",
    "fill",
    "get_entry",
    "get_message",
    "get_messages",
    "get_position",
    "get_positions",
    "has_retention_gap",
    "keep_for",
    "list_following",
    "list_newest",
    "messages_of",
    "read_messages",
    "recover",
    "try_commit",
]
