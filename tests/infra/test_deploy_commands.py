"""The output and exit codes of `make deploy` and `make destroy`; `test_rehearsal.py` tests the deployment itself."""

import io
import json
import re
import sys
from collections.abc import Callable

import pytest
from botocore.exceptions import ClientError
from rich.console import Console

from infra.deploy import __main__ as deploy
from infra.deploy import destroy
from infra.deploy.progress import Step, StepError, Tell, plan_steps, report_failure, run_steps
from infra.deploy.steps import ACCOUNT, DEPLOY, EDGE, TRY, smoke_tokens, tables
from infra.deploy.target import ROOT, DeployError, Target
from infra.rehearse.project import STAGE

pytestmark = pytest.mark.proof

Command = Callable[..., tuple[int, str]]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run `deploy` or `destroy` with arguments; returns its exit code, and its output as one line."""

    def run(main: Callable[[], int], *arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["make", *arguments])
        code = main()
        return code, " ".join(capsys.readouterr().out.split())

    return run


def fail_with(error: Exception) -> Step:
    def run(_: Target, __: Tell) -> str:
        raise error

    return Step("Second", run, lambda _: "nothing")


def run_and_report(target: Target, *steps: Step) -> str:
    """Run steps of which one fails; returns the output."""
    console = Console(file=(said := io.StringIO()), width=200)
    with pytest.raises(StepError) as failure:
        run_steps(steps, target, console)
    report_failure(failure.value, console)
    return said.getvalue()


@pytest.mark.parametrize(
    ("stage", "changes", "said"),
    [
        (
            "nowhere",
            {},
            [".chalice/config.json has no stage 'nowhere'", "Choose an existing one (STAGE=dev or STAGE=prod)"],
        ),
        (
            "dev",
            {"AWS_DEFAULT_REGION": ""},
            ["No region is set", "Set AWS_DEFAULT_REGION, for example to eu-central-1"],
        ),
        ("dev", {"AWS_ACCESS_KEY_ID": ""}, ["There are no AWS credentials", "Sign in"]),
        ("dev", {"AWS_ACCESS_KEY_ID": "AKIANOBODY"}, ["InvalidClientTokenId", "Sign in to AWS again, and run"]),
        ("dev", {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, ["Could not connect to the endpoint URL"]),
    ],
    ids=["no such stage", "no region", "no credentials", "wrong credentials", "AWS out of reach"],
)
def test_without_an_account_the_output_says_what_to_do(
    account: str,
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
    stage: str,
    changes: dict[str, str],
    said: list[str],
) -> None:
    for name, value in changes.items():
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name)

    code, told = command(deploy.main, stage)

    assert (code, told[:11]) == (1, "✗ Account: ")
    assert [sentence for sentence in said if sentence not in told] == []


def test_the_plan_names_the_account_and_its_quotas(account: str, target: Target) -> None:
    said = ACCOUNT.plan(target)

    assert said.startswith(
        f"stage {STAGE} in account {account}, us-east-1, as arn:aws:iam::{account}:root; Lambda runs "
    )


def test_a_failed_step_is_explained_and_is_the_last(target: Target) -> None:
    first = Step("First", lambda _, tell: "done", lambda _: "nothing")
    third = fail_with(AssertionError("not reached"))

    said = run_and_report(target, first, fail_with(DeployError("no luck", "Try another day")), third)

    assert said == "✓ First: done (0 s)\n✗ Second: no luck\n  Try another day\n"


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("AccessDeniedException", "Grant the permission to the deploying identity, and run the command again"),
        ("ExpiredToken", "Sign in to AWS again, and run the command again"),
        ("LimitExceededException", "Fix that, and run the command again: it goes on where it stopped"),
    ],
)
def test_a_refusal_by_aws_is_shown_with_advice(target: Target, code: str, advice: str) -> None:
    refusal = ClientError({"Error": {"Code": code, "Message": "no [dim]markup[/]"}}, "CreateStack")

    said = run_and_report(target, fail_with(refusal))

    for expected in (f"✗ Second: An error occurred ({code})", "no [dim]markup[/]", advice):
        assert expected in said


def test_after_an_interruption_the_output_says_how_to_continue(
    account: str, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(deploy, "run_steps", interrupt)

    assert command(deploy.main, "dev") == (1, "Interrupted: run the command again to continue")


def test_a_bug_is_raised_and_not_reported_as_a_failure(target: Target) -> None:
    with pytest.raises(ZeroDivisionError):
        run_steps([fail_with(ZeroDivisionError())], target, Console(file=io.StringIO()))


def test_a_plan_of_several_lines_is_indented(target: Target) -> None:
    said = io.StringIO()

    plan_steps([Step("Many", lambda _, __: "", lambda _: "one\ntwo")], target, Console(file=said, width=200))

    assert said.getvalue() == "• Many: \n    one\n    two\n"


def test_destroying_prod_needs_another_option(account: str, command: Command) -> None:
    code, said = command(destroy.main, "prod", "--yes")

    assert code == 1
    assert "destroyed only with --yes-destroy-prod" in said


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        *((answer, 1, r".*Nothing was deleted") for answer in ("", "y", "yes", "prod", "DEV")),
        ("dev\n", 0, r".*✓ Functions: there is none.*"),
    ],
)
def test_destroying_asks_for_the_name_of_the_stage(
    account: str, command: Command, monkeypatch: pytest.MonkeyPatch, answer: str, code: int, said: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))

    outcome, told = command(destroy.main, "dev")

    assert outcome == code
    assert re.fullmatch(said, told)


def test_protected_tables_are_kept(target: Target) -> None:
    tables(target).deploy(lambda _: None)
    database = target.client("dynamodb")
    database.update_table(TableName=f"{target.prefix}rooms", DeletionProtectionEnabled=True)

    said = destroy.delete_tables(target, lambda _: None)

    assert said == f"kept, because of deletion protection: {target.prefix}rooms"
    assert database.list_tables()["TableNames"] == [f"{target.prefix}rooms"]


def test_the_smoke_test_uses_the_given_tokens(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    assert smoke_tokens(target) == ()

    monkeypatch.setenv("SMOKE_TOKENS", "one, two")
    assert smoke_tokens(target) == ("one", "two")


def test_every_stage_has_tables_of_its_own() -> None:
    stages = json.loads((ROOT / ".chalice" / "config.json").read_text("utf-8"))["stages"]

    prefixes = [Target(stage).prefix for stage in stages]

    assert len(set(prefixes)) == len(prefixes) == 2


def test_every_step_is_documented_in_its_order() -> None:
    pattern = re.compile(r"^\| ([A-Z][A-Za-z, -]+) \| .* \| .* \|$", re.MULTILINE)
    text = (ROOT / "docs" / "operations.md").read_text("utf-8").partition("\n## Deploying\n")[2]
    documented = [title for row in pattern.findall(text.partition("\n## ")[0]) for title in row.split(", ")]

    assert documented == [step.title for step in (ACCOUNT, *DEPLOY, *EDGE, *TRY)]
