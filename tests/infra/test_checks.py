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
    """Replace all tools by one that prints this text."""

    def say(answer: Any, error: str = "", code: int = 0) -> None:
        text = answer if isinstance(answer, str) else json.dumps(answer)
        source = f"import sys\nsys.stdout.write({text!r})\nsys.stderr.write({error!r})\nsys.exit({code})\n"
        for name in ("bandit", "cfn-lint", "checkov", "parliament", "pip-audit", "python"):
            script = tmp_path / name
            script.write_text(f"#!{sys.executable}\n{source}")
            script.chmod(0o755)
        monkeypatch.setattr(checks, "TOOLS", tmp_path)

    return say


def checkov(failed: list[Any], skipped: list[Any], unread: list[str]) -> dict[str, Any]:
    return {"results": {"failed_checks": failed, "skipped_checks": skipped, "parsing_errors": unread}}


def skipped(comment: str) -> dict[str, Any]:
    return {"check_id": "CKV_1", "resource": "A.B", "check_result": {"result": "SKIPPED", "suppress_comment": comment}}


def test_findings_of_cfn_lint_are_reported_and_its_failure(tool: Tool) -> None:
    tool("infra/edge.yaml:1:1:W1030:no\n")
    assert checks.lint_templates(["infra/edge.yaml"]) == ["infra/edge.yaml:1:1:W1030:no"]
    tool("", "no such file")
    with pytest.raises(CheckError, match="no such file"):
        checks.lint_templates(["infra/edge.yaml"])


def test_findings_of_checkov_and_bare_suppressions_are_reported(tool: Tool) -> None:
    failed = {"check_id": "CKV_2", "resource": "A.C", "check_name": "Ensure it"}
    tool(checkov([failed], [skipped("because"), skipped(" ")], ["x.yaml"]))
    assert sorted(checks.scan_templates(["x.yaml"])) == [
        "CKV_1 A.B is suppressed without a comment",
        "CKV_2 A.C: Ensure it",
        "x.yaml can't be read",
    ]


def test_findings_of_bandit_are_reported(tool: Tool) -> None:
    found = {"filename": "app.py", "line_number": 7, "issue_text": "eval"}
    tool({"results": [found], "errors": [{"filename": "x.py", "reason": "syntax error"}]})
    assert checks.scan_code() == ["app.py:7: eval", "x.py: syntax error"]


def test_faults_of_policies_are_reported(tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "run_for_json", lambda *_: {"a.json": ["iam:PassRole"]})
    tool({"title": "Unknown action", "detail": "s3:GetObjekt", "location": {"filepath": "b.json"}})
    assert checks.check_policies(tmp_path) == [
        "b.json: Unknown action s3:GetObjekt",
        "a.json changes permissions: iam:PassRole",
    ]
    tool("", "ModuleNotFoundError: No module named 'pkg_resources'", 1)
    with pytest.raises(CheckError, match="pkg_resources"):
        checks.check_policies(tmp_path)


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


def no_result() -> list[str]:
    raise CheckError("no such tool")


@pytest.mark.parametrize(
    ("check", "well", "said"),
    [
        (list, True, ["ok      pins"]),
        (lambda: ["stale"], False, ["FAILED  pins", "  stale"]),
        (no_result, False, ["FAILED  pins", "  no such tool"]),
    ],
)
def test_each_check_prints_its_result(
    check: Callable[[], list[str]], well: bool, said: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert carry_out("pins", check) is well
    first, *rest = capsys.readouterr().out.splitlines()
    assert first.startswith(said[0])
    assert rest == said[1:]
