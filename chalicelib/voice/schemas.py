"""The wire types of microphones."""

from typing import Literal

from pydantic import StrictBool

from chalicelib.contract import Answer, Body, ClientFrame, Data, ServerFrame
from chalicelib.contract.frames import Sender


class MicToggleRequest(Body):
    """Muted or not; a strict boolean."""

    is_muted: StrictBool


class SpeakingStatusRequest(Body):
    """Speaking or not; a strict boolean."""

    is_speaking: StrictBool


class MicToggleResponse(Answer):
    """The microphone as it is now."""

    success: Literal[True] = True
    is_muted: bool


class SpeakingStatusResponse(Answer):
    """Speaking or not, as it is now."""

    success: Literal[True] = True
    is_speaking: bool


class Mic(ClientFrame, MicToggleRequest):
    """Mutes or unmutes the sender."""

    type: Literal["mic"]


class Speaking(ClientFrame, SpeakingStatusRequest):
    """The sender starts or stops speaking."""

    type: Literal["speaking"]


class MicToggledData(Data):
    """The user, and whether they are muted now."""

    user_id: str
    is_muted: bool


class MicToggled(ServerFrame):
    """A participant muted or unmuted."""

    type: Literal["mic_toggled"] = "mic_toggled"
    sender: Sender = None
    data: MicToggledData


class SpeakingChangedData(Data):
    """The user, and whether they speak now."""

    user_id: str
    is_speaking: bool


class SpeakingChanged(ServerFrame):
    """A participant started or stopped speaking."""

    type: Literal["speaking_changed"] = "speaking_changed"
    sender: Sender = None
    data: SpeakingChangedData
