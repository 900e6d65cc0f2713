"""Two people who stay in a room during an upgrade."""

import threading
import uuid
from contextlib import ExitStack

from infra.deploy.smoke import Person, Socket, issue_token

PING_SECONDS = 20.0
"""Without pings a client loses its seat after 90 seconds, and a deployment may take longer."""


class Guest(Person):
    """A user with a seat in the room and an open connection."""

    def __init__(self, api: str, secret: str, name: str) -> None:
        super().__init__(api, issue_token({"AUTH_SECRET": secret}, name))
        self.socket: Socket
        self.user_id = ""

    def sit(self, room: str, opened: ExitStack) -> None:
        """Join, and connect."""
        self.socket = opened.enter_context(Socket(self.call("POST", f"{room}/join")["websocket"]["url"]))
        self.socket.send("sync", last_seq=None)
        self.user_id = self.socket.wait("snapshot")["data"]["you"]["user_id"]


class Party:
    """Two people in one room. Each act returns a sentence about its result."""

    def __init__(self, api: str, secret: str) -> None:
        self._opened = ExitStack()
        self._silent = threading.Event()
        self._pinging = threading.Thread(target=self._ping, daemon=True)
        self.ada, self.grace = Guest(api, secret, "Ada"), Guest(api, secret, "Grace")
        self.room = ""

    def begin(self) -> str:
        """Ada creates a room; both take a seat, connect, and see each other."""
        room_id = self.ada.call("POST", "/coworking/rooms", {"name": "Rehearsal", "max_participants": 2})["id"]
        self.room = f"/coworking/rooms/{room_id}"
        for guest in (self.ada, self.grace):
            guest.sit(self.room, self._opened)
        self.ada.socket.wait("user-joined", **{"from": self.grace.user_id})
        self._pinging.start()
        return "both joined, connected, and see each other"

    def fall_silent(self) -> None:
        """Stop the pings."""
        self._silent.set()
        self._pinging.join()

    def leave(self) -> None:
        """Ada leaves, and the server closes her connection."""
        self.ada.call("POST", f"{self.room}/leave")
        self.ada.socket.wait_end()
        self._opened.close()

    def _ping(self) -> None:
        while not self._silent.wait(PING_SECONDS):
            for guest in (self.ada, self.grace):
                guest.socket.send("ping")

    def talk(self) -> str:
        """Both send a message, one over HTTP, one over the WebSocket; both receive both."""
        said, typed = f"said {uuid.uuid4()}", f"typed {uuid.uuid4()}"
        self.ada.call("POST", f"{self.room}/messages", {"message_text": said})
        self.grace.socket.send("message", text=typed, id=typed[:64])
        self.grace.socket.wait("ack", ref=typed[:64])
        for guest in (self.ada, self.grace):
            heard = {guest.socket.wait("message_sent")["data"]["text"] for _ in range(2)}
            assert heard == {said, typed}, heard
        return "both received messages over HTTP and over the WebSocket"

    def signal(self) -> str:
        """One sends an offer, the other an answer, and both a candidate."""
        there, back = (self.ada, self.grace), (self.grace, self.ada)
        signals = (("offer", there), ("answer", back), ("ice-candidate", there), ("ice-candidate", back))
        for kind, (sender, receiver) in signals:
            data = {"number": str(uuid.uuid4())}
            sender.socket.send(kind, to=receiver.user_id, data=data)
            receiver.socket.wait(kind, data=data, **{"from": sender.user_id})
        return "offer, answer and candidates arrived"
