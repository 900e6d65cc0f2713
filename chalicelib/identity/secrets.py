"""Secrets that the service makes itself and keeps in the `guards` table, shared by all its processes."""

import os
from dataclasses import dataclass

from chalicelib.store import Store, Table

_BYTES = 32


@dataclass(frozen=True)
class Secret:
    """A random secret."""

    key: str
    secret: bytes


SECRETS = Table("guards", Secret)


def get_secret(store: Store, name: str) -> bytes:
    """The secret with this name. The first process that needs it makes it."""
    key = f"secret#{name}"
    store.put(SECRETS, Secret(key, os.urandom(_BYTES)), SECRETS.key.does_not_exist())
    found = store.get(SECRETS, key)
    if found is None:
        raise RuntimeError(f"the secret {name} was removed while it was read")
    return found.secret


def forget_secret(store: Store, name: str) -> None:
    """Remove a secret, so that the next process makes another. Running processes keep the one they know."""
    store.delete(SECRETS, f"secret#{name}")
