"""Your microphone in a room."""

from chalicelib import voice
from chalicelib.api.operation import Call, operation
from chalicelib.errors import MutedError, NotInRoomError, RoomNotFoundError
from chalicelib.schemas import MicToggled, MicToggleRequest, SpeakingChanged, SpeakingStatusRequest


@operation(RoomNotFoundError, NotInRoomError)
def toggle_mic(call: Call, body: MicToggleRequest) -> MicToggled:
    """Mute, which also ends speaking, or unmute."""
    voice.set_muted(call.backend, call.user.id, call.room_id, body.is_muted, call.now)
    return MicToggled(is_muted=body.is_muted)


@operation(RoomNotFoundError, NotInRoomError, MutedError)
def set_speaking(call: Call, body: SpeakingStatusRequest) -> SpeakingChanged:
    """Speak or fall silent."""
    voice.set_speaking(call.backend, call.user.id, call.room_id, body.is_speaking, call.now)
    return SpeakingChanged(is_speaking=body.is_speaking)
