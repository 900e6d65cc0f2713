"""What each function may do in AWS: writes `.chalice/policy-STAGE-FUNCTION.json` for each stage.

    python -m infra.policies

`tests/integration/test_permissions.py` compares this table with the calls that the code makes.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CHALICE = Path(__file__).parent.parent / ".chalice"

# The actions on each table, or on an index of a table. `healthz` reads all tables.
TABLES: dict[str, dict[str, list[str]]] = {
    "api_handler": {
        "rooms": ["BatchGetItem", "ConditionCheckItem", "DeleteItem", "GetItem", "PutItem", "UpdateItem"],
        "rooms/index/by_status": ["Query"],
        "rooms/index/by_owner": ["Query"],
        "participants": [
            "BatchGetItem",
            "ConditionCheckItem",
            "DeleteItem",
            "GetItem",
            "PutItem",
            "Query",
            "UpdateItem",
        ],
        "participants/index/by_user": ["Query"],
        "messages": [
            "BatchGetItem",
            "BatchWriteItem",
            "ConditionCheckItem",
            "GetItem",
            "PutItem",
            "Query",
            "UpdateItem",
        ],
        "connections": ["BatchGetItem", "DeleteItem", "Query"],
        "profiles": ["BatchGetItem", "DeleteItem", "GetItem", "PutItem"],
        "guards": ["BatchGetItem", "GetItem", "PutItem", "UpdateItem"],
        "grants": [
            "BatchGetItem",
            "BatchWriteItem",
            "ConditionCheckItem",
            "DeleteItem",
            "GetItem",
            "PutItem",
            "Query",
            "UpdateItem",
        ],
        "grants/index/by_user": ["Query"],
        "personal": ["BatchGetItem", "BatchWriteItem", "DeleteItem", "GetItem", "Query", "UpdateItem"],
    },
    # A connection may also take a seat (`join=1`), which may end expired memberships.
    "websocket_connect": {
        "rooms": ["GetItem", "UpdateItem"],
        "participants": ["DeleteItem", "GetItem", "PutItem", "Query", "UpdateItem"],
        "participants/index/by_user": ["Query"],
        "messages": ["BatchGetItem", "BatchWriteItem", "GetItem", "PutItem", "Query", "UpdateItem"],
        "connections": ["DeleteItem", "PutItem", "Query"],
        "profiles": ["BatchGetItem", "GetItem"],
        "grants": ["BatchGetItem", "ConditionCheckItem", "GetItem"],
        "personal": ["UpdateItem"],
        "guards": ["GetItem", "PutItem", "UpdateItem"],
    },
    "websocket_message": {
        "rooms": ["ConditionCheckItem", "GetItem", "UpdateItem"],
        "participants": ["ConditionCheckItem", "DeleteItem", "GetItem", "Query", "UpdateItem"],
        "messages": ["BatchGetItem", "BatchWriteItem", "GetItem", "PutItem", "Query", "UpdateItem"],
        "connections": ["DeleteItem", "Query", "UpdateItem"],
        "connections/index/by_connection": ["Query"],
        "profiles": ["BatchGetItem"],
        "grants": ["BatchGetItem", "ConditionCheckItem", "GetItem", "PutItem", "UpdateItem"],
        "personal": ["GetItem", "UpdateItem"],
        "guards": ["GetItem", "PutItem", "UpdateItem"],
    },
    "websocket_disconnect": {
        "participants": ["UpdateItem"],
        "connections": ["DeleteItem", "Query"],
        "connections/index/by_connection": ["Query"],
        "guards": ["GetItem", "PutItem", "UpdateItem"],
    },
    "sweep": {
        "rooms": ["DeleteItem", "GetItem", "UpdateItem"],
        "rooms/index/by_occupied": ["Query"],
        "rooms/index/by_owner": ["Query"],
        "participants": ["ConditionCheckItem", "DeleteItem", "GetItem", "Query", "UpdateItem"],
        "participants/index/by_user": ["Query"],
        "messages": ["BatchWriteItem", "PutItem", "Query", "UpdateItem"],
        "connections": ["DeleteItem", "Query"],
        "grants": ["BatchWriteItem", "DeleteItem", "GetItem", "Query", "UpdateItem"],
        "grants/index/by_user": ["Query"],
        "profiles": ["DeleteItem"],
        "personal": ["BatchWriteItem", "DeleteItem", "Query", "UpdateItem"],
        "guards": ["GetItem", "PutItem", "UpdateItem"],
    },
}
# Frames are posted; connections that have to go are deleted.
CONNECTIONS = {
    "api_handler": ["DELETE", "POST"],
    "websocket_connect": ["DELETE", "POST"],
    "websocket_message": ["DELETE", "POST"],
    "websocket_disconnect": ["POST"],
    "sweep": ["DELETE", "POST"],
}
ANY_API = "arn:*:execute-api:*:*:*/"
# A join tells where the WebSocket API is.
FIND_THE_API = {"api_handler"}


def write(directory: Path = CHALICE) -> None:
    """Write the policies of all stages in `config.json`, and remove those of stages that are gone."""
    policies = make_policies(json.loads((directory / "config.json").read_text("utf-8")))
    for old in directory.glob("policy-*.json"):
        if old.name not in policies:
            old.unlink()
    for name, policy in policies.items():
        (directory / name).write_text(json.dumps(policy, indent=2) + "\n", "utf-8")


def make_policies(config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """All policies by file name; `config` is Chalice's."""
    return {
        f"policy-{stage}-{function}.json": {
            "Version": "2012-10-17",
            "Statement": list(_statements(config, stage, function)),
        }
        for stage in config["stages"]
        for function in TABLES
    }


def narrow(policy: dict[str, Any], api_id: str) -> dict[str, Any]:
    """The policy for the connections of one API; the files are for any, since an API has no id before it exists."""
    narrowed: dict[str, Any] = json.loads(json.dumps(policy).replace(ANY_API, f"arn:*:execute-api:*:*:{api_id}/"))
    return narrowed


def log_group(config: dict[str, Any], stage: str, function: str) -> str:
    """The function's log group. Chalice names the REST function's after the stage alone."""
    name = [config["app_name"], stage] if function == "api_handler" else [config["app_name"], stage, function]
    return f"/aws/lambda/{'-'.join(name)}"


def _statements(config: dict[str, Any], stage: str, function: str) -> Iterator[dict[str, Any]]:
    logs = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]
    yield _allow("Logs", logs, f"arn:*:logs:*:*:log-group:{log_group(config, stage, function)}:*")
    prefix = config["stages"][stage]["environment_variables"]["TABLE_PREFIX"]
    for table, actions in TABLES[function].items():
        sid = "".join(word.capitalize() for word in table.replace("/", "_").split("_"))
        yield _allow(sid, [f"dynamodb:{action}" for action in actions], f"arn:*:dynamodb:*:*:table/{prefix}{table}")
    posts = [f"{ANY_API}{config['api_gateway_stage']}/{method}/@connections/*" for method in CONNECTIONS[function]]
    yield _allow("OpenConnections", ["execute-api:ManageConnections"], *posts)
    if function in FIND_THE_API:
        yield _allow("FindWebSocketApi", ["apigateway:GET"], "arn:*:apigateway:*::/apis")


def _allow(sid: str, actions: list[str], *resources: str) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": list(resources)}


if __name__ == "__main__":
    write()
