"""A model of the rooms that the contract describes. It shares only names and record types with the service.

Each act returns its `Effects`. `RoomModel.settle` compares them with the observed changes. The contract leaves some
choices: how far a lease is renewed, and when an expired member is announced. There the model accepts a range, and
continues with the observed value. The test sets the time, and acts do not overlap.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from chalicelib.delivery import Connection
from chalicelib.kernel.fingerprints import fingerprint
from chalicelib.kernel.times import Moment
from chalicelib.log import Entry, Event, Message, messages_of
from chalicelib.log.schemas import RoomMessage
from chalicelib.rooms.table import Room
from chalicelib.seats.table import Participant
from tests.fakes.backend import DAY, MINUTE, SECOND
from tests.fakes.fanout import Frame

HTTP_LEASE = 60 * MINUTE
SOCKET_LEASE = 90 * SECOND
GRACE = 20 * SECOND
RENEWAL = MINUTE
"""Calls and frames renew a lease at most once in this time."""
NEWBORN = 10 * SECOND
MAX_CONNECTIONS = 5

Digest = tuple[object, ...]
NOT_IN_ROOM = frozenset({"not_in_room"})
ROOM_NOT_FOUND = frozenset({"room_not_found"})
BANNED = frozenset({"banned"})
FORBIDDEN = frozenset({"forbidden"})
INVITE_NOT_FOUND = frozenset({"invite_not_found"})
MESSAGE_NOT_FOUND, MESSAGE_DELETED = frozenset({"message_not_found"}), frozenset({"message_deleted"})
FOREVER = 1 << 60
ADMIN, OWNER = "admin", "maker"
"""The users who change rooms."""


@dataclass
class Lease:
    """The range in which a lease ends. After an observation, `earliest` and `latest` are equal."""

    earliest: Moment
    latest: Moment

    def renew(self, end: Moment, slack: int = 0) -> None:
        self.earliest, self.latest = max(self.earliest, end - slack), max(self.latest, end)

    def may_renew(self, end: Moment) -> None:
        self.latest = max(self.latest, end)


@dataclass
class Seat:
    """A membership."""

    user: str
    joined_at: Moment
    lease: Lease
    kind: Literal["http", "socket"] = "http"
    is_online: bool = True
    is_muted: bool = True
    is_speaking: bool = False

    def holds_at(self, now: Moment) -> bool:
        return self.lease.latest > now

    def connect(self, now: Moment) -> None:
        self.lease.renew(now + (HTTP_LEASE if self.kind == "http" else SOCKET_LEASE))
        self.is_online = True

    def call(self, now: Moment) -> None:
        """A call renews an HTTP lease, at most once a minute. It may renew a socket lease."""
        if self.kind == "http":
            self.lease.renew(now + HTTP_LEASE, RENEWAL)
        else:
            self.lease.may_renew(now + SOCKET_LEASE)

    def renew_socket_lease(self, now: Moment) -> None:
        """Renew the lease as `sync` and `ping` do."""
        self.kind = "socket"
        self.lease = Lease(now + SOCKET_LEASE, now + SOCKET_LEASE)

    def go_offline(self, now: Moment, *, joins_again: bool) -> None:
        """The lease ends after the grace time, unless the user joins again: the join renews it afterwards."""
        self.is_online = self.is_speaking = False
        latest = max(self.lease.latest, now + GRACE) if joins_again else now + GRACE
        self.lease = Lease(min(self.lease.earliest, now + GRACE), latest)


@dataclass
class ClientConnection:
    """A connection, from the view of its client. Posts to a closed connection are answered 410."""

    id: str
    user: str
    opened_at: Moment
    is_open: bool = True
    is_deaf: bool = False
    """Its client is connected, but posts fail, and the service cannot close it."""
    is_denied: bool = False
    """Its client is connected, but posts are answered 410."""
    is_listed: bool = True
    is_announced: bool = False
    last_seq: int | None = None

    @property
    def hears(self) -> bool:
        return self.is_open and not self.is_deaf and not self.is_denied

    @property
    def is_gone(self) -> bool:
        """True if the connections API answers 410."""
        return not self.is_open or self.is_denied

    def is_found_gone(self, now: Moment) -> bool:
        """True if a 410 counts. From a new connection it does not: the connection may still be opening."""
        return self.is_gone and now - self.opened_at >= NEWBORN


@dataclass
class Effects:
    """The effects of an act that a test can observe."""

    errors: frozenset[str] = frozenset()
    """The errors that the act may fail with. If empty, it must succeed."""
    lines: list[Digest] = field(default_factory=list)
    """The new log entries, without the 'left the room' entries."""
    changes: dict[int, Callable[[Message, int], Message]] = field(default_factory=dict)
    """How old messages change. The functions get the message and the number of the new event."""
    joins: dict[str, Seat] = field(default_factory=dict)
    joins_again: str | None = None
    """The user who had a seat, and joins."""
    leaves: dict[str, str] = field(default_factory=dict)
    """The users who give up their seats, with the reason in `user_left`."""
    ends_expired: bool = False
    """True if the act must end every expired membership. If False, it may."""
    listed: frozenset[str] = frozenset()
    delisted: frozenset[str] = frozenset()
    frames: dict[str, list[Digest]] = field(default_factory=dict)

    def tell(self, connections: Iterable[ClientConnection], *digests: Digest) -> "Effects":
        for connection in connections:
            self.frames.setdefault(connection.id, []).extend(digests)
        return self


@dataclass(frozen=True)
class Seen:
    """The observations after an act: the tables of a room, and the frames to its connections."""

    room: Room | None
    members: Mapping[str, Participant]
    roster: Mapping[str, Connection]
    log: list[Entry]
    frames: Mapping[str, list[Frame]]
    tried: frozenset[str]
    """The connections to which something was posted, with or without success."""
    closed: frozenset[str]


class RoomModel:
    """A room with its seats and connections. `log` holds the entries that have been checked."""

    def __init__(self, room_id: str, seats: int) -> None:
        self.id = room_id
        self.size = seats
        self.status: Literal["active", "inactive", "deleted"] = "active"
        self.seats: dict[str, Seat] = {}
        self.connections: dict[str, ClientConnection] = {}
        self.is_private = False
        self.grants: set[str] = set()
        """The users with a lasting role."""
        self.bans: dict[str, Moment] = {}
        self.invite: tuple[str, int] | None = None
        """The token of the invitation, and how many uses are left."""
        self.log: list[Entry] = []
        self.last_seq_before = 0
        """The last number in the log before the latest act."""
        self._unannounced: set[str] = set()
        """Users whose last connection was removed after their lease expired. `user-left` was not sent for them yet."""
        self._idempotency_keys: dict[tuple[str, str | None], int] = {}
        self._edit_keys: set[tuple[int, str | None]] = set()
        self._pending_key: tuple[str, str] | None = None

    def present(self, now: Moment) -> list[str]:
        """The users in the room, in the order in which they joined."""
        holding = [seat for seat in self.seats.values() if seat.holds_at(now)]
        return [seat.user for seat in sorted(holding, key=lambda seat: (seat.joined_at, seat.user))]

    @property
    def messages(self) -> list[Message]:
        return messages_of(self.log)

    def message(self, seq: int | None) -> Message | None:
        """The message with this number, as it is now."""
        return next((one for one in self.messages if one.seq == seq), None)

    def show(self, message: Message, reader: str) -> RoomMessage:
        """A message as a user sees it."""
        return RoomMessage.of(message, reader=self.mark_of(reader), original=self.message(message.reply_to))

    def show_at(self, seq: int, reader: str) -> RoomMessage:
        message = self.message(seq)
        assert message
        return self.show(message, reader)

    def mark_of(self, user: str) -> str:
        return fingerprint(self.id, user)

    def listed(self, user: str | None = None) -> list[ClientConnection]:
        return [one for one in self.connections.values() if one.is_listed and user in (None, one.user)]

    def others(self, connection: ClientConnection) -> list[ClientConnection]:
        return [other for other in self.listed() if other is not connection]

    def seat_of(self, user: str, now: Moment) -> Seat | None:
        seat = self.seats.get(user)
        return seat if seat and seat.holds_at(now) else None

    # --- acts of people

    def join(self, user: str, now: Moment, *, by_invitation: bool = False) -> Effects:
        """Join. Somebody with a seat or a lasting role needs no invitation, and takes no use of it."""
        is_known = self.seat_of(user, now) is not None or user in self.grants
        takes_use = by_invitation and not is_known
        is_invalid = takes_use and not (self.invite and self.invite[1])
        if self.status == "deleted" or (self.is_private and not is_known and (is_invalid or not by_invitation)):
            return Effects(INVITE_NOT_FOUND if by_invitation else ROOM_NOT_FOUND)
        if self.is_banned(user, now):
            return Effects(BANNED)
        if is_invalid:
            return Effects(INVITE_NOT_FOUND)
        if self.status == "inactive":
            return Effects(frozenset({"room_inactive"}))
        effects = Effects(ends_expired=True)
        if seat := self.seat_of(user, now):
            seat.call(now)
            effects.joins_again = user
        elif len(self.present(now)) >= self.size:
            effects.errors = frozenset({"room_full"})
        else:
            effects.joins = {user: Seat(user, now, Lease(now + HTTP_LEASE, now + HTTP_LEASE))}
            effects.lines.append(("system", None, f"{user.capitalize()} joined the room"))
            effects.tell(self.listed(), ("user_joined", user))
            if takes_use and self.invite:
                self.grants.add(user)
                self.invite = self.invite[0], self.invite[1] - 1
                effects.lines.append(("role_changed", user, user, "member"))
                effects.tell(self.listed(), ("role_changed", user, "member"))
        return effects

    def is_banned(self, user: str, now: Moment) -> bool:
        return self.bans.get(user, 0) > now

    def leave(self, user: str, now: Moment) -> Effects:
        if refusal := self._refusal(user, now):
            return Effects(refusal)
        return Effects(leaves={user: "left"})

    def call(self, user: str, now: Moment) -> Effects:
        """An HTTP call that only a member may make."""
        if refusal := self._refusal(user, now):
            return Effects(refusal)
        self.seats[user].call(now)
        return Effects()

    def read(self, user: str, now: Moment) -> Effects:
        seat, refusal = self.seat_of(user, now), self._refusal(user, now)
        if refusal and refusal != NOT_IN_ROOM:
            return Effects(refusal)
        if seat:
            seat.call(now)
        return Effects(ends_expired=True)

    def say(
        self, user: str, kind: str, text: str, key: str | None, now: Moment, reply_to: int | None = None
    ) -> Effects:
        original = self.message(reply_to)
        is_wrong = reply_to and (original is None or original.type == "system" or original.deleted_at)
        if is_wrong and self.seat_of(user, now) and not self.said_before(user, key, now):
            return Effects(frozenset({"invalid_request"}))
        effects = self.call(user, now)
        if effects.errors or self.said_before(user, key, now):
            return effects
        if key:
            self._pending_key = (user, key)
        effects.lines.append((kind, user, text))
        return effects.tell(self.listed(), ("message_sent" if kind == "text" else "emoji_reaction", text))

    def said_before(self, user: str, key: str | None, now: Moment) -> Message | None:
        """The message that was stored under a key in the last 24 hours."""
        message = self.message(self._idempotency_keys.get((user, key)))
        return message if message and now < message.created_at + DAY else None

    def is_between(self, user: str, key: str | None, now: Moment) -> bool:
        """True within a second of the key's expiry, which is exact to the second only."""
        message = self.message(self._idempotency_keys.get((user, key)))
        return message is not None and abs(now - message.created_at - DAY) < SECOND

    def edit(self, user: str, seq: int, text: str, key: str | None, now: Moment) -> Effects:
        """Change the text of a message. A key makes one edit of a message."""
        if refusal := self._refusal(user, now) or self._edit_refusal(user, self.message(seq), key, now):
            return Effects(refusal)
        effects = self.call(user, now)
        if (seq, key) not in self._edit_keys:
            self._edit_keys.update({(seq, key)} if key else ())
            effects.changes[seq] = lambda before, number: replace(before, text=text, edited_at=now, edited_seq=number)
            effects.lines.append(("message_edited", user, seq))
            effects.tell(self.listed(), ("message_edited", seq, text))
        return effects

    def _edit_refusal(self, user: str, message: Message | None, key: str | None, now: Moment) -> frozenset[str]:
        if message is None:
            return MESSAGE_NOT_FOUND
        if message.deleted_at and message.user_id == user:
            return MESSAGE_DELETED
        is_late = now - message.created_at > DAY and (message.seq, key) not in self._edit_keys
        return FORBIDDEN if message.user_id != user or message.type != "text" or is_late else frozenset()

    def react(self, user: str, seq: int, emoji: str, is_on: bool, now: Moment) -> Effects:
        """Put an emoji on a message, or take it back."""
        refusal, message = self._refusal(user, now), self.message(seq)
        if refusal or message is None or message.deleted_at:
            return Effects(refusal or (MESSAGE_DELETED if message else MESSAGE_NOT_FOUND))
        effects, own = self.call(user, now), {f"{emoji} {self.mark_of(user)}"}
        after = message.reactions | own if is_on else message.reactions - own
        if after != message.reactions:
            count = sum(one.startswith(emoji) for one in after)
            effects.changes[seq] = lambda before, number: replace(before, reactions=after, reacted_seq=number)
            effects.lines.append(("reactions_changed", user, seq, emoji, user, is_on, count))
            effects.tell(self.listed(), ("reactions_changed", seq, emoji, user, is_on, count))
        return effects

    def remove(self, user: str, seq: int, now: Moment) -> Effects:
        """Delete a message: its author, with a seat or without, or the owner of the room."""
        message, refusal, is_owner = self.message(seq), self._refusal(user, now), user == OWNER
        is_own = message is not None and message.user_id == user
        if refusal and not is_owner and (refusal != NOT_IN_ROOM or (not is_own and user not in self.grants)):
            return Effects(refusal)
        if self.status == "deleted":
            return Effects(ROOM_NOT_FOUND)
        if message is None:
            return Effects(MESSAGE_NOT_FOUND)
        if message.type == "system" or not (is_own or is_owner):
            return Effects(FORBIDDEN)
        effects = Effects()
        if seat := self.seat_of(user, now):
            seat.call(now)
        if not message.deleted_at:
            effects.changes[seq] = lambda before, _: replace(before, text="", reactions=frozenset(), deleted_at=now)
            effects.lines.append(("message_deleted", user, seq, user))
            effects.tell(self.listed(), ("message_deleted", seq, user))
        return effects

    # --- acts of the owner

    def keep_out(self, user: str, now: Moment, seconds: int | None) -> Effects:
        """Kick for some seconds, or ban. A kick does not shorten a ban."""
        if self.status == "deleted":
            return Effects(ROOM_NOT_FOUND)
        action = "ban" if seconds is None else "kick"
        until = FOREVER if seconds is None else max(now + seconds * SECOND, self.bans.get(user, 0))
        self.bans[user] = until
        effects = Effects(leaves={user: "removed"} if user in self.seats else {})
        return self._moderate(effects, action, user)

    def let_back(self, user: str, now: Moment) -> Effects:
        if self.status == "deleted":
            return Effects(ROOM_NOT_FOUND)
        if not self.is_banned(user, now):
            return Effects()
        del self.bans[user]
        return self._moderate(Effects(), "unban", user)

    def set_private(self, is_private: bool) -> Effects:
        self.is_private = is_private
        return self._announce_update(OWNER) if self.status == "active" else Effects()

    def _moderate(self, effects: Effects, action: str, user: str) -> Effects:
        effects.lines.append(("member_moderated", OWNER, action, user))
        return effects.tell(self.listed(), ("member_moderated", action, user))

    def set_muted(self, user: str, is_muted: bool, now: Moment) -> Effects:
        effects = self.call(user, now)
        if not effects.errors:
            seat = self.seats[user]
            if seat.is_muted != is_muted:
                effects.tell(self.listed(), ("mic_toggled", user, is_muted))
            if is_muted and seat.is_speaking:
                effects.tell(self.listed(), ("speaking_changed", user, False))
            seat.is_muted, seat.is_speaking = is_muted, seat.is_speaking and not is_muted
        return effects

    def set_speaking(self, user: str, is_speaking: bool, now: Moment) -> Effects:
        effects = self.call(user, now)
        if not effects.errors:
            seat = self.seats[user]
            if is_speaking and seat.is_muted:
                return Effects(frozenset({"muted"}))
            if seat.is_speaking != is_speaking:
                effects.tell(self.listed(), ("speaking_changed", user, is_speaking))
            seat.is_speaking = is_speaking
        return effects

    # --- acts of connections

    def connect(self, connection: ClientConnection, is_used: bool, is_late: bool, now: Moment) -> Effects:
        """Connect with a ticket, which may be used or expired (`is_late`)."""
        if is_late:
            return Effects(frozenset({"unauthorized"}))
        if refusal := self._refusal(connection.user, now):
            return Effects(refusal)
        if is_used:
            return Effects(frozenset({"unauthorized"}))
        seat = self.seats[connection.user]
        effects = Effects(listed=frozenset({connection.id}))
        if not seat.is_online:
            effects.tell(self.listed(), ("presence_changed", connection.user, True))
        seat.connect(now)
        own = sorted(self.listed(connection.user), key=lambda other: other.opened_at)
        effects.delisted = frozenset(other.id for other in own[: max(0, len(own) + 1 - MAX_CONNECTIONS)])
        return effects.tell((self.connections[one] for one in effects.delisted), ("bye", "replaced"))

    def disconnect(self, connection: ClientConnection) -> Effects:
        return Effects(delisted=frozenset({connection.id} if connection.is_listed else ()))

    def sync(self, connection: ClientConnection, now: Moment) -> Effects:
        if refusal := self._sender_refusal(connection, now):
            return Effects(refusal)
        self.seats[connection.user].renew_socket_lease(now)
        effects = Effects(ends_expired=True).tell([connection], ("snapshot",))
        if not connection.is_announced:
            effects.tell(self.others(connection), ("user-joined", connection.user))
            connection.is_announced = True
        return effects

    def ping(self, connection: ClientConnection, now: Moment) -> Effects:
        if refusal := self._sender_refusal(connection, now):
            return Effects(refusal)
        self.seats[connection.user].renew_socket_lease(now)
        return Effects().tell([connection], ("pong",))

    def relay(self, connection: ClientConnection, digest: Digest, to: str | None, now: Moment) -> Effects:
        """Relay a frame to all other connections, to a user, or to one connection."""
        if refusal := self._sender_refusal(connection, now):
            return Effects(refusal)
        peers = [other for other in self.others(connection) if to in (None, other.user, other.id)]
        if to and not peers:
            return Effects(frozenset({"peer_unavailable"}))
        seat = self.seats[connection.user]
        if seat.kind == "http":
            seat.lease.renew(now + HTTP_LEASE, RENEWAL)
        return Effects().tell(peers, digest)

    # --- changes of the room

    def toggle(self) -> Effects:
        return self.set_status("inactive" if self.status == "active" else "active")

    def set_status(self, status: Literal["active", "inactive"]) -> Effects:
        if self.status == status == "inactive":
            return Effects()
        self.status = status
        return self._close("deactivated") if status == "inactive" else self._announce_update(ADMIN)

    def resize(self, size: int) -> Effects:
        self.size = size
        return self._announce_update(ADMIN) if self.status == "active" else Effects()

    def delete(self) -> Effects:
        self.status = "deleted"
        return self._close("deleted")

    def sweep(self) -> Effects:
        return Effects(ends_expired=True)

    # --- checks

    def settle(self, effects: Effects, seen: Seen, now: Moment) -> None:
        """Check that an act had these effects and no others, and update the model."""
        expired = {user for user, seat in self.seats.items() if not seat.holds_at(now)}
        ended = self._settle_endings(effects, seen, expired)
        self._settle_log(effects, seen, ended)
        connected = {connection.user for connection in self.listed()} | self._unannounced
        lost = self._settle_roster(effects, seen, ended, now)
        offline = {user for user in lost - ended - expired if not self.listed(user)}
        left: list[Digest] = [("user_left", user, effects.leaves.get(user, "timed_out")) for user in ended]
        left += [("user-left", user) for user in ended & connected]
        self._unannounced = {user for user in (self._unannounced | lost & expired) - ended if not self.listed(user)}
        self._settle_frames(effects, seen, left, expired, offline)
        self.seats = {user: seat for user, seat in self.seats.items() if user not in ended} | effects.joins
        for user in offline:
            self.seats[user].go_offline(now, joins_again=user == effects.joins_again)
        self._settle_seats(effects, seen, now)
        self.last_seq_before = max((line.seq for line in self.log), default=0)
        self.log = [without_keys(entry) for entry in seen.log]
        for one in seen.closed & self.connections.keys():
            self.connections[one].is_open = False

    def _settle_endings(self, effects: Effects, seen: Seen, expired: set[str]) -> set[str]:
        seats = self.seats.items()
        ended = {
            user for user, seat in seats if user not in seen.members or seen.members[user].joined_at != seat.joined_at
        }
        assert ended >= effects.leaves.keys(), f"{effects.leaves.keys() - ended} should have left"
        assert ended - effects.leaves.keys() <= expired, f"{ended - expired} lost a seat with a valid lease"
        assert not effects.ends_expired or ended >= expired, f"{expired - ended} should have been announced"
        assert seen.members.keys() == (self.seats.keys() - ended) | effects.joins.keys()
        return ended

    def _settle_log(self, effects: Effects, seen: Seen, ended: set[str]) -> None:
        if self.status == "deleted":
            assert not seen.log, "the log of a deleted room must be empty"
            return
        before = len(self.log)
        numbers = [line.seq for line in seen.log]
        assert numbers == list(range(1, len(numbers) + 1)), "acts do not overlap, so no number may be skipped"
        expected = [self._changed(entry, effects, seen.log[before:]) for entry in self.log]
        assert [without_keys(entry) for entry in seen.log[:before]] == expected, "old log entries are not as expected"
        lines = [*effects.lines, *(("system", None, f"{user.capitalize()} left the room") for user in ended)]
        gained = [entry_digest(entry) for entry in seen.log[before:]]
        assert Counter(gained) == Counter(lines), f"the log gained {gained}, not {lines}"
        if self._pending_key:
            self._idempotency_keys[self._pending_key] = seen.log[-1].seq
            self._pending_key = None

    def _changed(self, entry: Entry, effects: Effects, gained: list[Entry]) -> Entry:
        change = effects.changes.get(entry.seq)
        if change is None or not isinstance(entry, Message):
            return entry
        (number,) = (one.seq for one in gained if isinstance(one, Event) and one.target_seq == entry.seq)
        return change(entry, number)

    def _settle_roster(self, effects: Effects, seen: Seen, ended: set[str], now: Moment) -> set[str]:
        """Check which connections were added and removed. Returns the users who lost a connection."""
        before = {connection.id: connection for connection in self.listed()}
        noticed = {one for one in before.keys() & seen.tried if before[one].is_found_gone(now)}
        due = effects.delisted | noticed | {one for one, connection in before.items() if connection.user in ended}
        assert before.keys() - seen.roster.keys() == due
        assert seen.roster.keys() - before.keys() == effects.listed
        for one in due | effects.listed:
            self.connections[one].is_listed = one in effects.listed
        return {before[one].user for one in due}

    def _settle_frames(
        self, effects: Effects, seen: Seen, left: list[Digest], expired: set[str], offline: set[str]
    ) -> None:
        for connection in self.connections.values():
            frames = seen.frames.get(connection.id, [])
            check_numbers(frames, seen.log)
            digests, own = [digest(frame) for frame in frames], effects.frames.get(connection.id, [])
            if not connection.hears or connection.id in effects.listed:
                assert not digests, f"{connection} cannot receive frames, but received {digests}"
            elif connection.id in seen.closed:
                self._settle_closed(connection, effects, digests)
            elif not connection.is_listed:
                assert Counter(digests) == Counter(own), f"{connection} is not on the roster, but received {digests}"
            elif connection.user not in expired:
                gone = [one for user in offline - {connection.user} for one in offline_digests(user)]
                assert Counter(digests) == Counter([*own, *left, *gone]), f"{connection} received {digests}"

    def _settle_closed(self, connection: ClientConnection, effects: Effects, digests: list[Digest]) -> None:
        reason = effects.leaves.get(connection.user, "replaced" if connection.id in effects.delisted else "timed_out")
        assert digests[-1] == ("bye", reason), f"{connection} was closed after {digests}"
        if reason != "timed_out":
            own = effects.frames.get(connection.id, [])
            assert not Counter(own) - Counter(digests), f"{connection} received {digests}"

    def _settle_seats(self, effects: Effects, seen: Seen, now: Moment) -> None:
        if self.status == "deleted":
            assert seen.room is None
            return
        assert seen.room is not None
        assert seen.room.participant_count == len(self.seats)
        assert len(self.seats) <= self.size or not effects.joins
        for user, seat in self.seats.items():
            row = seen.members[user]
            assert seat.lease.earliest <= row.lease_expires_at <= seat.lease.latest, f"{seat}, not {row}"
            seat.lease = Lease(row.lease_expires_at, row.lease_expires_at)
            if seat.holds_at(now):
                assert row.connections == {connection.id for connection in self.listed(user)}
                shown = (row.lease_kind, row.is_online, row.is_muted, row.is_speaking)
                assert shown == (seat.kind, seat.is_online, seat.is_muted, seat.is_speaking), f"{seat}, not {row}"

    # --- shared rules

    def _close(self, reason: Literal["deactivated", "deleted"]) -> Effects:
        effects = Effects(leaves=dict.fromkeys(self.seats, "room_closed"))
        return effects.tell(self.listed(), ("room_closed", reason), ("bye", "room_closed"))

    def _announce_update(self, by: str) -> Effects:
        update = ("room_updated", self.size, "private" if self.is_private else "public")
        return Effects(lines=[(update[0], by, *update[1:])]).tell(self.listed(), update)

    def _refusal(self, user: str, now: Moment) -> frozenset[str]:
        """The error of a call that needs a seat. To a user without a role, a private room does not exist."""
        if self.status == "deleted":
            return ROOM_NOT_FOUND
        if self.seat_of(user, now):
            return frozenset()
        if self.is_private:
            if user not in self.grants:
                return ROOM_NOT_FOUND
            if self.is_banned(user, now):
                return BANNED
        return NOT_IN_ROOM

    def _sender_refusal(self, connection: ClientConnection, now: Moment) -> frozenset[str]:
        if self.status == "deleted":
            return ROOM_NOT_FOUND | NOT_IN_ROOM
        return self._refusal(connection.user, now) if connection.is_listed else NOT_IN_ROOM


def offline_digests(user: str) -> list[Digest]:
    """The frames that others receive when a user's last connection closes."""
    return [("presence_changed", user, False), ("user-left", user)]


def digest(frame: Frame) -> Digest:
    """The type of a frame, and the fields that the model checks."""
    kind, data = frame["type"], frame.get("data", {})
    match kind:
        case "message_sent" | "emoji_reaction":
            return kind, data["text"]
        case "user_joined":
            return kind, data["participant"]["id"]
        case "user_left":
            return kind, data["user_id"], data["reason"]
        case "presence_changed" | "mic_toggled" | "speaking_changed":
            return (
                kind,
                data["user_id"],
                data[{"presence_changed": "is_online", "mic_toggled": "is_muted"}.get(kind, "is_speaking")],
            )
        case "user-joined" | "user-left":
            return kind, data["userId"]
        case "ack":
            return kind, frame["ref"]
        case "error" | "bye":
            return kind, data["code"]
        case "room_closed":
            return kind, data["reason"]
        case "room_updated":
            return kind, data["max_participants"], data["visibility"]
        case "message_edited":
            return kind, data["target_seq"], data["text"]
        case "message_deleted":
            return kind, data["target_seq"], data["by"]
        case "reactions_changed":
            return kind, *(data[name] for name in ("target_seq", "emoji", "user_id", "on", "count"))
        case "member_moderated":
            return kind, data["action"], data["user_id"]
        case "role_changed":
            return kind, data["user_id"], data["role"]
        case "snapshot" | "pong":
            return (kind,)
    return kind, frame["from"], frame["connection"], frame["roomId"], str(data)


def entry_digest(entry: Entry) -> Digest:
    """The fields of a log entry that the model checks. An edit does not store the text: its message has it."""
    if isinstance(entry, Message):
        return entry.type, entry.user_id, entry.text
    assert isinstance(entry, Event), "acts do not overlap, so every number is used"
    if entry.kind == "message_edited":
        assert "text" not in json.loads(entry.data)
        return entry.kind, entry.user_id, entry.target_seq
    kind, *shown = digest({"type": entry.kind, "data": json.loads(entry.data)})
    return kind, entry.user_id, *shown


def without_keys(entry: Entry) -> Entry:
    """A log entry without the hashes of client keys."""
    return replace(entry, edit_keys=None) if isinstance(entry, Message) else entry


def check_numbers(frames: Iterable[Frame], log: Iterable[Entry]) -> None:
    """Check that each frame with a number has the content of that log entry."""
    lines = {line.seq: line for line in log}
    for frame in frames:
        if "seq" in frame:
            line = lines[frame["seq"]]
            if isinstance(line, Event):
                kind, author, *stored = entry_digest(line)
                assert [frame["type"], frame["from"], *digest(frame)[1:]][: 2 + len(stored)] == [kind, author, *stored]
                continue
            assert isinstance(line, Message)
            shown = frame["data"].get("message", frame["data"])
            assert (shown["seq"], shown["id"], shown["text"]) == (line.seq, line.message_id, line.text)
