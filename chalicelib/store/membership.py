"""Joining and leaving: what must change in several tables at once or not at all.

The room's count, the participant, their connections and the system message go in one transaction, so that the
count equals the members whatever is concurrent, nobody is on a roster without a seat, and of two that end the same
membership one wins and one message is written.
"""

from collections.abc import Sequence

from pynamodb.exceptions import TransactWriteError
from pynamodb.expressions.condition import Condition
from pynamodb.transactions import TransactWrite

from chalicelib.records import Connection, Message, Participant
from chalicelib.store.client import is_refused
from chalicelib.store.messages import row_of
from chalicelib.store.tables import OCCUPIED, ConnectionRow, ParticipantRow, RoomRow, bound_connection


def take_seat(participant: Participant, message: Message, retention_days: int) -> bool:
    """Join: count the seat, write the participant and the announcement. 6 write units and those of the indexes.

    False where the user has a seat already, or there is none: the room is full, inactive or gone.
    """
    try:
        with TransactWrite(connection=bound_connection()) as transaction:
            transaction.save(_row_of(participant), ParticipantRow.user_id.does_not_exist())
            transaction.save(row_of(message, retention_days))
            transaction.update(
                RoomRow(participant.room_id),
                [RoomRow.participant_count.add(1), RoomRow.occupied.set(OCCUPIED)],
                (RoomRow.status == "active") & (RoomRow.participant_count < RoomRow.max_participants),
            )
    except TransactWriteError as error:
        if is_refused(error):
            return False
        raise
    return True


def give_up_seat(
    participant: Participant, leaving: Sequence[Connection], message: Message | None, retention_days: int
) -> bool:
    """Leave, expire or be removed, and off the roster; False where the membership is no longer as it was read.

    `leaving` are the participant's connections; `message` is None where the log goes with the room.
    """
    try:
        with TransactWrite(connection=bound_connection()) as transaction:
            transaction.delete(ParticipantRow(participant.room_id, participant.user_id), _is_as_read(participant))
            for connection in leaving:
                transaction.delete(ConnectionRow(connection.room_id, connection.connection_id))
            if message:
                transaction.save(row_of(message, retention_days))
            transaction.update(
                RoomRow(participant.room_id), [RoomRow.participant_count.add(-1)], RoomRow.participant_count > 0
            )
    except TransactWriteError as error:
        if is_refused(error):
            return False
        raise
    return True


def _is_as_read(participant: Participant) -> Condition:
    """A renewed lease makes another membership of it, and so does a connection: whoever ends it must know of that."""
    held, known = ParticipantRow.connections, set(participant.connections)
    condition: Condition = held == known if known else held.does_not_exist()
    condition &= ParticipantRow.joined_at == participant.joined_at
    condition &= ParticipantRow.lease_expires_at == participant.lease_expires_at
    return condition


def _row_of(participant: Participant) -> ParticipantRow:
    return ParticipantRow(
        participant.room_id,
        participant.user_id,
        name=participant.name,
        avatar=participant.avatar,
        is_muted=participant.is_muted,
        is_speaking=participant.is_speaking,
        is_online=participant.is_online,
        joined_at=participant.joined_at,
        lease_expires_at=participant.lease_expires_at,
        lease_kind=participant.lease_kind,
    )
