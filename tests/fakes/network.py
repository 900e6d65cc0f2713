"""A fan-out that behaves like the connections API: a closed connection is gone, and receives nothing more."""

import json
from collections.abc import Iterable

from chalicelib.delivery import OutboundFrame
from chalicelib.delivery.fanout import DEADLINE_SECONDS, Act, DeliveryReport
from tests.fakes.fanout import FakeFanout, Frame


class Network(FakeFanout):
    """Records the frames that connections received, and the connections that it closed."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: dict[str, list[Frame]] = {}
        self.hung_up: set[str] = set()

    def deliver(self, acts: Iterable[Act], deadline_seconds: float = DEADLINE_SECONDS) -> DeliveryReport:
        acts = list(acts)
        report = super().deliver(acts, deadline_seconds)
        for act in acts:
            if act.connection.connection_id in self.gone | self.failing:
                continue
            if isinstance(act, OutboundFrame):
                self.heard.setdefault(act.connection.connection_id, []).append(json.loads(act.data))
            else:
                self.hung_up.add(act.connection.connection_id)
                self.gone.add(act.connection.connection_id)
        return report

    def tried(self) -> frozenset[str]:
        return frozenset(act.connection.connection_id for act in self.acts if isinstance(act, OutboundFrame))

    def forget(self) -> None:
        super().forget()
        self.heard = {}
        self.hung_up = set()
