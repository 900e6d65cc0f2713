"""Creating tables from the template."""

import pytest

from infra.local.engine import Engine
from infra.local.tables import TEMPLATE, Template

NAMES = ["rooms", "participants", "messages", "connections", "profiles", "guards", "grants", "personal"]
TEXT = """
Parameters:
  Stage: { Type: String, Default: dev }
  Prefix: { Type: String }
Conditions:
  IsProd: !Equals [!Ref Stage, prod]
Resources:
  Other: { Type: "AWS::S3::Bucket" }
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: !Sub ${Prefix}x-${Stage}
      Protected: !If [IsProd, true, false]
      Keys: [{ Name: !Ref Stage }]
"""


@pytest.mark.parametrize(("given", "stage", "protected"), [({}, "dev", False), ({"Stage": "prod"}, "prod", True)])
def test_the_functions_of_a_template_are_evaluated(given: dict[str, str], stage: str, protected: bool) -> None:
    expected = {"TableName": f"p-x-{stage}", "Protected": protected, "Keys": [{"Name": stage}]}
    assert Template(TEXT, {"Prefix": "p-"} | given).tables() == [expected]


def test_our_template_is_fully_evaluated() -> None:
    tables = Template(TEMPLATE.read_text("utf-8"), {"Prefix": "p-"}).tables()
    assert [table["TableName"] for table in tables] == [f"p-{name}" for name in NAMES]
    assert not [word for word in ("Fn::", "Ref", "${") if word in str(tables)]


def test_missing_tables_are_created_once_as_declared(engine: Engine) -> None:
    client = engine.client()
    assert engine.create_tables("once-") == [f"once-{name}" for name in NAMES]
    rooms = client.describe_table(TableName="once-rooms")["Table"]
    assert {index["IndexName"] for index in rooms["GlobalSecondaryIndexes"]} >= {"by_status"}
    for name in ("guards", "grants", "personal"):
        expiry = client.describe_time_to_live(TableName=f"once-{name}")["TimeToLiveDescription"]
        assert (expiry["TimeToLiveStatus"], expiry["AttributeName"]) == ("ENABLED", "expires_at")

    client.put_item(TableName="once-profiles", Item={"user_id": {"S": "ada"}})
    later = [f"once-{name}" for name in ("guards", "grants", "personal")]
    for name in later:
        client.delete_table(TableName=name)
    assert engine.create_tables("once-") == later
    assert "Item" in client.get_item(TableName="once-profiles", Key={"user_id": {"S": "ada"}})
    client.close()


def test_tables_of_an_earlier_version_get_their_new_indexes(engine: Engine) -> None:
    client = engine.client()
    engine.create_tables("grows-")
    for table, index in (("rooms", "by_owner"), ("participants", "by_user")):
        dropped = [{"Delete": {"IndexName": index}}]
        client.update_table(TableName=f"grows-{table}", GlobalSecondaryIndexUpdates=dropped)
    row = {"room_id": {"S": "1"}, "user_id": {"S": "ada"}, "joined_at": {"N": "5"}}
    client.put_item(TableName="grows-participants", Item=row | {"name": {"S": "Ada"}})

    assert engine.create_tables("grows-") == []

    found = client.query(
        TableName="grows-participants",
        IndexName="by_user",
        KeyConditionExpression="user_id = :user",
        ExpressionAttributeValues={":user": {"S": "ada"}},
    )
    assert found["Items"] == [row]
    client.close()
