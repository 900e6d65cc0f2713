"""The soak: people talk in rooms while connections, the gateway and the database fail. Then the result is checked."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from infra.local.engine import CREDENTIALS, REGION, Engine
from infra.local.stack import LocalStack
from tests.fakes.unreliable import FaultRates, UnreliableEngine
from tests.soak.accounts import Tables, check_room
from tests.soak.callers import Moderator
from tests.soak.outsiders import Outsider
from tests.soak.people import Ban, Person, Progress
from tests.soak.view import key_of

DATABASE_FAULTS = FaultRates(
    conflict=0.02, throttled=0.02, failed=0.005, failed_late=0.005, refused=0.005, lost=0.005, slowest_seconds=0.01
)
FAULTS: dict[str, object] = {
    "frame_delay": [0, 150],
    "run_twice": 0.05,
    "post_status": {"429": 0.02, "500": 0.02, "410": 0.003},
}
ENVIRONMENT = {**CREDENTIALS, "AWS_DEFAULT_REGION": REGION, "SWEEP_SECONDS": "5"}
ENVIRONMENT |= dict.fromkeys(("MESSAGES_LIMIT", "JOINS_LIMIT", "BUDGET_LIMIT"), "1000000/10")
PATIENCE_SECONDS = 150.0
"""A lease takes 90 s to expire; the rest is reserve."""
QUIET_SECONDS, BAN_SECONDS = 2.0, 5.0
"""How long frames may be under way to a user who was banned, and how long a ban lasts."""


@dataclass(frozen=True)
class Size:
    """The size of a soak. Each round has every fault once."""

    messages: int
    rounds: int
    pause_seconds: float
    most_seconds: float
    rooms: int = 4
    people: int = 20


SMALL = Size(messages=240, rounds=1, pause_seconds=0.3, most_seconds=300)
FULL = Size(messages=5_000, rounds=5, pause_seconds=0.9, most_seconds=3_600)


@dataclass
class Report:
    """The result of a soak."""

    acknowledged: int = 0
    seconds: float = 0
    faults: Counter[str] = field(default_factory=Counter)
    database: Counter[str] = field(default_factory=Counter)
    gateway: Counter[str] = field(default_factory=Counter)
    clients: Counter[str] = field(default_factory=Counter)

    def text(self) -> str:
        lines = [f"{self.acknowledged} messages acknowledged in {self.seconds:.0f} s; nothing lost, doubled or shown"]
        for name in ("faults", "database", "gateway", "clients"):
            counts = ", ".join(f"{what}: {count}" for what, count in sorted(getattr(self, name).items()))
            lines.append(f"{name:9} {counts}")
        return "\n".join(lines)


class Soak:
    """One run, with its own directory."""

    def __init__(self, size: Size, directory: Path) -> None:
        self.size = size
        self.report = Report()
        self._directory = directory
        self._people: list[Person] = []
        self._moderators: dict[str, Moderator] = {}
        self._living: dict[Person, asyncio.Task[None]] = {}

    def run(self) -> Report:
        """Raises AssertionError if something is lost, doubled or seen by others, or a seat is kept."""
        with ExitStack() as cleanup:
            (data_dir := self._directory / "engine").mkdir(parents=True)
            self._engine = cleanup.enter_context(Engine(data_dir))
            self._database = cleanup.enter_context(UnreliableEngine(lambda: self._engine.port))
            environment = ENVIRONMENT | {"AWS_ENDPOINT_URL_DYNAMODB": self._database.url}
            stack = LocalStack(data_dir=self._directory / "stack", environment=environment)
            self._stack = cleanup.enter_context(stack)
            started = time.monotonic()
            asyncio.run(self._play())
            self.report.seconds = time.monotonic() - started
        self.report.database = self._database.counts
        self.report.gateway = read_telemetry(self._stack.log)
        assert not self.report.clients["HTTP 500 internal_error"] + self.report.clients["error internal_error"]
        return self.report

    async def _play(self) -> None:
        self._progress = Progress(self.report.clients)
        async with (
            asyncio.timeout(self.size.most_seconds),
            httpx.AsyncClient(base_url=self._stack.api, timeout=30, verify=False) as http,
            asyncio.TaskGroup() as tasks,
        ):
            await self._create_people(http)
            self._living = {person: tasks.create_task(person.live()) for person in self._people}
            outsider = tasks.create_task(self._outsider(http).pry(self._stack.socket_url))
            speaking = [tasks.create_task(person.speak(self.size.pause_seconds)) for person in self._people]
            await self._cause_faults()
            await asyncio.wait(speaking)
            await self._stop_faults()
            await self._abort_some()
            await self._settle()
            outsider.cancel()
            for task in self._living.values():
                task.cancel()

    async def _create_people(self, http: httpx.AsyncClient) -> None:
        """Create the rooms and the people. Each person has a seat, and no seat is left. The last room is private."""
        token, seats = self._stack.token("owner", "Owner"), self.size.people // self.size.rooms
        for number in range(self.size.rooms):
            is_private = number == self.size.rooms - 1
            body = {"name": f"Room {number}", "max_participants": seats}
            body |= {"visibility": "private"} if is_private else {}
            headers = {"Authorization": f"Bearer {token}"}
            room_id = (await http.post("/coworking/rooms", json=body, headers=headers)).json()["id"]
            moderator = self._moderators[room_id] = Moderator(http, token, "Owner", room_id, self.report.clients)
            invite = (await moderator.call("POST", "invites", {"uses": seats})).json()["token"] if is_private else None
            for seat in range(seats):
                name = f"Person-{number}-{seat}"
                person = Person(http, self._stack.token(name.lower(), name), name, room_id, self._progress, invite)
                person.plan(f"{name} says {n}" for n in range(self.size.messages // self.size.people))
                if invite:
                    role = {"user_id": person.user_id, "role": "member"}
                    person.acts.append(key_of("role_changed", person.user_id, role))
                self._people.append(person)

    def _outsider(self, http: httpx.AsyncClient) -> Outsider:
        """Somebody without a way into the private room."""
        room_id = self._people[-1].room_id
        return Outsider(http, self._stack.token("outsider"), "Outsider", room_id, self.report.clients)

    # --- faults

    async def _cause_faults(self) -> None:
        """Cause the faults one after the other, evenly spread over the messages."""
        plan: list[Callable[[], Awaitable[None]]] = [
            self._start_faults,
            self._kill_engine,
            self._kill_gateway,
            self._cut_all,
            self._let_some_leave,
            self._ban_some,
            self._cut_all_without_disconnects,
        ]
        steps = plan * self.size.rounds
        for number, step in enumerate(steps):
            await self._progress.wait_for(self.size.messages * (number + 1) // (len(steps) + 1))
            await step()
            self.report.faults[step.__name__.strip("_").replace("_", " ")] += 1

    async def _start_faults(self, **more: object) -> None:
        self._database.rates = DATABASE_FAULTS
        await asyncio.to_thread(self._stack.plan_faults, **FAULTS, **more)

    async def _cut_all(self) -> None:
        await asyncio.to_thread(self._stack.cut)

    async def _cut_all_without_disconnects(self) -> None:
        await self._start_faults(lose_disconnects=True)
        await self._cut_all()

    async def _kill_engine(self) -> None:
        def restart() -> None:
            self._engine.kill()
            self._engine.start()
            self._engine.wait_ready()

        await asyncio.to_thread(restart)

    async def _kill_gateway(self) -> None:
        self._database.rates = FaultRates()  # the gateway does not start if the database refuses calls
        await asyncio.to_thread(self._stack.kill)
        await asyncio.to_thread(self._stack.restart)
        await self._start_faults()

    async def _let_some_leave(self) -> None:
        """Let one person of each room leave. They join again at once."""
        round_number = self.report.faults["let some leave"]
        await asyncio.gather(*(room[round_number % len(room)].leave() for room in self._by_room(self._people)))

    async def _ban_some(self) -> None:
        """Ban one person of each room for some seconds."""
        round_number = self.report.faults["ban some"]
        await asyncio.gather(*(self._ban(room[-1 - round_number % len(room)]) for room in self._by_room(self._people)))

    async def _ban(self, person: Person) -> None:
        """Ban a person, who gets nothing of the room until the ban is lifted, and keeps on trying."""
        moderator = self._moderators[person.room_id]
        await moderator.moderate(person.user_id, "ban")
        person.ban = Ban(asyncio.get_running_loop().time() + QUIET_SECONDS)
        await asyncio.sleep(BAN_SECONDS)
        person.ban = None
        await moderator.moderate(person.user_id, "unban")

    async def _stop_faults(self) -> None:
        self._database.rates = FaultRates()
        await asyncio.to_thread(self._stack.plan_faults)

    async def _abort_some(self) -> None:
        """Abort one client of each room. The service gets no `$disconnect`."""
        await asyncio.to_thread(self._stack.plan_faults, lose_disconnects=True)
        for room in self._by_room(self._people):
            room[0].abort()
            self._living.pop(room[0]).cancel()

    # --- the result

    async def _settle(self) -> None:
        tables = Tables(self._engine)
        await asyncio.gather(*(self._settle_room(tables, room) for room in self._by_room(self._people)))
        self.report.acknowledged = sum(len(person.acknowledged) for person in self._people)

    async def _settle_room(self, tables: Tables, everybody: list[Person]) -> None:
        """Send messages until only the living have seats. Then all of them sync, and the room is checked."""
        living = [person for person in everybody if person in self._living]
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await asyncio.to_thread(tables.show_only, living):
                await living[0].say(f"{living[0].name} waits")
                await living[0].pause()
        await living[0].read_entries(living[0].view.contiguous)  # afterwards nobody waits for a number
        await asyncio.gather(*(person.sync() for person in living))
        await check_room(everybody, living, self._moderators[living[0].room_id])

    def _by_room(self, people: list[Person]) -> list[list[Person]]:
        rooms: dict[str, list[Person]] = {}
        for person in people:
            rooms.setdefault(person.room_id, []).append(person)
        return list(rooms.values())


def read_telemetry(log: Path) -> Counter[str]:
    """The sums of the counts in the log of the functions."""
    counts: Counter[str] = Counter()
    for line in log.read_text("utf-8", "replace").splitlines():
        record = json.loads(line) if line.startswith('{"level"') else {}
        for name in ("dynamodb_requests", "delivered", "gone", "failed"):
            counts[name] += record.get(name, 0)
        if "exception_name" in record:
            counts[f"logged {record['exception_name']}"] += 1
    return counts
