"""The journal of the database engine."""

import stat
from pathlib import Path

import pytest

from infra.local.journal import Journal, JournalError, write_file
from infra.local.resources import lock_directory


def test_entries_are_read_in_order_after_opening_again(tmp_path: Path) -> None:
    first = Journal(tmp_path, 0)
    first.append([["item", "ä\n", None]])
    Journal(tmp_path, 0).append([2])
    again = Journal(tmp_path, 0)
    assert again.read() == [[["item", "ä\n", None]], [2]]
    assert again.size == again.path.stat().st_size


@pytest.mark.parametrize("torn", [b"[", b"[3", b"[3]", b'["\xc3'])
def test_a_torn_last_line_is_dropped(tmp_path: Path, torn: bytes) -> None:
    journal = Journal(tmp_path, 0)
    journal.append([1])
    journal.path.write_bytes(journal.path.read_bytes() + torn)
    again = Journal(tmp_path, 0)
    assert again.read() == [[1]]
    again.append([2])
    assert Journal(tmp_path, 0).read() == [[1], [2]]


def test_a_damaged_line_is_an_error_that_names_it(tmp_path: Path) -> None:
    journal = Journal(tmp_path, 0)
    journal.path.write_bytes(b"[1]\n[\n[3]\n")
    with pytest.raises(JournalError, match=r"line 2 of .*journal-0.jsonl is damaged"):
        journal.read()


def test_a_new_state_has_a_journal_of_its_own(tmp_path: Path) -> None:
    journal = Journal(tmp_path, 0)
    journal.append([1])
    Journal(tmp_path, 1).append(["left over"])
    following = journal.follow()
    journal.append([2])
    assert (journal.read(), following.read()) == ([[1], [2]], [])
    journal.delete()
    assert [path.name for path in tmp_path.iterdir()] == ["journal-1.jsonl"]


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    write_file(tmp_path / "state.json", "old")
    with pytest.raises(UnicodeEncodeError):
        write_file(tmp_path / "state.json", "new \ud800")
    assert (tmp_path / "state.json").read_text() == "old"
    write_file(tmp_path / "state.json", "new")
    assert (tmp_path / "state.json").read_text() == "new"


def test_only_the_owner_may_read_what_is_stored(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    for path in (state, state.with_suffix(".new")):
        path.write_text("left from an earlier version")
        path.chmod(0o644)
    write_file(state, "{}")
    lock_directory(tmp_path / "data").close()
    made = [state, Journal(tmp_path, 0).path, tmp_path / "data"]
    assert [stat.filemode(path.stat().st_mode) for path in made] == ["-rw-------", "-rw-------", "drwx------"]
