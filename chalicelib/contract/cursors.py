"""Cursors: where the next page of a list starts. A client can read a cursor, but can't make one."""

import base64
import binascii
import hmac
import json
from typing import Any

from chalicelib.kernel.errors import InvalidCursorError

_MAC_BYTES = 16


def write_cursor(secret: bytes, purpose: str, place: object) -> str:
    """The cursor of a place, which is JSON. `purpose` names the list: a cursor of another list is refused.

    Example: `write_cursor(backend.secret, "rooms", ("own", room.key))`
    """
    text = json.dumps(place, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_mac(secret, purpose, text) + text).decode()


def read_cursor(secret: bytes, purpose: str, cursor: str) -> Any:
    """The place that a cursor names, as JSON.

    Raises:
        InvalidCursorError: this service did not make the cursor, or not for this list.
    """
    try:
        raw = base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error) as error:
        raise InvalidCursorError from error
    mac, text = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
    if not hmac.compare_digest(mac, _mac(secret, purpose, text)):
        raise InvalidCursorError
    return json.loads(text)


def _mac(secret: bytes, purpose: str, text: bytes) -> bytes:
    return hmac.digest(secret, purpose.encode() + b":" + text, "sha256")[:_MAC_BYTES]
