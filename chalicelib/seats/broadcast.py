"""Frames to the connections of a room, and what it means for a member that a connection is gone."""

import logging
from collections.abc import Iterable, Sequence
from functools import partial

from chalicelib.contract import Context, ServerFrame
from chalicelib.delivery import Close, Connection, DeliveryReport, OutboundFrame
from chalicelib.delivery.fanout import NEWBORN_MS
from chalicelib.kernel import telemetry
from chalicelib.kernel.times import Moment
from chalicelib.seats.connections import get_roster, remove_connection
from chalicelib.seats.leases import GRACE_MS
from chalicelib.seats.schemas import Bye, ByeData, PeerData, PeerJoined, PeerLeft, PresenceChanged, PresenceChangedData
from chalicelib.seats.table import detach, detach_last
from chalicelib.store.budgets import count_units

_log = logging.getLogger(__name__)


def broadcast(context: Context, frame: ServerFrame, roster: Sequence[Connection], *, ack: object = None) -> None:
    """Send a frame to all connections of the roster. The ack that the sender is owed is sent with it, with data `ack`.

    If a push fails, the act still succeeds: it is already stored.
    """
    data = frame.encode(context.backend.avatar_hosts)
    deliver(context, [*context.claim_ack(ack), *(OutboundFrame(one, data) for one in roster)], roster)


def reply(context: Context, connection: Connection, frame: ServerFrame) -> None:
    """Send a frame to one connection."""
    deliver(context, [OutboundFrame(connection, frame.encode(context.backend.avatar_hosts))], None)


def deliver(context: Context, frames: Sequence[OutboundFrame], roster: Sequence[Connection] | None) -> None:
    """Send frames, and treat connections that are gone as disconnected.

    `roster` is told of the connections that are gone. None means that it is read if it is needed.
    """
    report = _post(context, frames)
    gone = _old_enough(report.gone, context.now)
    if not gone:
        return
    try:
        others = get_roster(context.store, context.room_id) if roster is None else roster
        handle_gone(context, gone, [one for one in others if one not in report.gone])
    except Exception:  # noqa: BLE001  # logged; the next push or the end of the lease does it
        _log.exception("connections that are gone could not be removed")


def handle_gone(context: Context, gone: Iterable[Connection], roster: Sequence[Connection]) -> None:
    """Remove connections that are gone. A member whose last connection went is offline; the others are told.

    Telling the roster may show that more connections are gone; they are handled in the same loop. A connection that
    fails does not keep the roster from hearing of the others; its failure is raised at the end.
    """
    pending, left = list(dict.fromkeys(gone)), list(roster)
    failures: list[Exception] = []
    while pending:
        frames = []
        for connection in pending:
            has_others = any(other.user_id == connection.user_id for other in left)
            try:
                if _detach(context, connection, has_others=has_others):
                    told = _tell_offline(context, connection, left)
                    _charge(context.for_user(connection.user_id), told)  # the user of the connection pays
                    frames += told
            except Exception as error:  # noqa: BLE001  # raised below
                failures.append(error)
        report = _post(context.for_user(""), frames)
        pending = _old_enough(report.gone, context.now)
        left = [one for one in left if one not in report.gone]
    if failures:
        raise failures[0]


def close_all(context: Context, leaving: Sequence[Connection], reason: ByeData) -> None:
    """Send `bye` to connections that are off the roster, then close them."""
    say_bye(context, leaving, reason)
    close_connections(context, leaving)


def say_bye(context: Context, leaving: Sequence[Connection], reason: ByeData) -> None:
    """Send `bye`. The caller removes the connections from the roster, then closes them: `bye` is their last frame."""
    bye = context.stamp(Bye, data=reason).encode()
    _post(context, [OutboundFrame(connection, bye) for connection in leaving])


def close_connections(context: Context, leaving: Sequence[Connection]) -> None:
    """Close connections."""
    if not leaving:
        return
    try:
        context.backend.fanout.deliver([Close(connection) for connection in leaving])
    except Exception:  # noqa: BLE001  # logged; what was told is stored already
        _log.exception("connections could not be closed")


def announce(context: Context, connection: Connection) -> PeerJoined:
    """The frame that tells WebRTC clients of a new connection of the context's user."""
    data = PeerData(user_id=context.user_id)
    return context.stamp(PeerJoined, connection=connection.connection_id, data=data)


def peer_left(context: Context, connection_id: str) -> PeerLeft:
    """The frame that tells WebRTC clients that the last connection of the context's user is gone."""
    return context.stamp(PeerLeft, connection=connection_id, data=PeerData(user_id=context.user_id))


def _post(context: Context, frames: Sequence[OutboundFrame]) -> DeliveryReport:
    if not frames:
        return DeliveryReport()
    _charge(context, frames)
    try:
        report = context.backend.fanout.deliver(frames)
    except Exception:  # noqa: BLE001  # logged; what the frames tell is stored already
        _log.exception("nothing could be delivered")
        return DeliveryReport()
    telemetry.current().note_delivery(
        [frame.connection.connection_id for frame in frames],
        [connection.connection_id for connection in report.gone],
        [connection.connection_id for connection in report.failed],
        sent=report.sent,
        retries=report.retries,
        ms=report.seconds * 1000,
    )
    return report


def _charge(context: Context, frames: Iterable[OutboundFrame]) -> None:
    if context.user_id:
        units = sum(count_units(len(frame.data)) for frame in frames)
        context.backend.budgets.charge(context.user_id, units, context.now)


def _old_enough(gone: Iterable[Connection], now: Moment) -> list[Connection]:
    return [connection for connection in gone if now - connection.connected_at >= NEWBORN_MS]


def _detach(context: Context, connection: Connection, *, has_others: bool) -> bool:
    """Remove a connection from the roster and from its member. True if it was the member's last.

    `has_others` comes from an old roster. It decides what is tried first; the conditions of the updates decide the
    result, as connections may come and go at the same moment.
    """
    store, expires_at = context.store, context.now + GRACE_MS
    detach_one = partial(detach, store, connection)
    detach_only = partial(detach_last, store, connection, expires_at, context.now)
    remove = partial(remove_connection, store, connection)
    if has_others:
        _, was_one_of_several = store.run_parallel(remove, detach_one)
        return not was_one_of_several and detach_only()
    _, was_last = store.run_parallel(remove, detach_only)
    return was_last or (not detach_one() and detach_only())


def _tell_offline(context: Context, connection: Connection, roster: Sequence[Connection]) -> list[OutboundFrame]:
    member = context.for_user(connection.user_id)
    data = PresenceChangedData(user_id=member.user_id, is_online=False)
    offline = member.stamp(PresenceChanged, data=data).encode()
    gone = peer_left(member, connection.connection_id).encode()
    others = [other for other in roster if other.user_id != member.user_id]
    return [OutboundFrame(other, text) for other in others for text in (offline, gone)]
