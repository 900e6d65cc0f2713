"""The checks report what their tools find."""

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
    """Replaces all tools by one that prints this."""

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


def test_findings_of_cfn_lint_are_reported(tool: Tool) -> None:
    tool("infra/edge.yaml:1:1:W1030:no\n")
    assert checks.lint_templates(["infra/edge.yaml"]) == ["infra/edge.yaml:1:1:W1030:no"]


def test_a_failing_linter_is_an_error(tool: Tool) -> None:
    tool("", "no such file")
    with pytest.raises(CheckError, match="no such file"):
        checks.lint_templates(["infra/edge.yaml"])


def test_findings_of_checkov_are_reported(tool: Tool) -> None:
    failed = {"check_id": "CKV_2", "resource": "A.C", "check_name": "Ensure it"}
    tool(checkov([failed], [skipped("because")], ["x.yaml"]))
    assert checks.scan_templates(["x.yaml"]) == ["CKV_2 A.C: Ensure it", "x.yaml can't be read"]


def test_a_suppression_needs_a_comment(tool: Tool) -> None:
    tool(checkov([], [skipped(" ")], []))
    assert checks.scan_templates(["x.yaml"]) == ["CKV_1 A.B is suppressed without a comment"]


def test_findings_of_bandit_are_reported(tool: Tool) -> None:
    found = {"filename": "app.py", "line_number": 7, "issue_text": "eval"}
    tool({"results": [found], "errors": [{"filename": "x.py", "reason": "syntax error"}]})
    assert checks.scan_code() == ["app.py:7: eval", "x.py: syntax error"]


def test_vulnerabilities_are_reported(tool: Tool) -> None:
    tool({"dependencies": [{"name": "six", "version": "1", "vulns": [{"id": "PYSEC-1"}]}, {"name": "a", "vulns": []}]})
    assert checks.audit_libraries() == ["six 1: PYSEC-1"]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"dependencies": [{"name": "six", "skip_reason": "not found"}]}, "the database has no entry for six"),
        ("", "the vulnerability database can't be read: no route to host"),
    ],
)
def test_a_failed_audit_is_a_warning_and_an_error_if_required(
    tool: Tool, answer: Any, told: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tool(answer, "no route to host")

    assert checks.audit_libraries() == []
    assert f"NOT AUDITED: {told}" in capsys.readouterr().out

    monkeypatch.setenv("AUDIT", "required")
    assert checks.audit_libraries() == [told]


@pytest.mark.parametrize(("problems", "well", "said"), [([], True, "ok      pins"), (["stale"], False, "FAILED  pins")])
def test_each_check_prints_its_result(
    problems: list[str], well: bool, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert carry_out("pins", lambda: problems) is well
    out = capsys.readouterr().out
    assert out.startswith(said)
    assert out.splitlines()[1:] == [f"  {problem}" for problem in problems]


def test_a_check_without_a_result_has_failed(capsys: pytest.CaptureFixture[str]) -> None:
    def breaks() -> list[str]:
        raise CheckError("no such tool")

    assert carry_out("pins", breaks) is False
    assert "no such tool" in capsys.readouterr().out
