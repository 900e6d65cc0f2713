"""The numbered log of a room: commit an entry, read entries, recover what a client missed.

Every change that must not be lost is an entry of the log, and is made by `log.commit`.
"""

from chalicelib.log.reading import Page, list_following, list_newest, messages_of
from chalicelib.log.service import SHOWN, Draft, Recovery, allocate, commit, has_retention_gap, recover
from chalicelib.log.table import (
    Entry,
    LogPosition,
    Message,
    MessageType,
    Void,
    delete_page,
    get_message,
    get_position,
)

__all__ = [
    "SHOWN",
    "Draft",
    "Entry",
    "LogPosition",
    "Message",
    "MessageType",
    "Page",
    "Recovery",
    "Void",
    "allocate",
    "commit",
    "delete_page",
    "get_message",
    "get_position",
    "has_retention_gap",
    "list_following",
    "list_newest",
    "messages_of",
    "recover",
]
