"""The commands, queries, routes and make targets of the runbook exist."""

import ast
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from chalicelib.api.routes import ROUTES
from chalicelib.kernel.telemetry import METRICS
from infra import ops
from tests.fakes.commands import answer, aws_commands, check_aws, shell_lines
from tests.fakes.documents import ROOT, Document

RUNBOOK = Document("docs/runbook.md")
PAGES = (RUNBOOK, Document("docs/scaling.md"))
SCRIPTS = [block for page in PAGES for block in re.findall(r"^ *```bash\n(.*?)^ *```$", page.text, re.M | re.S)]
COMMANDS = [command for script in SCRIPTS for command in aws_commands(script)]
QUERIES = [query for script in SCRIPTS for query in re.findall(r"^insights '([^']+)'", script, re.M)]
QUERIES += re.findall(r"`insights '([^']+)'", RUNBOOK.text)
WORDS = {
    *("filter", "stats", "sort", "limit", "fields", "by", "as", "desc", "asc", "and", "or", "not", "like", "in"),
    *("count", "sum", "max", "min", "bin", "ispresent", "1m"),
}


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_aws_knows_the_command(command: list[str]) -> None:
    check_aws(command)


def test_all_commands_are_checked() -> None:
    written = sum(len(re.findall(r"(?m)(?:^|\$\(|while )\s*aws [a-z]", "\n".join(shell_lines(one)))) for one in SCRIPTS)

    assert len(COMMANDS) == written > 25
    assert len(QUERIES) > 15


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        ("aws dynamodb describe-tables --table-name x", "no describe-tables"),
        ("aws dynamodb describe-table --name x", "no --name"),
        ("aws dynamodb describe-table", "lacks"),
        ("aws dynamodb wait table-is-there --table-name x", "waited for"),
        ("aws cloudwatch describe-alarms --state-value LOUD", "none of"),
        ("aws dynamodb update-time-to-live --table-name x --time-to-live-specification On=true,AttributeName=y", "On"),
        ('aws dynamodb update-item --table-name x --key \'{"a": {"Q": "1"}}\'', "Q"),
        ("aws dynamodb delete-table --table-name x y", "what is"),
    ],
)
def test_an_unknown_command_is_found(command: str, complaint: str) -> None:
    (words,) = aws_commands(command)

    with pytest.raises(AssertionError, match=complaint):
        check_aws(words)


def test_answers_of_queries_are_printed_as_lines() -> None:
    (expression,) = re.findall(r'--query "(results.*?)" \|', "\n".join(shell_lines(SCRIPTS[0])))
    fields = [{"field": "kind", "value": "frame"}, {"field": "copies", "value": "3"}, {"field": "@ptr", "value": "x"}]

    assert answer(expression, {"results": [fields, fields[1:]]}) == ["frame  3", "3"]


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_are_valid_bash(script: str) -> None:
    assert subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, check=False).stderr == ""


AWS = """#!/bin/bash
echo "$*" >> {calls}
case "$2 $*" in
    start-query*) echo the-id ;;
    *"--query status"*) echo Complete ;;
    *) printf 'frame  3\\tconnect  4\\n' ;;
esac
"""


def test_insights_waits_for_the_answer_and_prints_its_lines(tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    (tmp_path / "aws").write_text(AWS.format(calls=calls))
    (tmp_path / "aws").chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"

    asked = f"{SCRIPTS[0]}\ninsights 'stats count(*) by kind' 600"
    run = subprocess.run(["bash", "-eu"], input=asked, text=True, capture_output=True, check=True, env={"PATH": path})

    assert run.stdout == "frame  3\nconnect  4\n"
    start, status, results = calls.read_text().splitlines()
    began, ended = map(int, re.findall(r"--(?:start|end)-time (\d+)", start))
    assert ended - began in (600, 601)
    assert "--query-string stats count(*) by kind" in start
    assert start.count("/aws/lambda/coworking-rooms-prod") == 5
    assert "--query-id the-id" in status
    assert "--query-id the-id" in results


def logged_fields() -> set[str]:
    """The fields of log lines: those of an observation, and those that the code adds."""
    names = {"level", "message", *(source for _, source in METRICS.values())}
    for path in (ROOT / "chalicelib").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and called(node) in {"note", "observe"}:
                names |= {keyword.arg for keyword in node.keywords if keyword.arg}
            if path.name == "telemetry.py" and isinstance(node, ast.Dict):
                names |= {
                    key.value for key in node.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)
                }
    return names | {"user"}


def called(node: ast.Call) -> str:
    return getattr(node.func, "attr", getattr(node.func, "id", ""))


@pytest.mark.parametrize("query", QUERIES)
def test_queries_use_logged_fields(query: str) -> None:
    own = set(re.findall(r" as (\w+)", query))
    plain = re.sub(r'"[^"]*"|/[^/]*/', "", query)
    names = {name for name in re.findall(r"(?<![@\w.])([a-z_]\w*)(?:\.\w+)*", plain) if name not in WORDS | own}

    assert names <= logged_fields()


@pytest.mark.parametrize("query", [query for query in QUERIES if "| stats" in query and "| sort" in query])
def test_aggregates_are_sorted_by_a_remaining_field(query: str) -> None:
    (field,) = re.findall(r"\| sort (@?\w+)", query)

    assert field in re.findall(r" as (\w+)", query)


@pytest.mark.parametrize("script", SCRIPTS)
def test_called_routes_exist(script: str) -> None:
    known = {(route.method, route.path.replace("{room_id}", "$ROOM")) for route in ROUTES}
    for line in shell_lines(script):
        if line.startswith("curl"):
            words = shlex.split(line)
            (path,) = (word.removeprefix("$API").partition("?")[0] for word in words if word.startswith("$API"))
            assert (words[words.index("-X") + 1] if "-X" in words else "GET", path) in known


def test_infra_ops_accepts_its_arguments() -> None:
    lines = [line for script in SCRIPTS for line in shell_lines(script) if "infra.ops" in line]
    assert len(lines) >= 6
    for line in lines:
        interpreter, dash_m, module, *arguments = shlex.split(line)
        assert (interpreter, dash_m, module) == (".venv/bin/python", "-m", "infra.ops")
        assert ops.parse(arguments).stage == "prod"


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", Path(ROOT / "Makefile").read_text("utf-8"), re.M))
    assert set(re.findall(r"(?:^|`)make ([a-z-]+)", RUNBOOK.text, re.M)) <= targets


def test_named_tables_exist() -> None:
    declared = set(
        re.findall(r"TableName: !Sub \$\{Prefix\}(\w+)", (ROOT / "infra" / "tables.yaml").read_text("utf-8"))
    )

    for page in PAGES:
        assert set(re.findall(r"coworking-(?:prod|restored)-(\w+)", page.text)) - {"throttled"} <= declared
