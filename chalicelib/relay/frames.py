"""Frames that are relayed: typing, WebRTC signalling, and every type that no feature declares."""

import json
from typing import Any

from chalicelib.contract import Frame, FrameContext, FrameSpec
from chalicelib.delivery import Connection, OutboundFrame
from chalicelib.kernel.errors import FrameTooLargeError, PeerUnavailableError
from chalicelib.kernel.times import iso
from chalicelib.relay.schemas import Relay, Signal, Typing
from chalicelib.seats.broadcast import deliver
from chalicelib.seats.leases import renew_by_frame
from chalicelib.seats.roster import list_peers

MAX_BYTES_TO_ALL = 8_000
"""Without the stamps. Signalling and frames to one peer may be larger: older WebRTC clients send their SDP in types of
their own."""
MAX_STAMPED_BYTES = 34_000
"""A frame of the largest size, and 2,000 bytes for the stamps."""
ANNOUNCEMENTS = frozenset({"user-joined", "user-left"})
"""Server types that existing WebRTC clients send, too. They are relayed with the sender's own user id."""


def relay(context: FrameContext[Relay]) -> None:
    """Relay the frame to the others, with the server's stamps. A misspelt type is relayed, too.

    With `to`, it goes to one user or one connection.
    """
    _forward(context, _find_peers(context))


def typing(context: FrameContext[Typing]) -> None:
    """Tell the others that the sender is typing. Nothing is stored."""
    _forward(context, _find_peers(context))


def signal(context: FrameContext[Signal]) -> None:
    """Relay signalling to the others. With `to`, it goes to one user or one connection."""
    _forward(context, _find_peers(context))


def _find_peers(context: FrameContext[Any]) -> list[Connection]:
    """The peers that `to` names; without `to`, all.

    If a `to` under `data` names no peer, it may be an address of the client's own, as in y-webrtc. Then all receive the
    frame, unless it is signalling.

    Raises:
        PeerUnavailableError: `to` names no peer.
        FrameTooLargeError: the frame goes to all, and is too large for that.
    """
    to, peers, is_signal = context.frame.to, list_peers(context), isinstance(context.frame, Signal)
    if named := [peer for peer in peers if to in (peer.user_id, peer.connection_id)]:
        return named
    if to is not None and ("to" in context.raw or is_signal):
        raise PeerUnavailableError
    if not is_signal and len(_encode(context.raw)) > MAX_BYTES_TO_ALL:
        raise FrameTooLargeError(f"A frame to all others has at most {MAX_BYTES_TO_ALL} bytes")
    return peers


def _forward(context: FrameContext[Any], peers: list[Connection]) -> None:
    """Send the frame as the client shaped it, with stamps. Also renews the HTTP lease of a client without `ping`."""
    data = _encode(_stamped(context))
    if len(data) > MAX_STAMPED_BYTES:
        raise FrameTooLargeError("The frame is too large to be relayed")
    frames = [OutboundFrame(peer, data) for peer in peers]
    deliver(context, [*context.claim_ack(), *frames], context.prefetched_roster)
    renew_by_frame(context)


def _encode(frame: Frame) -> bytes:
    return json.dumps(frame, ensure_ascii=False, separators=(",", ":")).encode()


def _stamped(context: FrameContext[Any]) -> dict[str, Any]:
    """The frame with the sender's user id, connection and room; fields of the same names are replaced."""
    stamped = context.raw | {
        "from": context.user_id,
        "connection": context.connection.connection_id,
        "roomId": context.room_id,
        "ts": iso(context.now),
    }
    if context.frame.type in ANNOUNCEMENTS:
        own = {"userId": context.user_id}
        data = stamped.get("data")
        stamped["data"] = data | own if isinstance(data, dict) else own
        if "userId" in stamped:
            stamped |= own
    return stamped


def _signal(kind: str, example: dict[str, Any]) -> FrameSpec:
    return FrameSpec(kind, Signal, signal, example, is_signal=True, is_relayed=True)


FRAMES = (
    FrameSpec("typing", Typing, typing, example={"to": "user-2", "data": {"is_typing": True}}, is_relayed=True),
    _signal("offer", {"to": "user-2", "data": {"sdp": "v=0"}}),
    _signal("answer", {"to": "user-1", "data": {"sdp": "v=0"}}),
    _signal(
        "ice-candidate",
        {"to": "user-2", "data": {"candidate": "candidate:1 1 udp 1 192.0.2.1 5000 typ host"}},
    ),
)
_EXAMPLE = {"type": "whiteboard", "to": "user-2", "data": {"x": 3, "y": 4}}
OTHER = FrameSpec("relay", Relay, relay, example=_EXAMPLE, is_relayed=True)
"""Handles every type that no feature declares and the server does not send."""
