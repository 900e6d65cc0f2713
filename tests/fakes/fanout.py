"""A fan-out that delivers into memory. A test sets which connections fail."""

import json
from collections.abc import Iterable
from typing import Any

from chalicelib.delivery import Close, OutboundFrame
from chalicelib.delivery.fanout import DEADLINE_SECONDS, Act, DeliveryReport, Fanout

Frame = dict[str, Any]


class FakeFanout(Fanout):
    """Records all posts and closures, in order.

    Connections in `gone` answer 410, connections in `failing` do not answer. With an `error`, every delivery fails.
    """

    def __init__(self) -> None:
        # Do not call the real constructor: it starts a client and a pool of threads.
        self.acts: list[Act] = []
        self.gone: set[str] = set()
        self.failing: set[str] = set()
        self.error: Exception | None = None

    def deliver(
        self,
        acts: Iterable[Act],
        deadline_seconds: float = DEADLINE_SECONDS,  # noqa: ARG002  # the real one has it
    ) -> DeliveryReport:
        acts = list(acts)
        self.acts.extend(acts)
        if self.error:
            raise self.error
        told = [act.connection for act in acts]
        gone = tuple(dict.fromkeys(one for one in told if one.connection_id in self.gone))
        failed = tuple(dict.fromkeys(one for one in told if one.connection_id in self.failing - self.gone))
        return DeliveryReport(sum(one not in gone + failed for one in told), gone, failed)

    def frames(self, connection_id: str) -> list[Frame]:
        """The frames that were posted to a connection, oldest first."""
        return [
            json.loads(act.data)
            for act in self.acts
            if isinstance(act, OutboundFrame) and act.connection.connection_id == connection_id
        ]

    def types(self, connection_id: str) -> list[str]:
        """The types of the frames that were posted to a connection; `CLOSED` stands for its closure."""
        return [
            "CLOSED" if isinstance(act, Close) else json.loads(act.data)["type"]
            for act in self.acts
            if act.connection.connection_id == connection_id
        ]

    def last(self, connection_id: str) -> Frame:
        return self.frames(connection_id)[-1]

    def closed(self) -> list[str]:
        """The ids of the closed connections, in order."""
        return [act.connection.connection_id for act in self.acts if isinstance(act, Close)]

    def forget(self) -> None:
        """Forget all posts and closures."""
        self.acts.clear()
