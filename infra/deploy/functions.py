"""What Chalice deploys: the functions and both APIs; and where they are then."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from infra.bytecode import compile_imports
from infra.deploy.target import DeployError, Target

Tell = Callable[[str], None]

CHALICE = (sys.executable, "-c", "import sys; from chalice.cli import main; sys.exit(main())")
INCOMPLETE = "Could not install dependencies"
"""Chalice says so, and would deploy functions that can't start."""


def deploy(target: Target, tell: Tell) -> None:
    """Have Chalice deploy, with bytecode.

    Raises:
        DeployError: it failed, or would have deployed what can't work.
    """
    tell("compiling")
    compile_imports(target.root)
    run_chalice(target, tell, "deploy")


def delete(target: Target, tell: Tell) -> None:
    """Have Chalice delete what it deployed."""
    run_chalice(target, tell, "delete")


def run_chalice(target: Target, tell: Tell, command: str) -> list[str]:
    """Run a command of Chalice on the stage, and tell each line that it writes.

    Raises:
        DeployError: it failed, and the reason that it gave.
    """
    process = subprocess.Popen(
        [*CHALICE, "--project-dir", str(target.root), *command.split(), "--stage", target.stage],
        cwd=target.root,
        env={**os.environ, "AWS_DEFAULT_REGION": target.region},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lines = []
    with process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line.rstrip())
            if line.strip():
                tell(line.strip())
            if INCOMPLETE in line:
                process.terminate()
    if any(INCOMPLETE in line for line in lines):
        raise DeployError(
            f"Chalice found no wheel for: {', '.join(filter(None, lines[-8:]))}",
            "Pin a version in requirements.txt that has one for this Python and the stage's lambda_architecture",
        )
    if process.returncode:
        raise DeployError(f"chalice {command} failed: {find_reason(lines)}", "Mend that, and run the same again")
    return lines


def find_reason(lines: list[str]) -> str:
    """What Chalice gives as its reason, less the trace of calls that leads to it."""
    said = [line.strip() for line in lines if line.strip()]
    start = max((place for place, line in enumerate(said) if "Error" in line.split(":")[0]), default=-5)
    return " ".join(said[start:]) or "it said nothing"


def record_file(target: Target) -> Path:
    """Where Chalice keeps what it has deployed."""
    return target.root / ".chalice" / "deployed" / f"{target.stage}.json"


def list_deployed(target: Target) -> list[dict[str, Any]]:
    """What Chalice has deployed, as it keeps it."""
    file = record_file(target)
    if not file.exists():
        return []
    resources: list[dict[str, Any]] = json.loads(file.read_text("utf-8"))["resources"]
    return resources


def find_deployed(target: Target, kind: str, key: str) -> str:
    """A property of the one resource of a type.

    Raises:
        DeployError: there is none.
    """
    for resource in list_deployed(target):
        if resource["resource_type"] == kind:
            found: str = resource[key]
            return found
    raise DeployError(f"Chalice has deployed no {kind} for {target.stage}", f"Run make deploy STAGE={target.stage}")


def api_url(target: Target) -> str:
    """The base of the HTTP API."""
    if target.endpoint:
        api_id = find_deployed(target, "rest_api", "rest_api_id")
        return f"{target.endpoint}/_aws/execute-api/{api_id}/{target.config.api_gateway_stage}"
    return find_deployed(target, "rest_api", "rest_api_url").rstrip("/")


def socket_url(target: Target) -> str:
    """The WebSocket API."""
    return find_deployed(target, "websocket_api", "websocket_api_url").rstrip("/")
