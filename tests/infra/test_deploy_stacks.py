"""Stacks are created, kept, changed, created again and deleted, with change sets."""

from collections.abc import Callable
from pathlib import Path

import pytest

from infra.deploy.stacks import UNFINISHED, Stack
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


Make = Callable[..., Stack]


def ignore(_: str) -> None:
    """Ignore a progress message."""


@pytest.fixture
def make(target: Target, tmp_path: Path) -> Make:
    """Make the stack object for a template and parameters."""

    def make_stack(text: str = QUEUE % "one", **parameters: str | None) -> Stack:
        template = tmp_path / "template.yaml"
        template.write_text(text)
        return Stack(target.client("cloudformation"), "stack", template, parameters)

    return make_stack


def test_a_stack_is_planned_created_once_and_deleted(make: Make) -> None:
    stack, told = make(), list[str]()

    assert stack.plan() == ["add Queue"]
    assert stack.describe() is None
    assert stack.deploy(told.append) == ["add Queue (AWS::SNS::Topic)"]
    assert "Queue: CREATE_COMPLETE" in told
    assert told[-1] == "stack: CREATE_COMPLETE"
    assert stack.deploy(ignore) == []

    stack.delete(ignore)
    stack.delete(ignore)
    assert stack.describe() is None
    assert stack.outputs() == {}


def test_a_change_is_planned_and_then_applied(target: Target, make: Make) -> None:
    make().deploy(ignore)
    changed = make(Seconds="60")

    assert changed.plan() == ["modify Queue (AWS::SNS::Topic)"]
    assert changed.outputs() == {"Seconds": "30"}
    left = target.client("cloudformation").list_change_sets(StackName="stack")["Summaries"]
    assert not [change_set for change_set in left if change_set["ExecutionStatus"] == "AVAILABLE"]

    assert changed.deploy(ignore) == ["modify Queue (AWS::SNS::Topic)"]
    assert changed.outputs() == {"Seconds": "60"}


def test_a_parameter_without_a_value_stays(make: Make) -> None:
    make(Seconds="60").deploy(ignore)

    stack = make(QUEUE % "two", Seconds=None)
    stack.deploy(ignore)

    assert stack.outputs() == {"Seconds": "60"}


def test_a_failed_creation_is_explained_and_can_be_repeated(make: Make) -> None:
    with pytest.raises(DeployError, match=r"could not create stack .*Stream: .*log group does not exist"):
        make(BROKEN).deploy(ignore)

    mended = make()

    assert mended.plan() == ["add Queue"]
    assert mended.deploy(ignore) == ["add Queue (AWS::SNS::Topic)"]


@pytest.mark.parametrize("status", sorted(UNFINISHED))
def test_a_stack_that_was_never_complete_is_created_again(
    make: Make, monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    assert {"IMPORT_ROLLBACK_COMPLETE", "ROLLBACK_COMPLETE"} <= UNFINISHED
    monkeypatch.setattr(Stack, "describe", lambda _: {"StackStatus": status})
    assert make().plan() == ["add Queue"]


def test_tables_of_an_earlier_stack_are_imported_with_data(target: Target) -> None:
    tables(target).deploy(ignore)
    database = target.client("dynamodb")
    database.put_item(TableName=f"{target.prefix}profiles", Item={"user_id": {"S": "ada"}})
    tables(target).delete(ignore)
    database.delete_table(TableName=f"{target.prefix}guards")

    tables(target).deploy(ignore, orphans=list_tables(target))

    resources = target.client("cloudformation").describe_stack_resources(StackName=f"{target.prefix}tables")
    assert len(resources["StackResources"]) == len(list_tables(target)) == 8
    assert "Item" in database.get_item(TableName=f"{target.prefix}profiles", Key={"user_id": {"S": "ada"}})
