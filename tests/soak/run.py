"""The soak: people talk in rooms while connections, the gateway and the database have a bad day; then the accounts."""

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
from tests.soak.accounts import Books, settle_accounts
from tests.soak.people import Board, Person

BAD_DAY = FaultRates(
    conflict=0.02, throttled=0.02, failed=0.005, failed_late=0.005, refused=0.005, lost=0.005, slowest_seconds=0.01
)
FAULTS: dict[str, object] = {
    "frame_delay": [0, 150],
    "run_twice": 0.05,
    "post_status": {"429": 0.02, "500": 0.02, "410": 0.003},
}
ENVIRONMENT = {**CREDENTIALS, "AWS_DEFAULT_REGION": REGION, "SWEEP_SECONDS": "5"}
ENVIRONMENT |= dict.fromkeys(("MESSAGES_LIMIT", "JOINS_LIMIT"), "1000000/10")
PATIENCE_SECONDS = 150.0
"""A lease of 90 s, and a while."""


@dataclass(frozen=True)
class Size:
    """How much of it. `rounds`: how often everything goes wrong that can."""

    messages: int
    rounds: int
    pause_seconds: float
    most_seconds: float
    rooms: int = 4
    people: int = 20


SMALL = Size(messages=320, rounds=1, pause_seconds=0.3, most_seconds=300)
FULL = Size(messages=5_000, rounds=5, pause_seconds=0.9, most_seconds=3_600)


@dataclass
class Report:
    """What happened."""

    acknowledged: int = 0
    seconds: float = 0
    trouble: Counter[str] = field(default_factory=Counter)
    database: Counter[str] = field(default_factory=Counter)
    gateway: Counter[str] = field(default_factory=Counter)
    clients: Counter[str] = field(default_factory=Counter)

    def text(self) -> str:
        lines = [f"{self.acknowledged} messages acknowledged in {self.seconds:.0f} s; none lost, and nobody haunts"]
        for name in ("trouble", "database", "gateway", "clients"):
            counts = ", ".join(f"{what}: {count}" for what, count in sorted(getattr(self, name).items()))
            lines.append(f"{name:9} {counts}")
        return "\n".join(lines)


class Soak:
    """One run, in a directory of its own."""

    def __init__(self, size: Size, directory: Path) -> None:
        self.size = size
        self.report = Report()
        self._directory = directory
        self._people: list[Person] = []
        self._living: dict[Person, asyncio.Task[None]] = {}

    def run(self) -> Report:
        """Raises AssertionError where something was lost, or somebody haunts a room."""
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
        self._board = Board(self.report.clients)
        async with (
            asyncio.timeout(self.size.most_seconds),
            httpx.AsyncClient(base_url=self._stack.api, timeout=30, verify=False) as http,
            asyncio.TaskGroup() as tasks,
        ):
            await self._gather(http)
            self._living = {person: tasks.create_task(person.live()) for person in self._people}
            speaking = [tasks.create_task(person.speak(self.size.pause_seconds)) for person in self._people]
            await self._make_trouble()
            await asyncio.wait(speaking)
            await self._calm_down()
            await self._let_some_vanish()
            await self._settle()
            for task in self._living.values():
                task.cancel()

    async def _gather(self, http: httpx.AsyncClient) -> None:
        """The rooms have a seat for each, and none to spare."""
        owner = {"Authorization": f"Bearer {self._stack.token('owner', 'Olga')}"}
        seats = self.size.people // self.size.rooms
        for number in range(self.size.rooms):
            body = {"name": f"Room {number}", "max_participants": seats}
            room_id = (await http.post("/coworking/rooms", json=body, headers=owner)).json()["id"]
            for seat in range(seats):
                name = f"Person-{number}-{seat}"
                person = Person(http, self._stack.token(name.lower(), name), name, room_id, self._board)
                person.plan(f"{name} says {n}" for n in range(self.size.messages // self.size.people))
                self._people.append(person)

    # --- what goes wrong

    async def _make_trouble(self) -> None:
        """One thing after the other, each when so much has been said."""
        plan: list[Callable[[], Awaitable[None]]] = [
            self._start_faults,
            self._cut_all,
            self._restart_engine,
            self._let_some_leave,
            self._cut_all_unnoticed,
            self._restart_gateway,
        ]
        steps = plan * self.size.rounds
        for number, step in enumerate(steps):
            await self._board.wait_for(self.size.messages * (number + 1) // (len(steps) + 1))
            await step()
            self.report.trouble[step.__name__.strip("_").replace("_", " ")] += 1

    async def _start_faults(self, **more: object) -> None:
        self._database.rates = BAD_DAY
        await asyncio.to_thread(self._stack.plan_faults, **FAULTS, **more)

    async def _cut_all(self) -> None:
        await asyncio.to_thread(self._stack.cut)

    async def _cut_all_unnoticed(self) -> None:
        await self._start_faults(lose_disconnects=True)
        await self._cut_all()

    async def _restart_engine(self) -> None:
        def restart() -> None:
            self._engine.stop()
            self._engine.start()
            self._engine.wait_ready()

        await asyncio.to_thread(restart)

    async def _restart_gateway(self) -> None:
        self._database.rates = FaultRates()  # it is not what is tested: it gives up starting where the database refuses
        await asyncio.to_thread(self._stack.restart)
        await self._start_faults()

    async def _let_some_leave(self) -> None:
        """One of each room; they come back at once."""
        round_number = self.report.trouble["let some leave"]
        await asyncio.gather(*(room[round_number % len(room)].leave() for room in self._by_room(self._people)))

    async def _calm_down(self) -> None:
        self._database.rates = FaultRates()
        await asyncio.to_thread(self._stack.plan_faults)

    async def _let_some_vanish(self) -> None:
        """One of each room dies, and the service isn't told."""
        await asyncio.to_thread(self._stack.plan_faults, lose_disconnects=True)
        for room in self._by_room(self._people):
            room[0].vanish()
            self._living.pop(room[0]).cancel()

    # --- what came of it

    async def _settle(self) -> None:
        books = Books(self._engine)
        await asyncio.gather(*(self._settle_room(books, room) for room in self._by_room(self._people)))
        self.report.acknowledged = sum(len(person.acknowledged) for person in self._people)

    async def _settle_room(self, books: Books, everybody: list[Person]) -> None:
        """Talk on until only the living are there; then everybody asks once more for what is missing."""
        living = [person for person in everybody if person in self._living]
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await asyncio.to_thread(books.show_only, living):
                await living[0].say(f"{living[0].name} looks around")
                await living[0].pause()
        await asyncio.gather(*(person.sync() for person in living))
        await settle_accounts(everybody, living)

    def _by_room(self, people: list[Person]) -> list[list[Person]]:
        rooms: dict[str, list[Person]] = {}
        for person in people:
            rooms.setdefault(person.room_id, []).append(person)
        return list(rooms.values())


def read_telemetry(log: Path) -> Counter[str]:
    """What the functions wrote down of themselves, added up."""
    counts: Counter[str] = Counter()
    for line in log.read_text("utf-8", "replace").splitlines():
        record = json.loads(line) if line.startswith('{"level"') else {}
        for name in ("dynamodb_requests", "delivered", "gone", "failed"):
            counts[name] += record.get(name, 0)
        if "exception_name" in record:
            counts[f"logged {record['exception_name']}"] += 1
    return counts
