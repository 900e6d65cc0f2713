"""The events that functions get for WebSockets (API Gateway) and schedules (EventBridge)."""

import base64
import secrets
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from infra.local.options import STAGE

API_ID = "local"
ACCOUNT = "123456789012"
Pairs = Sequence[tuple[str, str]]


def new_id() -> str:
    """An id in API Gateway's format for connections and messages. Its `=` must be escaped in a URL."""
    return base64.urlsafe_b64encode(secrets.token_bytes(11)).decode()


def now_ms() -> int:
    """Milliseconds since 1970."""
    return int(time.time() * 1000)


def request_time(milliseconds: int) -> str:
    """A time in the format of access logs."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000")


@dataclass(frozen=True)
class SocketEvents:
    """Makes the events of one connection."""

    domain: str
    source_ip: str
    user_agent: str
    connection_id: str = field(default_factory=new_id)
    connected_at: int = field(default_factory=now_ms)

    def connect(self, headers: Pairs, query: Pairs) -> dict[str, Any]:
        """The event of the upgrade request."""
        named = [(name.title().replace("Websocket", "WebSocket"), value) for name, value in headers]
        event = {
            "headers": dict(named),
            "multiValueHeaders": gather_values(named),
            "requestContext": self._context("$connect", "CONNECT"),
            "isBase64Encoded": False,
        }
        if query:
            event |= {"queryStringParameters": dict(query), "multiValueQueryStringParameters": gather_values(query)}
        return event

    def message(self, body: str) -> dict[str, Any]:
        """The event of a message from the client."""
        return {
            "requestContext": self._context("$default", "MESSAGE") | {"messageId": new_id()},
            "body": body,
            "isBase64Encoded": False,
        }

    def disconnect(self, code: int, reason: str) -> dict[str, Any]:
        """The event at the end of the connection."""
        headers = {"Host": self.domain, "x-api-key": "", "X-Forwarded-For": "", "x-restapi": ""}
        ended = {"disconnectStatusCode": code, "disconnectReason": reason}
        return {
            "headers": headers,
            "multiValueHeaders": gather_values(list(headers.items())),
            "requestContext": self._context("$disconnect", "DISCONNECT") | ended,
            "isBase64Encoded": False,
        }

    def _context(self, route: str, kind: str) -> dict[str, Any]:
        now = now_ms()
        return {
            "routeKey": route,
            "eventType": kind,
            "extendedRequestId": new_id(),
            "requestTime": request_time(now),
            "messageDirection": "IN",
            "stage": STAGE,
            "connectedAt": self.connected_at,
            "requestTimeEpoch": now,
            "identity": {"sourceIp": self.source_ip, "userAgent": self.user_agent},
            "requestId": new_id(),
            "domainName": self.domain,
            "connectionId": self.connection_id,
            "apiId": API_ID,
        }


def scheduled_event(rule: str, region: str) -> dict[str, Any]:
    """The event of a scheduled rule."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": region,
        "resources": [f"arn:aws:events:{region}:{ACCOUNT}:rule/{rule}"],
        "detail": {},
    }


def gather_values(pairs: Pairs) -> dict[str, list[str]]:
    """All values of each name, in order."""
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return values
