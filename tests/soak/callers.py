"""Calls over HTTP that are repeated until the service answers them."""

import asyncio
import random
from collections import Counter
from contextlib import suppress

import httpx

from tests.soak.view import Frame, key_of


class Caller:
    """Somebody who calls a room over HTTP until there is an answer."""

    def __init__(self, http: httpx.AsyncClient, token: str, name: str, room_id: str, counts: Counter[str]) -> None:
        self.name = name
        self.user_id = name.lower()
        self.room_id = room_id
        self.token = token
        self.acts: list[tuple[object, ...]] = []
        """What this user did: each act is one event of the log."""
        self._http = http
        self._counts = counts
        self._dice = random.Random(name)

    async def call(self, method: str, path: str, body: Frame | None = None) -> httpx.Response:
        """Call until the answer is no failure of the service or of the network."""
        while True:
            with suppress(httpx.TransportError):
                answer = await self._call(method, path, body)
                if answer.status_code < 500 and answer.status_code != 429:
                    return answer
            await self.pause()

    async def pause(self) -> None:
        """Wait for a random time before the next attempt."""
        await asyncio.sleep(self._dice.uniform(0.05, 0.5))

    async def _call(self, method: str, path: str, body: Frame | None = None) -> httpx.Response:
        url = path if path.startswith("/") else f"/coworking/rooms/{self.room_id}/{path}".rstrip("/")
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = await self._http.request(method, url, headers=headers, json=body)
        if answer.is_error:
            self._counts[f"HTTP {answer.status_code} {answer.json().get('code')}"] += 1
        return answer


class Moderator(Caller):
    """The owner of a room, who has no seat in it."""

    async def moderate(self, user_id: str, action: str) -> None:
        body = {"action": action, "user_id": user_id}
        answer = await self.call("POST", "moderation", body)
        assert answer.status_code == 200, answer.text
        self.acts.append(key_of("member_moderated", self.user_id, body))
