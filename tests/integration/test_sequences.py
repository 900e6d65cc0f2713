"""Whatever people do in whatever order, two small rooms end up as a model that fits on a page says.

One thing happens at a time, and time is in the test's hands. The model knows members and when their leases run out,
the log, and which keys have been used; the rooms run on a real engine.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, get_args

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from chalicelib.chat.service import send_message
from chalicelib.kernel.errors import CoworkingError
from chalicelib.lifecycle.schemas import RoomUpdate
from chalicelib.lifecycle.service import update_room
from chalicelib.lifecycle.sweep import sweep
from chalicelib.rooms.table import RoomStatus
from chalicelib.seats import service
from chalicelib.seats.table import list_participants
from infra.local.engine import Engine
from tests.fakes.backend import MINUTE, NOW, PLENTY, World, on_engine

LEASE = 15 * MINUTE
SETTINGS = settings(
    max_examples=40,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)

USERS = st.sampled_from(["bob", "ada", "cyd"])
ROOMS = st.sampled_from([0, 1])
KEYS = st.sampled_from([None, "key-1", "key-2"])


@dataclass
class Model:
    """A room as it has to be. `leases` has the members in the order in which they came."""

    seats: int
    is_active: bool = True
    leases: dict[str, int] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    said: dict[tuple[str, str], str] = field(default_factory=dict)

    def end(self, user_id: str) -> None:
        del self.leases[user_id]
        self.log.append(f"{user_id.capitalize()} left the room")

    def end_expired(self, now: int) -> None:
        for user_id in [one for one, lease in self.leases.items() if lease <= now]:
            self.end(user_id)

    def has(self, user_id: str, now: int) -> bool:
        return self.leases.get(user_id, 0) > now

    def renew(self, user_id: str, now: int) -> None:
        """What a call in the room does: it writes once a minute at most."""
        if self.has(user_id, now) and self.leases[user_id] < now + LEASE - MINUTE:
            self.leases[user_id] = now + LEASE

    def join(self, user_id: str, now: int) -> str:
        if not self.is_active:
            return "room_inactive"
        self.end_expired(now)
        if user_id not in self.leases:
            if len(self.leases) >= self.seats:
                return "room_full"
            self.log.append(f"{user_id.capitalize()} joined the room")
        self.leases[user_id] = now + LEASE
        return "in"

    def leave(self, user_id: str, now: int) -> str:
        was_in = self.has(user_id, now)
        if user_id in self.leases:
            self.end(user_id)
        return "out" if was_in else "not_in_room"

    def say(self, user_id: str, text: str, key: str | None, now: int) -> str:
        if not self.has(user_id, now):
            return "not_in_room"
        if key and (user_id, key) in self.said:
            return self.said[user_id, key]
        if key:
            self.said[user_id, key] = text
        self.log.append(text)
        self.renew(user_id, now)
        return text

    def end_all(self) -> None:
        for user_id in list(self.leases):
            self.end(user_id)


class Rooms(RuleBasedStateMachine):
    """Two rooms, one with a single seat and one with two."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self.cleanup = ExitStack()
        self.world: World = self.cleanup.enter_context(on_engine(engine, joins_limit=PLENTY, messages_limit=PLENTY))
        self.now = NOW
        self.models = [Model(1), Model(2)]
        self.ids = [self.world.open_room(seats=model.seats) for model in self.models]
        self.texts = 0

    def teardown(self) -> None:
        self.cleanup.close()

    def attempt(self, act: Callable[[], Any], done: str) -> str:
        """What came of it: `done`, or the code of the error."""
        self.now += 1
        try:
            act()
        except CoworkingError as error:
            return error.code
        return done

    @rule(room=ROOMS, one=USERS)
    def join(self, room: int, one: str) -> None:
        outcome = self.attempt(lambda: self.world.join(one, self.ids[room], self.now), "in")
        assert outcome == self.models[room].join(one, self.now)
        self.check(room)

    @rule(room=ROOMS, one=USERS)
    def leave(self, room: int, one: str) -> None:
        outcome = self.attempt(lambda: self.world.leave(one, self.ids[room], self.now), "out")
        assert outcome == self.models[room].leave(one, self.now)
        self.check(room)

    @rule(room=ROOMS, one=USERS, key=KEYS)
    def say(self, room: int, one: str, key: str | None) -> None:
        self.texts += 1
        text = f"text {self.texts}"
        stored: list[str] = []

        def act() -> None:
            stored.append(send_message(self.world.context(one, self.ids[room], self.now), text, "text", key).text)

        outcome = self.attempt(act, "said")
        assert (stored or [outcome]) == [self.models[room].say(one, text, key, self.now)]
        self.check(room)

    @rule(room=ROOMS, one=USERS)
    def look(self, room: int, one: str) -> None:
        self.now += 1
        shown = service.get_room_detail(self.world.context(one, self.ids[room], self.now))
        model = self.models[room]
        model.end_expired(self.now)
        model.renew(one, self.now)
        assert [person.id for person in shown.participants] == list(model.leases)
        assert shown.participant_count == len(model.leases)
        self.check(room)

    @rule(room=ROOMS, status=st.sampled_from(get_args(RoomStatus)))
    def set_status(self, room: int, status: RoomStatus) -> None:
        self.now += 1
        summary = update_room(self.world.context("admin", self.ids[room], self.now), RoomUpdate(status=status))
        model = self.models[room]
        model.is_active = status == "active"
        if not model.is_active:
            model.end_all()
        assert (summary.status, summary.participant_count) == (status, len(model.leases))
        self.check(room)

    @rule(room=ROOMS, seats=st.integers(1, 3))
    def resize(self, room: int, seats: int) -> None:
        self.now += 1
        update_room(self.world.context("admin", self.ids[room], self.now), RoomUpdate(max_participants=seats))
        self.models[room].seats = seats
        self.check(room)

    @rule(minutes=st.sampled_from([0.5, 1, 5, 14, 15]))
    def wait(self, minutes: float) -> None:
        self.now += round(minutes * MINUTE)

    @rule()
    def sweep(self) -> None:
        self.now += 1
        sweep(self.world.backend, lambda: self.now)
        for room, model in enumerate(self.models):
            model.end_expired(self.now)
            self.check(room)

    def check(self, room: int) -> None:
        """The members, their leases and the count; and the log, in which nothing is skipped while nothing races."""
        room_id, model = self.ids[room], self.models[room]
        leases = [(member.user_id, member.lease_expires_at) for member in list_participants(self.world.store, room_id)]
        assert leases == list(model.leases.items())
        assert self.world.room(room_id).participant_count == len(leases)
        log = self.world.log(room_id)
        assert [message.text for message in log] == model.log
        assert [message.seq for message in log] == list(range(1, len(log) + 1))


def test_whatever_people_do_the_rooms_are_as_the_model_says(engine: Engine) -> None:
    class RoomsOnEngine(Rooms):
        def __init__(self) -> None:
            super().__init__(engine)

    run_state_machine_as_test(RoomsOnEngine, settings=SETTINGS)
