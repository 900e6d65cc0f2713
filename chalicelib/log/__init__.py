"""The numbered log of a room: commit an entry, read entries, recover what a client missed.

Every change that must not be lost is an entry of the log, and is made by `log.commit`.
"""

from chalicelib.log.service import SHOWN, Draft, Recovery, commit, has_retention_gap, recover
from chalicelib.log.table import (
    Entry,
    LogPosition,
    Message,
    MessageType,
    Void,
    allocate,
    delete_page,
    get_message,
    get_position,
    list_following,
    list_messages,
    list_newest,
    messages_of,
)

__all__ = [
    "SHOWN",
    "Draft",
    "Entry",
    "LogPosition",
    "Message",
    "MessageType",
    "Recovery",
    "Void",
    "allocate",
    "commit",
    "delete_page",
    "get_message",
    "get_position",
    "has_retention_gap",
    "list_following",
    "list_messages",
    "list_newest",
    "messages_of",
    "recover",
]
