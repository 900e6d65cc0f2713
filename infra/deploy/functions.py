"""The functions and both APIs, which Chalice deploys; their addresses and logs."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

from infra.bytecode import compile_imports
from infra.deploy import record, settings
from infra.deploy.target import ROOT, DeployError, Target

Tell = Callable[[str], None]

IN_WORDS = {
    "create_function": "add function",
    "update_function": "update function",
    "delete_function": "delete function",
    "create_role": "add role",
    "put_role_policy": "set the permissions of role",
    "delete_role": "delete role",
    "import_rest_api": "add the HTTP API",
    "update_api_from_swagger": "update the HTTP API",
    "delete_rest_api": "delete the HTTP API",
    "create_websocket_api": "add the WebSocket API",
    "delete_websocket_routes": "update the WebSocket API",
    "delete_websocket_api": "delete the WebSocket API",
}
"""Chalice's calls that change something, in the words of a plan."""
CHALICE = (sys.executable, "-m", "infra.deploy.chalice_command")
INCOMPLETE = "Could not install dependencies"
"""Chalice only warns with this, and would deploy functions that can't start."""


def deploy(target: Target, tell: Tell) -> None:
    """Deploy with Chalice, including bytecode; raises DeployError if Chalice fails or a library is missing."""
    record.fetch(target)
    find_address(target)
    tell("compiling")
    compile_imports(target.root)
    try:
        run_chalice(target, tell, "deploy")
    finally:
        record.keep(target)
    find_address(target)
    tell("addresses and permissions")
    settings.apply(target)


def find_address(target: Target) -> None:
    """Find WEBSOCKET_URL, unless it is the CDN's. Without it each new process would ask API Gateway for the address."""
    if any("websocket_api_url" in resource for resource in record.resources(target)):
        target.found.setdefault("WEBSOCKET_URL", socket_url(target))


def plan(target: Target) -> list[str]:
    """What Chalice would do."""
    record.fetch(target)
    compile_imports(target.root)
    return list(read_plan(run_chalice(target, lambda _: None, "dev", "plan")))


def delete(target: Target, tell: Tell) -> None:
    """Delete what Chalice deployed, and its logs."""
    record.fetch(target)
    logs = list_logs(target)
    run_chalice(target, tell, "delete")
    record.forget(target)
    client = target.client("logs")
    for name in logs:
        tell(name)
        with suppress(client.exceptions.ResourceNotFoundException):
            client.delete_log_group(logGroupName=name)


def run_chalice(target: Target, tell: Tell, *command: str) -> list[str]:
    """Run a command of Chalice on the stage, pass each line to `tell`, and return the lines; raises DeployError."""
    process = subprocess.Popen(
        [*CHALICE, "--project-dir", str(target.root), *command, "--stage", target.stage],
        cwd=ROOT,
        env={**os.environ, "AWS_DEFAULT_REGION": target.region, "STAGE_VARIABLES": json.dumps(target.variables)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lines = []
    with process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line.rstrip())
            tell(line.strip())
            if INCOMPLETE in line:
                process.terminate()
    if any(INCOMPLETE in line for line in lines):
        raise DeployError(
            f"Chalice found no wheel for some library of requirements.txt: {' '.join(lines[-8:])}",
            "Pin versions with wheels for this Python and the stage's lambda_architecture",
        )
    if process.returncode:
        reason = f"chalice {' '.join(command)} failed: {find_reason(lines)}"
        raise DeployError(reason)
    return lines


def read_plan(lines: Iterable[str]) -> Iterator[str]:
    """The changes in the output of `chalice dev plan`, in words."""
    doing = ""
    for line in lines:
        key, _, value = line.partition("│")[2].lstrip(" │").partition(": ")
        if key.strip() == "method_name":
            doing = IN_WORDS.get(value, "")
            if doing.endswith("API"):
                yield doing
                doing = ""
        elif doing and key.strip() in ("function_name", "name", "role_name"):
            yield f"{doing} {value}"
            doing = ""


def find_reason(lines: list[str]) -> str:
    """The reason that Chalice gives, without the traceback."""
    said = [line.strip() for line in lines if line.strip()]
    start = max((place for place, line in enumerate(said) if "Error" in line.split(":")[0]), default=-5)
    return " ".join(said[start:]) or "no output"


def list_logs(target: Target) -> list[str]:
    """The log groups of the stage's functions."""
    deployed = record.resources(target)
    named = {resource["log_group_name"] for resource in deployed if "log_group_name" in resource}
    written = {
        f"/aws/lambda/{resource['lambda_arn'].split(':')[6]}" for resource in deployed if "lambda_arn" in resource
    }
    return sorted(named | written)


def api_url(target: Target) -> str:
    """The base URL of the HTTP API."""
    if target.endpoint:
        api_id = record.find(target, "rest_api", "rest_api_id")
        return f"{target.endpoint}/_aws/execute-api/{api_id}/{target.config.api_gateway_stage}"
    return record.find(target, "rest_api", "rest_api_url").rstrip("/")


def public_url(target: Target) -> str:
    """The base URL of the HTTP API for clients: the CDN's, if the stage has one."""
    return target.variables.get("PUBLIC_URL") or api_url(target)


def socket_url(target: Target) -> str:
    """The URL of the WebSocket API."""
    if target.endpoint:
        api_id = record.find(target, "websocket_api", "websocket_api_id")
        return f"{target.endpoint.replace('http', 'ws', 1)}/_aws/execute-api/{api_id}/{target.config.api_gateway_stage}"
    return record.find(target, "websocket_api", "websocket_api_url").rstrip("/")
