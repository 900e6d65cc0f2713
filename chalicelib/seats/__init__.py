"""Seats: participants, connections and leases of a room; join, leave, presence, recovery, and broadcast.

Features build on these names.
"""

from chalicelib.seats.broadcast import broadcast, deliver, reply
from chalicelib.seats.connections import get_roster
from chalicelib.seats.leases import renew_by_call
from chalicelib.seats.roster import list_peers, require_roster
from chalicelib.seats.service import require_member
from chalicelib.seats.table import PARTICIPANTS, Participant, get_participant, update_participant

__all__ = [
    "PARTICIPANTS",
    "Participant",
    "broadcast",
    "deliver",
    "get_participant",
    "get_roster",
    "list_peers",
    "renew_by_call",
    "reply",
    "require_member",
    "require_roster",
    "update_participant",
]
