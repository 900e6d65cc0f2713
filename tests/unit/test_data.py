"""docs/data.md is the inventory of what the tables hold about people."""

import pkgutil
import re
from collections import Counter
from importlib import import_module

import chalicelib
from chalicelib.account.notes import KINDS
from chalicelib.store import Table
from tests.fakes.documents import Document

PAGE = Document("docs/data.md")
Field = tuple[str, str, str]
"""A table, the class of a row, and a field."""


def test_each_field_of_each_row_is_in_the_inventory() -> None:
    assert Counter(list_documented()) == Counter(list_declared())


def test_each_kind_of_grant_can_be_erased_and_exported() -> None:
    """`account/notes.py` knows the rows of `grants`. The erasure itself ends last."""
    declared = {row for table, row, _ in list_declared() if table == "grants"} - {"Erasure"}
    assert {kind.table.record.__name__ for kind in KINDS.values()} == declared


def list_documented() -> list[Field]:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.text.splitlines() if "| `" in line]
    return [(names(table)[0], names(row)[0], field) for table, row, fields, *_ in rows for field in names(fields)]


def names(cell: str) -> list[str]:
    return re.findall(r"`(\w+)`", cell)


def list_declared() -> set[Field]:
    """The fields of all rows that the service declares."""
    modules = [import_module(module.name) for module in pkgutil.walk_packages(chalicelib.__path__, "chalicelib.")]
    tables = {id(value): value for module in modules for value in vars(module).values() if isinstance(value, Table)}
    return {(one.base_name, one.record.__name__, field) for one in tables.values() for field in one._attributes}
