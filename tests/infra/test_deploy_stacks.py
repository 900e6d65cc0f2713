"""Stacks are made, left alone, changed, made anew and deleted, by change sets."""

from pathlib import Path
from typing import Any

import pytest

from infra.deploy.stacks import Stack
from infra.deploy.steps import list_tables, tables
from infra.deploy.target import DeployError, Target

pytestmark = pytest.mark.proof

QUEUE = """
Parameters:
  Seconds: { Type: String, Default: "30" }
Resources:
  Queue:
    Type: AWS::SNS::Topic
    Properties: { DisplayName: !Ref Seconds, TopicName: "%s" }
Outputs:
  Seconds: { Value: !Ref Seconds }
"""
BROKEN = """
Resources:
  Stream:
    Type: AWS::Logs::LogStream
    Properties: { LogGroupName: no-group-of-this-name }
"""


def ignore(_: str) -> None:
    """Tell nobody."""


@pytest.fixture
def cloudformation(target: Target) -> Any:
    return target.client("cloudformation")


def make(cloudformation: Any, tmp_path: Path, text: str, **parameters: str | None) -> Stack:
    template = tmp_path / "template.yaml"
    template.write_text(text)
    return Stack(cloudformation, "stack", template, parameters)


def test_a_stack_is_made_once(cloudformation: Any, tmp_path: Path) -> None:
    stack = make(cloudformation, tmp_path, QUEUE % "one")

    assert stack.deploy(ignore) == ["add Queue (AWS::SNS::Topic)"]
    assert stack.deploy(ignore) == []


def test_what_happens_is_told(cloudformation: Any, tmp_path: Path) -> None:
    told: list[str] = []

    make(cloudformation, tmp_path, QUEUE % "one").deploy(told.append)

    assert "Queue: CREATE_COMPLETE" in told
    assert told[-1] == "stack: CREATE_COMPLETE"


def test_a_change_is_made(cloudformation: Any, tmp_path: Path) -> None:
    make(cloudformation, tmp_path, QUEUE % "one").deploy(ignore)

    changed = make(cloudformation, tmp_path, QUEUE % "one", Seconds="60")

    assert changed.deploy(ignore) == ["modify Queue (AWS::SNS::Topic)"]
    assert changed.outputs() == {"Seconds": "60"}


def test_a_parameter_without_a_value_stays(cloudformation: Any, tmp_path: Path) -> None:
    make(cloudformation, tmp_path, QUEUE % "one", Seconds="60").deploy(ignore)

    stack = make(cloudformation, tmp_path, QUEUE % "two", Seconds=None)
    stack.deploy(ignore)

    assert stack.outputs() == {"Seconds": "60"}


def test_a_plan_says_what_would_be_made_and_makes_nothing(cloudformation: Any, tmp_path: Path) -> None:
    stack = make(cloudformation, tmp_path, QUEUE % "one")

    assert stack.plan() == ["add Queue"]
    assert stack.describe() is None


def test_a_plan_says_what_would_be_changed_and_changes_nothing(cloudformation: Any, tmp_path: Path) -> None:
    make(cloudformation, tmp_path, QUEUE % "one").deploy(ignore)

    changed = make(cloudformation, tmp_path, QUEUE % "one", Seconds="60")

    assert changed.plan() == ["modify Queue (AWS::SNS::Topic)"]
    assert changed.outputs() == {"Seconds": "30"}
    left = cloudformation.list_change_sets(StackName="stack")["Summaries"]
    assert not [change_set for change_set in left if change_set["ExecutionStatus"] == "AVAILABLE"]


def test_what_cannot_be_made_says_why_and_can_be_mended(cloudformation: Any, tmp_path: Path) -> None:
    with pytest.raises(DeployError, match=r"could not create stack .*Stream: .*log group does not exist"):
        make(cloudformation, tmp_path, BROKEN).deploy(ignore)

    mended = make(cloudformation, tmp_path, QUEUE % "one")

    assert mended.plan() == ["add Queue"]
    assert mended.deploy(ignore) == ["add Queue (AWS::SNS::Topic)"]


def test_a_stack_is_deleted_and_then_there_is_none(cloudformation: Any, tmp_path: Path) -> None:
    stack = make(cloudformation, tmp_path, QUEUE % "one")
    stack.deploy(ignore)

    stack.delete(ignore)
    stack.delete(ignore)

    assert stack.describe() is None
    assert stack.outputs() == {}


def test_tables_that_an_earlier_stack_left_are_taken_over_with_what_they_hold(target: Target) -> None:
    tables(target).deploy(ignore)
    database = target.client("dynamodb")
    database.put_item(TableName=f"{target.prefix}profiles", Item={"user_id": {"S": "ada"}})
    tables(target).delete(ignore)
    database.delete_table(TableName=f"{target.prefix}guards")

    tables(target).deploy(ignore, orphans=list_tables(target))

    resources = target.client("cloudformation").describe_stack_resources(StackName=f"{target.prefix}tables")
    assert len(resources["StackResources"]) == len(list_tables(target)) == 6
    assert "Item" in database.get_item(TableName=f"{target.prefix}profiles", Key={"user_id": {"S": "ada"}})
