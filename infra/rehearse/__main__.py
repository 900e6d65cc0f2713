"""`python -m infra.rehearse`: deploy to an emulator, use the stage, deploy a change meanwhile, and destroy it."""

import json
import os
import platform
import secrets
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import urllib3
from rich.console import Console

from infra.artefacts import gather_wheels
from infra.deploy import functions, smoke, stacks
from infra.deploy.destroy import DESTROY
from infra.deploy.progress import Step, StepError, plan_steps, report_failure, run_steps, say
from infra.deploy.steps import ACCOUNT, DEPLOY, EDGE, TRY
from infra.deploy.target import DeployError, Target
from infra.local.events import scheduled_event
from infra.local.process import StackError
from infra.rehearse.emulator import Emulator
from infra.rehearse.people import Party
from infra.rehearse.project import PREFIX, STAGE, change_version, copy_project

CHANGED = "0.0.0+rehearsal"
NOT_REHEARSED = (
    "An emulator can't show: quotas and permissions of your account, TLS and domain names, speed, and what a CDN does."
)
"""Printed at the end of each rehearsal."""


class Rehearsal:
    """A stage in an emulator, and two people who use it."""

    def __init__(self, directory: Path, secret: str, console: Console) -> None:
        self.target = Target(STAGE, directory)
        self._console = console
        self._secret = secret
        self._party: Party

    @property
    def api(self) -> str:
        return functions.api_url(self.target)

    def acts(self) -> Iterator[tuple[str, list[Step]]]:
        """The acts, in order, and the steps of each."""
        deploy = [ACCOUNT, *DEPLOY, *TRY]
        yield "Plan", [step("Plan", self.plan), step("Nothing is there", self.find_nothing)]
        yield "Deploy", deploy
        self._party = Party(self.api, self._secret)
        party = [step("Chat", self._party.talk), step("Signalling", self._party.signal)]
        use = [step("REST", self.call_rest), step("Two people", self._party.begin), *party]
        yield "Use what was deployed", use
        yield "Deploy a change, with both connected", [step("A change", self.change), *deploy]
        use = [*party, step("Sweep", self.sweep), step("Leave", self.leave)]
        yield "Use that, over the connections from before", use
        yield "Add a CDN", [ACCOUNT, *EDGE, step("Past the CDN", self.call_past_the_cdn)]
        yield "Destroy", [*DESTROY, step("Nothing is left", self.find_nothing)]

    def plan(self) -> str:
        """Plan a deployment, as `--plan` does."""
        with self._console.capture() as said:
            plan_steps([ACCOUNT, *DEPLOY, *TRY], self.target, self._console)
        return f"{len(said.get().splitlines())} lines"

    def call_rest(self) -> str:
        """Requests that API Gateway answers, and requests that the function answers."""
        expect_status(self.api + "/coworking/rooms", 401)
        expect_status(self.api + "/nowhere", 403)
        headers = expect_status(self.api + "/coworking/rooms", 200, "OPTIONS")
        if "Authorization" not in headers.get("Access-Control-Allow-Headers", ""):
            raise DeployError("The preflight for pages of other origins allows no Authorization", "Look at app.py")
        return "signed-out, unknown and preflight requests are answered as on AWS"

    def change(self) -> str:
        change_version(self.target.root, CHANGED)
        del os.environ["AUTH_SECRET"]
        return f"version {CHANGED}, in another checkout, by a user without the secret"

    def sweep(self) -> str:
        """Let Grace's lease expire, and call the targets of EventBridge's rule."""
        events, party = self.target.client("events"), self._party
        rules = [rule for rule in events.list_rules()["Rules"] if rule.get("ScheduleExpression") == "rate(1 minute)"]
        targets = [target for rule in rules for target in events.list_targets_by_rule(Rule=rule["Name"])["Targets"]]
        party.fall_silent()
        self._end_lease(party.room.rpartition("/")[2], party.grace.user_id)
        for target in targets:
            event = scheduled_event(rules[0]["Name"], self.target.region)
            answer = self.target.client("lambda").invoke(FunctionName=target["Arn"], Payload=json.dumps(event))
            if "FunctionError" in answer:
                raise DeployError(f"The sweep failed: {answer['Payload'].read().decode()}", smoke.ADVICE)
        party.ada.socket.wait("user_left")
        return "the expired seat is free, and the others were told"

    def _end_lease(self, room_id: str, user_id: str) -> None:
        self.target.client("dynamodb").update_item(
            TableName=f"{PREFIX}participants",
            Key={"room_id": {"S": room_id}, "user_id": {"S": user_id}},
            UpdateExpression="SET lease_expires_at = :past",
            ExpressionAttributeValues={":past": {"N": "1"}},
        )

    def leave(self) -> str:
        version = smoke.check_health(self.api)
        if version != CHANGED:
            raise DeployError(f"Version {version} answers, not {CHANGED}", "Read the output of chalice deploy")
        self._party.leave()
        return f"the connection was closed; version {version} answers"

    def call_past_the_cdn(self) -> str:
        """Only requests with the CDN's secret are answered, and API Gateway's own answers can still be read."""
        health = self.api + "/healthz"
        expect_status(health, 403)
        expect_status(health, 200, headers={"X-Origin-Secret": self.target.variables["ORIGIN_SECRET"]})
        if expect_status(self.api + "/nowhere", 403).get("Access-Control-Allow-Origin") != "*":
            raise DeployError("Pages of other origins can't read API Gateway's own answers", "Look at apis.py")
        return "a request without its secret is refused; API Gateway's own answers have their CORS header"

    def find_nothing(self) -> str:
        """Check that no AWS service that was used still has a resource."""
        client = self.target.client
        standing = client("cloudformation").list_stacks(StackStatusFilter=["CREATE_COMPLETE", "UPDATE_COMPLETE"])
        left = [
            *client("lambda").list_functions()["Functions"],
            *client("apigateway").get_rest_apis()["items"],
            *client("apigatewayv2").get_apis()["Items"],
            *client("events").list_rules()["Rules"],
            *client("dynamodb").list_tables()["TableNames"],
            *client("iam").list_roles()["Roles"],
            *standing["StackSummaries"],
            *client("logs").describe_log_groups()["logGroups"],
            *client("ssm").describe_parameters()["Parameters"],
            *client("cloudwatch").describe_alarms()["MetricAlarms"],
            *client("cloudfront").list_distributions()["DistributionList"].get("Items", []),
            *client("s3").list_buckets()["Buckets"],
        ]
        if left:
            raise DeployError(f"These exist: {left}", "Read the output above")
        return "no function, API, rule, table, role, stack, alarm or log"


def step(title: str, run: Callable[[], str]) -> Step:
    return Step(title, lambda _, __: run(), lambda _: "")


def expect_status(url: str, status: int, method: str = "GET", **options: Any) -> Mapping[str, str]:
    """The headers of an answer; raises DeployError if it has another status."""
    answer = urllib3.request(method, url, timeout=smoke.SECONDS, retries=False, **options)
    if answer.status != status:
        raise DeployError(f"{method} {url} answers {answer.status}, not {status}", smoke.ADVICE)
    return answer.headers


def rehearse(directory: Path, console: Console) -> None:
    """Run all acts in a directory; raises StepError, or StackError if the emulator doesn't start."""
    emulated, project = directory / "emulator", directory / "project"
    emulated.mkdir()
    project.mkdir()
    stacks.POLL_SECONDS = 0.1  # the emulator is faster than AWS
    with ExitStack() as opened:
        emulator = opened.enter_context(Emulator(emulated))
        os.environ.update(emulator.account)
        os.environ.update(PIP_NO_INDEX="1", PIP_FIND_LINKS=str(gather_wheels(platform.machine())))
        os.environ.pop("AWS_PROFILE", None)
        os.environ["AUTH_SECRET"] = secrets.token_urlsafe(48)
        copy_project(project, emulator.connections)
        rehearsal = Rehearsal(project, os.environ["AUTH_SECRET"], console)
        for title, act in rehearsal.acts():
            say(console, f"\n[bold]{title}[/]")
            rehearsal.target = Target(STAGE, project)  # each act is a separate command
            run_steps(act, rehearsal.target, console)
            rehearsal.target.close()


def main() -> int:
    """Run a rehearsal, and return the exit code."""
    if sys.platform != "linux":
        print("error: The functions' package runs only on Linux: rehearse there", file=sys.stderr)
        return 1
    console = Console()
    with tempfile.TemporaryDirectory(prefix="rehearsal-") as directory:
        try:
            rehearse(Path(directory), console)
        except StepError as failure:
            report_failure(failure, console)
            return 1
        except StackError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    say(console, f"\n{NOT_REHEARSED}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
