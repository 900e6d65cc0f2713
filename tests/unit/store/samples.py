"""A small table for tests of the store: counters in `guards`."""

from dataclasses import dataclass

from chalicelib.store import Table


@dataclass(frozen=True)
class Counted:
    """A counter and its holder."""

    key: str
    number: int
    holders: frozenset[str] = frozenset()


COUNTED = Table("guards", Counted)
ONE, TWO, THREE = (Counted(f"counter-{number}", number) for number in (1, 2, 3))
IS_NEW = COUNTED.key.does_not_exist()
