"""The database engine as a child process; `test_supervisor` kills its parent."""

from pathlib import Path

import pytest

from infra.local.engine import Engine
from infra.local.process import StackError

pytestmark = pytest.mark.proof


def write_item(engine: Engine) -> None:
    engine.create_tables("t-")
    client = engine.client()
    client.put_item(TableName="t-profiles", Item={"user_id": {"S": "ada"}})
    client.close()


def has_item(engine: Engine) -> bool:
    client = engine.client()
    found = client.get_item(TableName="t-profiles", Key={"user_id": {"S": "ada"}})
    client.close()
    return "Item" in found


def test_data_survives_a_restart_in_its_directory(tmp_path: Path) -> None:
    with Engine(tmp_path) as engine:
        write_item(engine)
    assert {path.name for path in tmp_path.iterdir()} == {"engine.log", "state", "tmp"}
    with Engine(tmp_path) as engine:
        assert has_item(engine)


def test_two_engines_run_side_by_side(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    with Engine(one) as first, Engine(other) as second:
        write_item(first)
        second.create_tables("t-")
        assert (has_item(first), has_item(second)) == (True, False)


def test_an_engine_that_cannot_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENGINE_PYTHON", "/bin/false")
    with pytest.raises(StackError, match="did not start: no output"), Engine(tmp_path):
        pass


def test_data_that_cannot_be_saved_is_an_error(tmp_path: Path) -> None:
    engine = Engine(tmp_path)
    engine.start()
    write_item(engine)
    (tmp_path / "state").write_text("in the way")
    with pytest.raises(StackError, match="could not save its data"):
        engine.stop()
