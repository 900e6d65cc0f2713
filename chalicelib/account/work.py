"""A part of an erasure: as many pages of rows as one call or one sweep may read."""

from dataclasses import dataclass, replace
from typing import Any

from chalicelib.backend import Backend
from chalicelib.identity.accounts import ERASURES, Erasure
from chalicelib.kernel.times import Moment
from chalicelib.store import Store


@dataclass
class Work:
    """An erasure in this process, and how many pages of rows it may still read."""

    backend: Backend
    erasure: Erasure
    now: Moment
    pages: int

    @property
    def store(self) -> Store:
        return self.backend.store

    @property
    def user_id(self) -> str:
        return self.erasure.user_id

    def take_page(self) -> bool:
        """Count a page. False if no more may be read."""
        self.pages -= 1
        return self.pages >= 0

    def note(self, **changes: Any) -> None:
        """Store how far the erasure is. If another process has gone on with it, this one stops."""
        after = replace(self.erasure, **changes)
        if after == self.erasure:
            return
        if self.store.replace(ERASURES, self.erasure, after):
            self.erasure = after
        else:
            self.pages = 0
