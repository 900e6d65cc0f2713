"""Hashes in place of user ids, for rows that belong to a user and must not hold the id."""

import json
from base64 import urlsafe_b64encode
from hashlib import sha256

_BYTES = 9


def fingerprint(room_id: str, user_id: str) -> str:
    """12 characters that stand for a user in one room. Another room has another fingerprint of the same user.

    Example: `fingerprint(room_id, "auth0|ada") == "qkQ0xMYJr3bC"`
    """
    return urlsafe_b64encode(sha256(f"{room_id}#{user_id}".encode()).digest()[:_BYTES]).decode()


def digest(*parts: str) -> str:
    """43 characters that stand for these texts. Keys of `guards` use it: they hold no user id.

    Example: `digest("join", "auth0|ada")`
    """
    return urlsafe_b64encode(sha256(json.dumps(parts).encode()).digest()).decode().rstrip("=")
