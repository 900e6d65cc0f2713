"""The writes that change a message. Each belongs to a transaction with the event that tells the room.

A message has the numbers of its last edit and of the last event of its reactions. A write is refused if this number is
not as it was read, so all changes of one kind are made in the order of their numbers.
"""

from dataclasses import replace
from typing import Any

from pynamodb.expressions.update import Action

from chalicelib.kernel.times import Moment
from chalicelib.log.table import MESSAGES, Message
from chalicelib.store import Condition, Update

BLANK: dict[str, Any] = {"text": "", "mentions": frozenset(), "reactions": frozenset(), "edit_keys": None}
"""What is left of a deleted message, beside its number, its author and its times."""


def edit_text(before: Message, after: Message, seq: int) -> Update:
    """The write of an edit with this number. It is refused if the message was edited or deleted since it was read.

    It is also refused if a mentioned user has deleted the account since then: the edit would bring the id back.
    """
    after = replace(after, edited_seq=seq)
    write = _change(before, after, "edited_seq", "text", "mentions", "edited_at", "edit_keys")
    mentions = set(before.mentions)
    is_as_read = MESSAGES.mentions == mentions if mentions else MESSAGES.mentions.does_not_exist()
    return replace(write, condition=write.condition & is_as_read)


def change_reactions(before: Message, after: Message, seq: int) -> Update:
    """The write of a reaction, by an event with this number. It is refused as an edit is."""
    return _change(before, replace(after, reacted_seq=seq), "reacted_seq", "reactions")


def blank(message: Message, now: Moment) -> Update:
    """The write that deletes a message. It is refused if somebody else has deleted it since it was read."""
    return _change(message, replace(message, deleted_at=now, **BLANK), "deleted_at", *BLANK)


def _change(before: Message, after: Message, version: str, *names: str) -> Update:
    """The write of these attributes, if the message is not deleted and `version` is as it was read."""
    actions = [_set(name, getattr(after, name)) for name in (version, *names)]
    condition = _is_there(before)
    if version != "deleted_at":
        condition &= _is_as_read(version, before)
    return Update(MESSAGES, (before.room_id, before.seq), actions, condition)


def is_unchanged(message: Message) -> Condition:
    """True if the message was neither edited nor deleted since it was read."""
    condition: Condition = _is_there(message) & _is_as_read("edited_seq", message)
    return condition


def _is_there(message: Message) -> Condition:
    condition: Condition = (MESSAGES.message_id == message.message_id) & MESSAGES.deleted_at.does_not_exist()
    return condition


def _is_as_read(version: str, message: Message) -> Condition:
    attribute, value = getattr(MESSAGES, version), getattr(message, version)
    condition: Condition = attribute.does_not_exist() if value is None else attribute == value
    return condition


def _set(name: str, value: object) -> Action:
    attribute = getattr(MESSAGES, name)
    action: Action = attribute.remove() if value is None or value == frozenset() else attribute.set(value)
    return action
