"""Frames: microphones."""

from chalicelib.contract import FrameContext, FrameSpec
from chalicelib.voice import service
from chalicelib.voice.schemas import Mic, MicToggled, Speaking, SpeakingChanged


def set_muted(context: FrameContext[Mic]) -> None:
    """Mute or unmute. Muting also ends speaking."""
    service.set_muted(context, context.frame)


def set_speaking(context: FrameContext[Speaking]) -> None:
    """Start or stop speaking. A muted member can't start."""
    service.set_speaking(context, context.frame)


FRAMES = (
    FrameSpec("mic", Mic, set_muted, example={"data": {"is_muted": False}}, price=3),
    FrameSpec("speaking", Speaking, set_speaking, example={"data": {"is_speaking": True}}, price=3),
)
EVENTS = (MicToggled, SpeakingChanged)
