"""CloudFormation stacks, created and updated by change sets."""

import json
import re
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from botocore.exceptions import ClientError, WaiterError

from infra.deploy.target import DeployError
from infra.local.tables import Template, TemplateLoader

Tell = Callable[[str], None]

POLL_SECONDS = 2.0
NO_CHANGES = re.compile("didn't contain changes|No updates are to be performed", re.IGNORECASE)
UNFINISHED = {
    *("REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED"),
    *("IMPORT_ROLLBACK_COMPLETE", "IMPORT_ROLLBACK_FAILED"),
}
"""States of a stack whose creation, or first import of tables, failed: delete it before you create it again."""


class Stack:
    """A stack, its template and its parameters. A parameter that is None keeps its value."""

    def __init__(self, client: Any, name: str, template: Path, parameters: Mapping[str, str | None]) -> None:
        self.name = name
        self._client = client
        self._template = template
        self._parameters = parameters

    def describe(self) -> dict[str, Any] | None:
        """The stack as it is, or None."""
        try:
            stacks = self._client.describe_stacks(StackName=self.name)["Stacks"]
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise
        found: dict[str, Any] = stacks[0]
        return None if found["StackStatus"] == "DELETE_COMPLETE" else found

    def outputs(self) -> dict[str, str]:
        """The outputs of the stack."""
        described = self.describe() or {}
        return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}

    def table_names(self) -> list[str]:
        """The tables that the template declares."""
        parameters = {key: value for key, value in self._parameters.items() if value is not None}
        declared = Template(self._template.read_text("utf-8"), parameters).tables()
        return [table["TableName"] for table in declared]

    def plan(self) -> list[str]:
        """What `deploy` would change, by CloudFormation's own account. Changes nothing."""
        described = self.describe()
        if described is None or described["StackStatus"] in UNFINISHED:
            return [f"add {name}" for name in self._declared()["Resources"]]
        change_set = self._propose(described)
        if change_set is None:
            return []
        self._client.delete_change_set(ChangeSetName=change_set["ChangeSetId"])
        return describe_changes(change_set)

    def deploy(self, tell: Tell, orphans: Collection[str] = ()) -> list[str]:
        """Create or update the stack, and return the changes; raises DeployError after CloudFormation has rolled back.

        `orphans` are tables that an earlier stack left; a new stack imports them with their data.
        """
        described = self.describe()
        if described is not None:
            self._refuse_busy(described["StackStatus"])
        if described is not None and described["StackStatus"] in UNFINISHED:
            self.delete(tell)
            described = None
        if described is None and orphans:
            self._apply(self._propose(None, orphans), tell)
            described = self.describe()
        return self._apply(self._propose(described), tell)

    def _apply(self, change_set: Mapping[str, Any] | None, tell: Tell) -> list[str]:
        if change_set is None:
            return []
        begin = partial(self._client.execute_change_set, ChangeSetName=change_set["ChangeSetId"])
        status, reason = self._watch(change_set["StackId"], begin, tell)
        if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"):
            raise DeployError(f"CloudFormation could not create {self.name} ({status}): {reason}")
        return describe_changes(change_set)

    def delete(self, tell: Tell) -> None:
        """Delete the stack, if there is one; raises DeployError if CloudFormation can't."""
        described = self.describe()
        if described is None:
            return
        begin = partial(self._client.delete_stack, StackName=self.name)
        status, reason = self._watch(described["StackId"], begin, tell)
        if status != "DELETE_COMPLETE":
            raise DeployError(f"CloudFormation could not delete {self.name} ({status}): {reason}")

    def _declared(self) -> dict[str, Any]:
        declared: dict[str, Any] = yaml.load(self._template.read_text("utf-8"), Loader=TemplateLoader)
        return declared

    def _refuse_busy(self, status: str) -> None:
        if status == "UPDATE_ROLLBACK_FAILED":
            advice = "Continue the rollback in the CloudFormation console, then run the command again"
            raise DeployError(f"The stack {self.name} is stuck ({status})", advice)
        if status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS":
            raise DeployError(f"The stack {self.name} is being changed ({status})", "Wait, and run the command again")

    def _propose(self, described: Mapping[str, Any] | None, orphans: Collection[str] = ()) -> dict[str, Any] | None:
        """A change set, or None if nothing would change."""
        wanted = self._adopt(orphans) if orphans else {"TemplateBody": self._template.read_text("utf-8")}
        identity = self._client.create_change_set(
            StackName=self.name,
            ChangeSetName=f"deploy-{uuid.uuid4().hex}",
            Parameters=list(self._fill_parameters(described or {})),
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
            **{"ChangeSetType": "UPDATE" if described else "CREATE"} | wanted,
        )["Id"]
        try:
            self._client.get_waiter("change_set_create_complete").wait(
                ChangeSetName=identity, WaiterConfig={"Delay": 1, "MaxAttempts": 300}
            )
        except WaiterError as error:
            reason = error.last_response.get("StatusReason", str(error))
            self._client.delete_change_set(ChangeSetName=identity)
            if NO_CHANGES.search(reason):
                return None
            raise DeployError(f"CloudFormation refuses {self._template.name}: {reason}") from error
        pages = self._client.get_paginator("describe_change_set").paginate(ChangeSetName=identity)
        found: list[dict[str, Any]] = list(pages)
        return found[0] | {"Changes": [change for page in found for change in page["Changes"]]}

    def _adopt(self, orphans: Collection[str]) -> dict[str, Any]:
        """A change set that imports tables; CloudFormation wants a template with nothing else."""
        template, names = self._declared(), self.table_names()
        tables = {key: name for key, name in zip(template["Resources"], names, strict=True) if name in orphans}
        template["Resources"] = {key: template["Resources"][key] for key in tables}
        imported = [
            {
                "ResourceType": template["Resources"][key]["Type"],
                "LogicalResourceId": key,
                "ResourceIdentifier": {"TableName": name},
            }
            for key, name in tables.items()
        ]
        return {"ChangeSetType": "IMPORT", "TemplateBody": json.dumps(template), "ResourcesToImport": imported}

    def _fill_parameters(self, described: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        present = {parameter["ParameterKey"] for parameter in described.get("Parameters", [])}
        for key, value in self._parameters.items():
            if value is not None:
                yield {"ParameterKey": key, "ParameterValue": value}
            elif key in present:
                yield {"ParameterKey": key, "UsePreviousValue": True}

    def _watch(self, stack_id: str, begin: Callable[[], object], tell: Tell) -> tuple[str, str]:
        """Begin a change and report events until it ends; returns the stack's status and the first failure."""
        told = {event["EventId"] for event in self._events(stack_id)}
        reason = "no reason given"
        begin()
        while True:
            for event in self._events(stack_id):
                status = event["ResourceStatus"]
                if event["EventId"] in told:
                    continue
                told.add(event["EventId"])
                tell(f"{event['LogicalResourceId']}: {status}")
                if status.endswith("FAILED") and reason == "no reason given":
                    reason = f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', reason)}"
                if event.get("PhysicalResourceId") == stack_id and not status.endswith("_IN_PROGRESS"):
                    return status, reason
            time.sleep(POLL_SECONDS)  # CloudFormation sends no notification

    def _events(self, stack_id: str) -> list[dict[str, Any]]:
        """All events of the stack, oldest first."""
        pages = self._client.get_paginator("describe_stack_events").paginate(StackName=stack_id)
        return [event for page in pages for event in page["StackEvents"]][::-1]


def describe_changes(change_set: Mapping[str, Any]) -> list[str]:
    """One line for each resource in a change set."""
    changes = [change["ResourceChange"] for change in change_set["Changes"]]
    return [
        f"{change['Action'].lower()} {change['LogicalResourceId']} ({change['ResourceType']})"
        + (", with replacement" if change.get("Replacement") == "True" else "")
        for change in changes
    ]
