"""The database engine as a child process; `test_supervisor` kills its parent."""

import contextlib
import http.client
import subprocess
from pathlib import Path

import pytest

from infra.local.engine import Engine, engine_python
from infra.local.process import StackError
from infra.local.stack import ROOT

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


PAGES = [{"Origin": "https://site.example"}, {"Origin": "null"}, {"Host": "site.example:80"}, {"Host": ""}]


def test_web_pages_can_neither_read_nor_delete_data(tmp_path: Path) -> None:
    def call(method: str, path: str, headers: dict[str, str]) -> int:
        target = {"Host": f"127.0.0.1:{engine.port}", "X-Amz-Target": "DynamoDB_20120810.ListTables"}
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", engine.port)) as connection:
            connection.request(method, path, "{}", target | headers)
            return connection.getresponse().status

    calls = [("OPTIONS", "/"), ("POST", "/"), ("POST", "/_ministack/reset"), ("GET", "/_ministack/health")]
    with Engine(tmp_path) as engine:
        write_item(engine)
        assert {call(*one, page) for one in calls for page in PAGES} == {403}
        assert call("POST", "/", {}) == 200
        assert has_item(engine)


def test_a_transaction_is_not_repeated_after_a_crash(tmp_path: Path) -> None:
    update = {
        "TableName": "t-profiles",
        "Key": {"user_id": {"S": "ada"}},
        "UpdateExpression": "ADD visits :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    }
    engine = Engine(tmp_path)
    for number in range(3):  # the second time it is in the journal, the third time in the saved state
        with engine:
            engine.create_tables("t-")
            client = engine.client()
            client.transact_write_items(TransactItems=[{"Update": update}], ClientRequestToken="only-once")
            item = client.get_item(TableName="t-profiles", Key=update["Key"])["Item"]
            client.close()
            engine.kill()
        assert item["visits"] == {"N": "1"}
        assert bool(journal_of(tmp_path).stat().st_size) == (number == 0), "a repetition is no write"


def test_saving_continues_while_people_write_and_items_expire(tmp_path: Path) -> None:
    def run(mode: str) -> str:
        environment = Engine(tmp_path).environment() | {"PYTHONPATH": str(ROOT), "SAVE_AFTER_BYTES": "500"}
        program = [str(engine_python()), str(ROOT / "tests" / "fakes" / "engine_reaper.py"), mode]
        done = subprocess.run(
            [*program, environment["STATE_DIR"]], env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout

    written = run("write")
    assert len(written) > 1000
    assert int(journal_of(tmp_path).stem.partition("-")[2]) > 20, "saved often"
    assert run("read") == written


def test_state_that_cannot_be_saved_is_still_in_the_journal(tmp_path: Path) -> None:
    with Engine(tmp_path) as engine:
        write_item(engine)
    (tmp_path / "state" / "dynamodb.new").mkdir()
    with Engine(tmp_path) as engine:
        assert has_item(engine)
    assert "is tried again later" in engine.log.read_text()
    assert journal_of(tmp_path).name == "journal-0.jsonl"


def journal_of(data_dir: Path) -> Path:
    """The only journal."""
    (journal,) = (data_dir / "state").glob("journal-*")
    return journal


def test_an_engine_that_cannot_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENGINE_PYTHON", "/bin/false")
    with pytest.raises(StackError, match="did not start: no output"), Engine(tmp_path):
        pass


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("dynamodb.json", "{", "can't be read"),
        ("journal-0.jsonl", "[\n[]\n", "line 1 of .* is damaged"),
        ("journal-0.jsonl", '[["request", "", "", "CreateTable", "{}"]]\n', "CreateTable in the journal"),
    ],
)
def test_unusable_data_is_an_error_and_stays(tmp_path: Path, name: str, content: str, said: str) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / name).write_text(content)
    with pytest.raises(StackError, match=f"did not start: error: .*{said}"), Engine(tmp_path):
        pass
    assert (tmp_path / "state" / name).read_text() == content
