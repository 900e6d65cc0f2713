"""Creates the tables of infra/tables.yaml on any DynamoDB endpoint, without CloudFormation."""

from pathlib import Path
from typing import Any

import yaml

TEMPLATE = Path(__file__).parent.parent / "tables.yaml"

COPIED = ("TableName", "BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
"""The properties that `CreateTable` takes as they are. Backups and deletion protection are only for AWS."""


class TemplateLoader(yaml.SafeLoader):
    """A YAML loader that reads `!Sub x` as `{"Fn::Sub": x}`, and likewise the other functions."""


def _long_form(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value = (
        loader.construct_sequence(node, deep=True)
        if isinstance(node, yaml.SequenceNode)
        else loader.construct_scalar(node)  # type: ignore[arg-type]  # a scalar is all that is left
    )
    return {"Ref" if suffix == "Ref" else f"Fn::{suffix}": value}


TemplateLoader.add_multi_constructor("!", _long_form)


class Template:
    """A CloudFormation template with values for its parameters."""

    def __init__(self, text: str, parameters: dict[str, str]) -> None:
        # TemplateLoader is a SafeLoader.
        self._document = yaml.load(text, Loader=TemplateLoader)
        declared = self._document.get("Parameters", {})
        self._parameters = {name: str(spec.get("Default", "")) for name, spec in declared.items()} | parameters

    def tables(self) -> list[dict[str, Any]]:
        """The properties of each table, with all functions evaluated."""
        return [
            self._resolve(resource["Properties"])
            for resource in self._document["Resources"].values()
            if resource["Type"] == "AWS::DynamoDB::Table"
        ]

    def _resolve(self, node: Any) -> Any:
        match node:
            case {"Ref": name}:
                return self._parameters[name]
            case {"Fn::Sub": text}:
                return self._substitute(text)
            case {"Fn::Equals": [left, right]}:
                return self._resolve(left) == self._resolve(right)
            case {"Fn::If": [condition, so, otherwise]}:
                return self._resolve(so if self._resolve(self._document["Conditions"][condition]) else otherwise)
            case dict():
                return {key: self._resolve(value) for key, value in node.items()}
            case list():
                return [self._resolve(item) for item in node]
            case _:
                return node

    def _substitute(self, text: str) -> str:
        for name, value in self._parameters.items():
            text = text.replace(f"${{{name}}}", value)
        return text


def create_tables(client: Any, prefix: str) -> list[str]:
    """Create the tables that are missing, with their time to live, and return their names.

    Tables of an earlier version get the indexes that they lack.
    """
    tables = Template(TEMPLATE.read_text("utf-8"), {"Prefix": prefix}).tables()
    pages = client.get_paginator("list_tables").paginate()
    existing = {name for page in pages for name in page["TableNames"]}
    missing = [table for table in tables if table["TableName"] not in existing]
    for table in tables:
        if table["TableName"] in existing:
            _add_indexes(client, table)
    for table in missing:
        client.create_table(**{key: table[key] for key in COPIED if key in table})
    for table in missing:
        client.get_waiter("table_exists").wait(TableName=table["TableName"], WaiterConfig={"Delay": 1})
        if "TimeToLiveSpecification" in table:
            client.update_time_to_live(
                TableName=table["TableName"], TimeToLiveSpecification=table["TimeToLiveSpecification"]
            )
    return [table["TableName"] for table in missing]


def _add_indexes(client: Any, table: dict[str, Any]) -> None:
    """Add the indexes that a table lacks, one in each request, as DynamoDB wants it."""
    name = table["TableName"]
    present = client.describe_table(TableName=name)["Table"].get("GlobalSecondaryIndexes", [])
    names = {index["IndexName"] for index in present}
    for index in table.get("GlobalSecondaryIndexes", []):
        if index["IndexName"] not in names:
            client.update_table(
                TableName=name,
                AttributeDefinitions=table["AttributeDefinitions"],
                GlobalSecondaryIndexUpdates=[{"Create": index}],
            )
            client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1})
