"""The registry: every feature's routes, frames and events.

Dispatch, the reserved frame types, OpenAPI, AsyncAPI and the TypeScript declarations follow from it.
"""

import chalicelib.access.schemas
import chalicelib.access.views
import chalicelib.account.views
import chalicelib.chat.frames
import chalicelib.chat.views
import chalicelib.grants.schemas
import chalicelib.lifecycle.schemas
import chalicelib.lifecycle.views
import chalicelib.moderation.frames
import chalicelib.moderation.views
import chalicelib.profiles.views
import chalicelib.reactions.frames
import chalicelib.reactions.views
import chalicelib.relay.frames
import chalicelib.roles.schemas
import chalicelib.roles.views
import chalicelib.rooms.views
import chalicelib.seats.frames
import chalicelib.seats.views
import chalicelib.unread.frames
import chalicelib.unread.views
import chalicelib.voice.frames
import chalicelib.voice.views
from chalicelib.contract.frames import Ack, Error

ROUTES = (
    *chalicelib.account.views.ROUTES,
    *chalicelib.profiles.views.ROUTES,
    *chalicelib.rooms.views.ROUTES,
    *chalicelib.seats.views.ROUTES,
    *chalicelib.chat.views.ROUTES,
    *chalicelib.unread.views.ROUTES,
    *chalicelib.reactions.views.ROUTES,
    *chalicelib.voice.views.ROUTES,
    *chalicelib.access.views.ROUTES,
    *chalicelib.lifecycle.views.ROUTES,
    *chalicelib.roles.views.ROUTES,
    *chalicelib.moderation.views.ROUTES,
)

FRAMES = {
    spec.name: spec
    for spec in (
        *chalicelib.seats.frames.FRAMES,
        *chalicelib.chat.frames.FRAMES,
        *chalicelib.unread.frames.FRAMES,
        *chalicelib.reactions.frames.FRAMES,
        *chalicelib.voice.frames.FRAMES,
        *chalicelib.moderation.frames.FRAMES,
        *chalicelib.relay.frames.FRAMES,
    )
}
OTHER_FRAMES = chalicelib.relay.frames.OTHER

EVENTS = (
    Ack,
    Error,
    *chalicelib.seats.frames.EVENTS,
    *chalicelib.chat.frames.EVENTS,
    *chalicelib.reactions.frames.EVENTS,
    *chalicelib.voice.frames.EVENTS,
    *chalicelib.lifecycle.schemas.EVENTS,
    *chalicelib.grants.schemas.EVENTS,
    *chalicelib.access.schemas.EVENTS,
    *chalicelib.roles.schemas.EVENTS,
    *chalicelib.moderation.frames.EVENTS,
)
"""The frames that the server sends."""

RESERVED_TYPES = frozenset(event.type_name() for event in EVENTS) - chalicelib.relay.frames.ANNOUNCEMENTS
"""Types that clients must not send."""
