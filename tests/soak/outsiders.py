"""A user who has no way into a private room, and looks for one again and again."""

import asyncio
from contextlib import suppress

from websockets.asyncio.client import connect
from websockets.exceptions import InvalidHandshake, InvalidStatus

from tests.fakes.backend import NOWHERE
from tests.soak.callers import Caller

PAUSE_SECONDS = 1.0
DOORS = (
    ("GET", ""),
    ("GET", "messages"),
    ("GET", "entries"),
    ("POST", "join"),
    ("POST", "ticket"),
    ("POST", "leave"),
    ("GET", "roles"),
)


class Outsider(Caller):
    """For this user, the room must be like a room that does not exist."""

    async def pry(self, socket_url: str) -> None:
        """Try everything until cancelled."""
        while True:
            for method, path in DOORS:
                assert await self._look(method, path) == await self._nowhere._look(method, path), (method, path)
            for way in ("", "&join=1"):
                answers = [await one._knock(socket_url, way) for one in (self, self._nowhere)]
                assert answers[0] == answers[1], answers
            assert self.room_id not in (await self.call("GET", "/coworking/rooms")).text
            self._counts["rounds of the outsider"] += 1
            await asyncio.sleep(PAUSE_SECONDS)

    @property
    def _nowhere(self) -> "Outsider":
        """The same user at a room that does not exist."""
        return Outsider(self._http, self.token, self.name, NOWHERE, self._counts)

    async def _look(self, method: str, path: str) -> tuple[int, object]:
        answer = await self.call(method, path)
        return answer.status_code, answer.json()

    async def _knock(self, socket_url: str, way: str) -> int:
        """The status of an upgrade with a token."""
        while True:
            with suppress(OSError, TimeoutError, InvalidHandshake):
                try:
                    async with connect(f"{socket_url}?room_id={self.room_id}&token={self.token}{way}", proxy=None):
                        return 101
                except InvalidStatus as error:
                    if error.response.status_code < 500 and error.response.status_code != 429:
                        return error.response.status_code
            await self.pause()
