"""Frames: who sent one, whether they may, and what it does."""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Generic, Literal, TypeVar

from pydantic import ValidationError

from chalicelib import chat, presence, recovery, seats, telemetry, voice
from chalicelib.backend import Backend
from chalicelib.errors import (
    CoworkingError,
    FrameTooLargeError,
    InternalError,
    InvalidRequestError,
    NotInRoomError,
    PeerUnavailableError,
    RateLimitedError,
    ReservedTypeError,
    RoomNotFoundError,
)
from chalicelib.limits import FrameLimits, Intervals
from chalicelib.presence import Parcel
from chalicelib.protocol import (
    ANNOUNCED_BY_CLIENTS,
    MAX_FRAME_BYTES,
    MAX_ID,
    RESERVED_TYPES,
    Ack,
    ByeData,
    ClientFrame,
    Error,
    ErrorData,
    Frame,
    Leave,
    Mic,
    PeerData,
    PeerJoined,
    Ping,
    Pong,
    PongData,
    SendEmoji,
    SendMessage,
    ServerFrame,
    Signal,
    Snapshot,
    SnapshotData,
    SnapshotRoom,
    Speaking,
    Sync,
    Typing,
    You,
    parse,
    read,
)
from chalicelib.records import Connection
from chalicelib.schemas import ParticipantView, RoomDetail, RoomMessage, field_errors, is_uuid
from chalicelib.sockets import memory
from chalicelib.store import connections, messages, participants, rooms
from chalicelib.store.client import together
from chalicelib.times import Moment, iso

F = TypeVar("F", bound=ClientFrame)

ROTATE_AFTER_MS = 105 * 60_000
LOOK_EVERY_MS = 15_000
MAX_RELAYED_BYTES = MAX_FRAME_BYTES + 2_000
"""A frame as long as it may be, and the stamps of the longest user id."""
MAX_SNAPSHOT_BYTES = 128_000
"""API Gateway posts 131,072 bytes at most."""
LONG_AVATAR = 400
"""In bytes: a full room of addresses as long as they may be would fill the frame."""
SIGNALS = frozenset({"offer", "answer", "ice-candidate"})
_TOO_FAST = ByeData(code="rate_limited", reason="Too many frames", action="reconnect")

_log = logging.getLogger(__name__)
_limits = FrameLimits()
looks = Intervals()
"""When this process last looked for expired members, by room."""
renewals = Intervals()
"""When this process last kept an HTTP lease alive, by connection."""


@dataclass(frozen=True)
class Sender:
    """Where a frame came from, as API Gateway tells."""

    connection_id: str
    endpoint: str
    connected_at: Moment = 0


@dataclass(frozen=True)
class Exchange(Generic[F]):
    """A frame from a connection whose room and user are known."""

    backend: Backend
    me: Connection
    raw: Frame
    frame: F
    now: Moment
    found: list[Connection] | None = None
    """The roster, where it was read to find out whose connection it is."""

    @property
    def room_id(self) -> str:
        return self.me.room_id

    @cached_property
    def roster(self) -> list[Connection]:
        """The room's connections, which prove that the sender is one of them.

        Raises:
            NotInRoomError: it isn't, or no longer.
        """
        roster = connections.roster(self.room_id) if self.found is None else self.found
        return _require_listed(self.me.connection_id, roster)

    @property
    def others(self) -> list[Connection]:
        """Everybody's connections but the sender's own."""
        return [one for one in self.roster if one.connection_id != self.me.connection_id]

    def answer(self, frame: ServerFrame) -> None:
        """Tell the sender."""
        presence.answer(self.backend, self.me, frame, self.now)

    def acks(self, data: RoomMessage | None = None) -> list[Parcel]:
        """What tells the sender that it is done, if they gave the frame a name."""
        if self.frame.id is None:
            return []
        return [(self.me, Ack(room_id=self.room_id, ts=iso(self.now), ref=self.frame.id, data=data).encode())]

    def acknowledge(self) -> None:
        """Tell the sender that it is done."""
        presence.send(self.backend, self.acks(), None, self.now)


def receive(backend: Backend, sender: Sender, text: str | None, now: Moment) -> None:
    """Do what a frame asks for; what is wrong with it comes back as an `error` frame.

    `text` is None where the message was no text.
    """
    raw: Frame = {}
    try:
        try:
            raw = parse(text)
        finally:
            _check_rate(sender, raw.get("type", ""), now)  # what is no frame counts as well
        frame = read(raw)
        telemetry.current().note(frame=frame.type if frame.type in HANDLERS else "relayed", ref=frame.id)
        me, found = identify(sender, raw, now)
        telemetry.current().note_user(me.user_id)
        telemetry.current().note(room_id=me.room_id)
        HANDLERS.get(frame.type, relay)(Exchange(backend, me, raw, frame, now, found))
    except CoworkingError as error:
        refuse(backend, sender, raw, error, now)
        if _limits.is_out(sender.connection_id, now):
            presence.dismiss(backend, [_place_of(sender, raw, now)], _TOO_FAST, now)
    except ValidationError as error:
        refuse(backend, sender, raw, InvalidRequestError(field_errors(error)), now)
    except Exception:  # noqa: BLE001  # logged with its trace; the sender is told that it was us
        _log.exception("a frame of type %s failed", raw.get("type"))
        refuse(backend, sender, raw, InternalError(), now)


def identify(sender: Sender, raw: Frame, now: Moment) -> tuple[Connection, list[Connection] | None]:
    """Whose connection it is, and in which room: remembered, or looked up where the frame says, or by the index; and
    the room's roster where that is what told.

    Raises:
        NotInRoomError: the connection is on no roster.
    """
    connection_id = sender.connection_id
    if known := memory.recall(connection_id):
        return known, None
    claimed, is_new = raw.get("roomId"), now - sender.connected_at < presence.NEWBORN_MS
    look_up = partial(connections.find_room, connection_id, is_new=is_new)
    places = (lambda: claimed if is_uuid(claimed) else None, look_up)
    for find in places:
        if room_id := find():
            roster = connections.roster(room_id)
            for connection in roster:
                if connection.connection_id == connection_id:
                    memory.remember(connection)
                    return connection, roster
    raise NotInRoomError


def relay(exchange: Exchange[ClientFrame]) -> None:
    """Pass the frame on whole to the others, with the server's stamps."""
    if exchange.frame.type in RESERVED_TYPES:
        raise ReservedTypeError(f"`{exchange.frame.type}` is the server's own")
    _pass_on(exchange, exchange.others)


def signal(exchange: Exchange[Signal]) -> None:
    """Pass signalling on to a user, to one connection, or to all others."""
    to = exchange.frame.to
    peers = [peer for peer in exchange.others if to in (None, peer.user_id, peer.connection_id)]
    if to is not None and not peers:
        raise PeerUnavailableError
    _pass_on(exchange, peers)


def typing(exchange: Exchange[Typing]) -> None:
    """Let the others know that the sender writes."""
    _pass_on(exchange, exchange.others)


def sync(exchange: Exchange[Sync]) -> None:
    """Bring a client up to date, and the first time tell its peers that it is there."""
    now, me, backend = exchange.now, exchange.me, exchange.backend
    room, members, missed, _ = together(
        partial(rooms.get, me.room_id),
        partial(participants.members, me.room_id),
        partial(recovery.recover, me.room_id, exchange.frame.last_seq, now),
        lambda: exchange.roster,
    )
    if room is None:
        raise RoomNotFoundError
    present = seats.end_expired(backend, me.room_id, members, now)
    if not participants.renew_socket_lease(me, presence.lease_end("socket", now), now):
        raise NotInRoomError
    if recovery.could_lack_some(room, exchange.frame.last_seq, missed, backend.settings.message_retention_days, now):
        missed = missed.lacking_some()
    data = SnapshotData(
        room=SnapshotRoom.of_detail(RoomDetail.compose(room, present, missed.messages), missed.last_seq),
        you=You(user_id=me.user_id, connection_id=me.connection_id),
        messages=[RoomMessage.of(message) for message in missed.messages],
        recovered=missed.recovered,
        last_seq=missed.last_seq,
    )
    exchange.answer(fit(Snapshot(room_id=me.room_id, ts=iso(now), ref=exchange.frame.id, data=data)))
    _announce(exchange)


def fit(snapshot: Snapshot) -> Snapshot:
    """The snapshot as API Gateway carries it: of messages too many for one frame only the newest, and it says so."""
    bare = _with(snapshot, messages=[])
    if len(bare.encode()) > MAX_SNAPSHOT_BYTES // 2:
        seated = [_without_long_avatar(participant) for participant in snapshot.data.room.participants]
        bare = _with(bare, room=snapshot.data.room.model_copy(update={"participants": seated}))
    left = MAX_SNAPSHOT_BYTES - len(bare.encode())
    kept: list[RoomMessage] = []
    for shown in reversed(snapshot.data.messages):
        left -= len(shown.model_dump_json().encode()) + 1
        if left < 0:
            return _with(bare, messages=kept[::-1], recovered=False)
        kept.append(shown)
    return _with(bare, messages=kept[::-1])


def _with(snapshot: Snapshot, **changes: object) -> Snapshot:
    return snapshot.model_copy(update={"data": snapshot.data.model_copy(update=changes)})


def _without_long_avatar(participant: ParticipantView) -> ParticipantView:
    is_long = participant.avatar is not None and len(participant.avatar.encode()) > LONG_AVATAR
    return participant.model_copy(update={"avatar": None}) if is_long else participant


def ping(exchange: Exchange[Ping]) -> None:
    """Keep the seat. One in a while looks after the seats of those who no longer can."""
    now, me = exchange.now, exchange.me
    held, head = together(
        partial(participants.renew_socket_lease, me, presence.lease_end("socket", now), now),
        partial(messages.head, me.room_id),
    )
    if not held:
        seats.end_expired(exchange.backend, me.room_id, participants.members(me.room_id), now)
        raise NotInRoomError
    data = PongData(last_seq=head.last_seq, rotate=now - me.connected_at >= ROTATE_AFTER_MS)
    exchange.answer(Pong(room_id=me.room_id, ts=iso(now), ref=exchange.frame.id, data=data))
    if looks.is_due(me.room_id, LOOK_EVERY_MS, now):
        seats.end_expired(exchange.backend, me.room_id, participants.members(me.room_id), now)


def message(exchange: Exchange[SendMessage]) -> None:
    """Store a chat message and push it."""
    _say(exchange, exchange.frame.text, "text")


def emoji(exchange: Exchange[SendEmoji]) -> None:
    """Store an emoji and push it."""
    _say(exchange, exchange.frame.emoji, "emoji")


def mic(exchange: Exchange[Mic]) -> None:
    """Mute or unmute."""
    voice.set_muted(exchange.backend, exchange.me.user_id, exchange.room_id, exchange.frame.is_muted, exchange.now)
    exchange.acknowledge()


def speaking(exchange: Exchange[Speaking]) -> None:
    """Speak or fall silent."""
    voice.set_speaking(
        exchange.backend, exchange.me.user_id, exchange.room_id, exchange.frame.is_speaking, exchange.now
    )
    exchange.acknowledge()


def leave(exchange: Exchange[Leave]) -> None:
    """Give up the seat: the ack, then `bye` to all of the user's connections in the room."""
    seats.leave(exchange.backend, exchange.me.user_id, exchange.room_id, exchange.now, exchange.acknowledge)


HANDLERS: dict[str, Callable[[Exchange[Any]], None]] = {
    "sync": sync,
    "ping": ping,
    "message": message,
    "emoji": emoji,
    "mic": mic,
    "speaking": speaking,
    "typing": typing,
    "offer": signal,
    "answer": signal,
    "ice-candidate": signal,
    "leave": leave,
}


def _require_listed(connection_id: str, roster: list[Connection]) -> list[Connection]:
    if all(connection.connection_id != connection_id for connection in roster):
        raise NotInRoomError
    return roster


def _say(exchange: Exchange[Any], text: str, kind: Literal["text", "emoji"]) -> None:
    me = exchange.me
    chat.say(exchange.backend, me.user_id, me.room_id, text, kind, exchange.frame.id, exchange.now, reply=exchange.acks)


def _pass_on(exchange: Exchange[Any], peers: list[Connection]) -> None:
    """Relay the frame as the client shaped it, stamped, and keep the seat of a client that knows no `ping`."""
    me, now = exchange.me, exchange.now
    stamped = exchange.raw | {
        "from": me.user_id,
        "connection": me.connection_id,
        "roomId": me.room_id,
        "ts": iso(now),
    }
    if exchange.frame.type in ANNOUNCED_BY_CLIENTS:
        own = {"userId": me.user_id}
        data = stamped.get("data")
        stamped["data"] = data | own if isinstance(data, dict) else own
        if "userId" in stamped:
            stamped |= own
    text = json.dumps(stamped, ensure_ascii=False, separators=(",", ":")).encode()
    if len(text) > MAX_RELAYED_BYTES:
        raise FrameTooLargeError("The frame is too large to be passed on")
    presence.send(exchange.backend, [*((peer, text) for peer in peers), *exchange.acks()], exchange.roster, now)
    if now - me.connected_at >= presence.RENEW_EVERY_MS and renewals.is_due(
        me.connection_id, presence.RENEW_EVERY_MS, now
    ):
        participants.renew_http_lease(me, presence.lease_end("http", now), now)


def _announce(exchange: Exchange[Any]) -> None:
    """Tell the peers first and note it then: of what goes wrong in between they hear twice, not never."""
    me = exchange.me
    if any(one.announced for one in exchange.roster if one.connection_id == me.connection_id):
        return
    joined = PeerJoined(
        room_id=me.room_id,
        ts=iso(exchange.now),
        sender=me.user_id,
        connection=me.connection_id,
        data=PeerData(user_id=me.user_id),
    )
    text = joined.encode()
    presence.send(exchange.backend, [(peer, text) for peer in exchange.others], exchange.roster, exchange.now)
    connections.note_announced(me.room_id, me.connection_id)


def _check_rate(sender: Sender, kind: str, now: Moment) -> None:
    if wait := _limits.check(sender.connection_id, kind in SIGNALS, now):
        raise RateLimitedError(wait)


def refuse(backend: Backend, sender: Sender, raw: Frame, error: CoworkingError, now: Moment) -> None:
    """Tell the sender what was wrong; `ref` names the frame where it has a name that is one."""
    telemetry.current().note(error=error.code)
    me = _place_of(sender, raw, now)
    name = raw.get("id")
    frame = Error(
        room_id=me.room_id,
        ts=iso(now),
        ref=name if isinstance(name, str) and 1 <= len(name) <= MAX_ID else None,
        data=ErrorData(code=error.code, detail=error.detail, **error.members()),
    )
    presence.answer(backend, me, frame, now)


def _place_of(sender: Sender, raw: Frame, now: Moment) -> Connection:
    """Where to answer; the room stays unnamed where nobody knows it."""
    try:
        return identify(sender, raw, now)[0]
    except CoworkingError:
        pass  # the sender is told already, or about to be
    except Exception:  # noqa: BLE001  # logged; an answer without the room is better than none
        _log.exception("connection %s could not be looked up", sender.connection_id)
    return Connection("", sender.connection_id, "", sender.endpoint, connected_at=now, announced=False)
