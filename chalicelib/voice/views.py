"""HTTP: microphones."""

from chalicelib.contract import Access, Request, Route
from chalicelib.kernel.errors import MutedByModeratorError, MutedError, NotInRoomError
from chalicelib.voice import service
from chalicelib.voice.schemas import (
    MicToggleRequest,
    MicToggleResponse,
    SpeakingStatusRequest,
    SpeakingStatusResponse,
)


def toggle_mic(request: Request, body: MicToggleRequest) -> MicToggleResponse:
    """Mute or unmute. Muting also ends speaking."""
    service.set_muted(request.context, body)
    return MicToggleResponse.model_validate(body)


def set_speaking(request: Request, body: SpeakingStatusRequest) -> SpeakingStatusResponse:
    """Start or stop speaking. A muted member can't start."""
    service.set_speaking(request.context, body)
    return SpeakingStatusResponse.model_validate(body)


_ROOM = "/coworking/rooms/{room_id}"
ROUTES = (
    Route(
        "PUT", f"{_ROOM}/mic-toggle", toggle_mic, access=Access.MEMBER, errors=(NotInRoomError, MutedByModeratorError)
    ),
    Route("PUT", f"{_ROOM}/speaking", set_speaking, access=Access.MEMBER, errors=(NotInRoomError, MutedError)),
)
