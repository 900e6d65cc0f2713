"""The connections API: a posting client, and fan-out to many connections. It knows connections, not people.

`Fanout.deliver` returns which connections are gone; `seats/` decides what that means for their users.
"""

from chalicelib.delivery.connection import Close, Connection, OutboundFrame
from chalicelib.delivery.fanout import DeliveryReport, Fanout

__all__ = ["Close", "Connection", "DeliveryReport", "Fanout", "OutboundFrame"]
