"""Events of a room's log, as features write them.

edit(world, room_id, 3, "better")       # the frame `edited` shows the text of message 3
"""

from pydantic import BaseModel

from chalicelib import log
from chalicelib.log import Event, EventDraft
from chalicelib.log.table import MESSAGES
from chalicelib.store import Update
from tests.fakes.backend import NOW, World


class Change(BaseModel):
    """The data of an event."""

    what: str = ""
    text: str | None = None


def tell(world: World, room_id: str, what: str = "", *, now: int = NOW, by: str = "ada", about: str = "") -> int:
    """Commit an event. `about`: a user who also gets private data."""
    private = {"reason": "secret"} if about else None
    draft = EventDraft("told", Change(what=what), private=private, about_id=about or None)
    entry = log.commit(world.context(by, room_id, now), draft, [])
    assert isinstance(entry, Event)
    return entry.seq


def edit(world: World, room_id: str, seq: int, text: str, *, now: int = NOW, by: str = "ada") -> int:
    """Change the text of a message."""
    context = world.context(by, room_id, now)
    target = log.get_message(world.store, room_id, seq)
    draft = EventDraft("edited", Change(text=text), target=target, shows_text=True)
    position = log.allocate(context, draft)
    actions = [
        MESSAGES.text.set(text),
        MESSAGES.edited_at.set(now),
        MESSAGES.edited_seq.set(position.last_seq),
    ]
    entry = log.commit(context, draft, [Update(MESSAGES, (room_id, seq), actions)], position=position)
    assert isinstance(entry, Event)
    return entry.seq
