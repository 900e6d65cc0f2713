"""Frames that concern the seat: sync, ping, leave."""

from functools import partial

from chalicelib import log
from chalicelib.contract import Access, FrameContext, FrameSpec
from chalicelib.contract.frames import TEXT_PING
from chalicelib.delivery import OutboundFrame
from chalicelib.kernel.errors import NotInRoomError
from chalicelib.seats import service
from chalicelib.seats.broadcast import announce, deliver, reply
from chalicelib.seats.connections import mark_announced
from chalicelib.seats.endings import end_expired
from chalicelib.seats.leases import lease_end
from chalicelib.seats.roster import list_peers, require_roster
from chalicelib.seats.schemas import (
    Bye,
    Leave,
    PeerJoined,
    PeerLeft,
    Ping,
    Pong,
    PongData,
    PresenceChanged,
    SeqUnused,
    Snapshot,
    Sync,
    UserJoined,
    UserLeft,
)
from chalicelib.seats.snapshot import make_snapshot
from chalicelib.seats.table import list_participants, renew_socket_lease

ROTATE_AFTER_MS = 105 * 60_000
CHECK_EVERY_MS = 15_000


def sync(context: FrameContext[Sync]) -> None:
    """Send the client a snapshot of the room and the messages it missed.

    The first `sync` of a connection also announces it to its peers.
    """
    reply(context, context.connection, make_snapshot(context))
    _announce(context)


def ping(context: FrameContext[Ping]) -> None:
    """Renew the lease. At most every 15 s per room, this also ends memberships whose lease ran out."""
    store, now, connection = context.store, context.now, context.connection
    held, position = store.run_parallel(
        partial(renew_socket_lease, store, connection, lease_end(context, "socket"), now),
        partial(log.get_position, store, context.room_id),
    )
    if not held:
        _end_expired(context)
        raise NotInRoomError
    context.prove(Access.MEMBER)
    if context.raw is TEXT_PING:
        deliver(context, [OutboundFrame(connection, b"pong")], None)
    else:
        data = PongData(last_seq=position.last_seq, rotate=now - connection.connected_at >= ROTATE_AFTER_MS)
        reply(context, connection, context.stamp(Pong, ref=context.frame.id, data=data))
    if context.backend.expiry_checks.allow(context.room_id, CHECK_EVERY_MS, now):
        _end_expired(context)


def leave(context: FrameContext[Leave]) -> None:
    """Give up the seat. After the ack, all connections of the user in the room get `bye`."""
    service.leave(context)


def _end_expired(context: FrameContext[Ping]) -> None:
    end_expired(context, list_participants(context.store, context.room_id))


def _announce(context: FrameContext[Sync]) -> None:
    """Announce a new connection to its peers, then mark it as announced. If marking fails, they are told again."""
    roster, own = require_roster(context), context.connection.connection_id
    if any(one.announced for one in roster if one.connection_id == own):
        return
    joined = announce(context, context.connection).encode()
    deliver(context, [OutboundFrame(peer, joined) for peer in list_peers(context)], roster)
    mark_announced(context.store, context.connection)


FRAMES = (
    FrameSpec("sync", Sync, sync, example={"data": {"last_seq": 41}}, price=10, answers=("snapshot",)),
    FrameSpec("ping", Ping, ping, example={"data": {"last_seq": 42}}, price=3, answers=("pong",)),
    FrameSpec("leave", Leave, leave, answers=("ack", "bye")),
)
EVENTS = (Snapshot, Pong, UserJoined, UserLeft, SeqUnused, PresenceChanged, PeerJoined, PeerLeft, Bye)
