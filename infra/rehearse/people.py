"""Two people who stay in a room during an upgrade."""

import threading
import uuid
from contextlib import ExitStack
from typing import Any

from infra.deploy.smoke import Person, Socket, issue_token


class Guest:
    """Somebody with a seat in the room and an open connection."""

    def __init__(self, person: Person, socket: Socket, snapshot: dict[str, Any]) -> None:
        self.person = person
        self.socket = socket
        self.user_id: str = snapshot["you"]["user_id"]


PING_SECONDS = 20.0
"""Without pings a client loses its seat after 90 seconds, and a deployment may take longer."""


class Party:
    """Two people in one room."""

    def __init__(self, api: str, secret: str) -> None:
        self._opened = ExitStack()
        self._silent = threading.Event()
        self._pinging = threading.Thread(target=self._ping, daemon=True)
        self._api = api
        self._variables = {"AUTH_SECRET": secret}
        self.room = ""
        self.ada: Guest
        self.grace: Guest

    def begin(self) -> None:
        """Ada creates a room; both take a seat, connect, and see each other."""
        ada, grace = self.invite("Ada"), self.invite("Grace")
        room_id = ada.call("POST", "/coworking/rooms", {"name": "Rehearsal", "max_participants": 2})["id"]
        self.room = f"/coworking/rooms/{room_id}"
        self.ada, self.grace = self.seat(ada), self.seat(grace)
        self.ada.socket.wait("user-joined", **{"from": self.grace.user_id})
        self._pinging.start()

    def fall_silent(self) -> None:
        """Stop the pings."""
        self._silent.set()
        self._pinging.join()

    def leave(self) -> None:
        """Ada leaves, and the server closes her connection."""
        self.ada.person.call("POST", f"{self.room}/leave")
        self.ada.socket.wait_end()
        self._opened.close()

    def _ping(self) -> None:
        while not self._silent.wait(PING_SECONDS):
            for guest in (self.ada, self.grace):
                guest.socket.send("ping")

    def invite(self, name: str) -> Person:
        return Person(self._api, issue_token(self._variables, name))

    def seat(self, person: Person) -> Guest:
        """Join, and connect."""
        address = person.call("POST", f"{self.room}/join")["websocket"]["url"]
        socket = self._opened.enter_context(Socket(address))
        socket.send("sync", last_seq=None)
        return Guest(person, socket, socket.wait("snapshot")["data"])

    def talk(self) -> None:
        """Both send a message, one over HTTP, one over the WebSocket; both receive both."""
        said, typed = f"said {uuid.uuid4()}", f"typed {uuid.uuid4()}"
        self.ada.person.call("POST", f"{self.room}/messages", {"message_text": said})
        self.grace.socket.send("message", text=typed, id=typed[:64])
        self.grace.socket.wait("ack", ref=typed[:64])
        for guest in (self.ada, self.grace):
            heard = {guest.socket.wait("message_sent")["data"]["text"] for _ in range(2)}
            assert heard == {said, typed}, heard

    def call(self) -> None:
        """One sends an offer, the other an answer, and both a candidate."""
        offers = (("offer", self.ada, self.grace), ("answer", self.grace, self.ada))
        candidates = (("ice-candidate", self.ada, self.grace), ("ice-candidate", self.grace, self.ada))
        for kind, caller, callee in (*offers, *candidates):
            signal = {"number": str(uuid.uuid4())}
            caller.socket.send(kind, to=callee.user_id, data=signal)
            callee.socket.wait(kind, data=signal, **{"from": caller.user_id})
