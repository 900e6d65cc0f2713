"""What the checks make of what their tools say."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra import checks
from infra.checks import CheckError, carry_out

Tool = Callable[..., None]


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tool:
    """Has every tool say this."""

    def say(answer: Any, error: str = "") -> None:
        text = answer if isinstance(answer, str) else json.dumps(answer)
        for name in ("bandit", "cfn-lint", "checkov", "pip-audit"):
            script = tmp_path / name
            script.write_text(
                f"#!{sys.executable}\nimport sys\nprint({text!r}, end='')\nprint({error!r}, file=sys.stderr, end='')\n"
            )
            script.chmod(0o755)
        monkeypatch.setattr(checks, "TOOLS", tmp_path)

    return say


def checkov(failed: list[Any], skipped: list[Any], unread: list[str]) -> dict[str, Any]:
    return {"results": {"failed_checks": failed, "skipped_checks": skipped, "parsing_errors": unread}}


def skipped(comment: str) -> dict[str, Any]:
    return {"check_id": "CKV_1", "resource": "A.B", "check_result": {"result": "SKIPPED", "suppress_comment": comment}}


def test_what_cfn_lint_says_is_told(tool: Tool) -> None:
    tool("infra/edge.yaml:1:1:W1030:no\n")
    assert checks.lint_templates(["infra/edge.yaml"]) == ["infra/edge.yaml:1:1:W1030:no"]


def test_a_linter_that_fails_is_no_clean_template(tool: Tool) -> None:
    tool("", "no such file")
    with pytest.raises(CheckError, match="no such file"):
        checks.lint_templates(["infra/edge.yaml"])


def test_what_checkov_says_is_told(tool: Tool) -> None:
    failed = {"check_id": "CKV_2", "resource": "A.C", "check_name": "Ensure it"}
    tool(checkov([failed], [skipped("because")], ["x.yaml"]))
    assert checks.scan_templates(["x.yaml"]) == ["CKV_2 A.C: Ensure it", "x.yaml can't be read"]


def test_a_suppression_needs_a_reason(tool: Tool) -> None:
    tool(checkov([], [skipped(" ")], []))
    assert checks.scan_templates(["x.yaml"]) == ["CKV_1 A.B is suppressed, and nothing says why"]


def test_what_bandit_says_is_told(tool: Tool) -> None:
    found = {"filename": "app.py", "line_number": 7, "issue_text": "eval"}
    tool({"results": [found], "errors": [{"filename": "x.py", "reason": "syntax error"}]})
    assert checks.scan_code() == ["app.py:7: eval", "x.py: syntax error"]


def test_vulnerabilities_are_told(tool: Tool) -> None:
    tool({"dependencies": [{"name": "six", "version": "1", "vulns": [{"id": "PYSEC-1"}]}, {"name": "a", "vulns": []}]})
    assert checks.audit_libraries() == ["six 1: PYSEC-1"]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"dependencies": [{"name": "six", "skip_reason": "not found"}]}, "nothing is known here of six"),
        ("", "no vulnerabilities are known here: no route to host"),
    ],
)
def test_not_knowing_is_told_and_an_error_where_knowing_is_required(
    tool: Tool, answer: Any, told: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tool(answer, "no route to host")

    assert checks.audit_libraries() == []
    assert f"NOT AUDITED: {told}" in capsys.readouterr().out

    monkeypatch.setenv("AUDIT", "required")
    assert checks.audit_libraries() == [told]


@pytest.mark.parametrize(("problems", "well", "said"), [([], True, "ok      pins"), (["stale"], False, "FAILED  pins")])
def test_each_check_says_what_came_of_it(
    problems: list[str], well: bool, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert carry_out("pins", lambda: problems) is well
    out = capsys.readouterr().out
    assert out.startswith(said)
    assert out.splitlines()[1:] == [f"  {problem}" for problem in problems]


def test_a_check_that_breaks_has_failed(capsys: pytest.CaptureFixture[str]) -> None:
    def breaks() -> list[str]:
        raise CheckError("no such tool")

    assert carry_out("pins", breaks) is False
    assert "no such tool" in capsys.readouterr().out
