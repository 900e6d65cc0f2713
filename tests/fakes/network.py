"""A fan-out that behaves as the connections API does: what it closes is gone, and what is gone hears nothing."""

import json
from collections.abc import Iterable

from chalicelib.delivery import OutboundFrame
from chalicelib.delivery.fanout import DEADLINE_SECONDS, Act, DeliveryReport
from tests.fakes.fanout import FakeFanout, Frame


class Network(FakeFanout):
    """Delivers to the wires that hear, closes them, and knows what came of it."""

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
