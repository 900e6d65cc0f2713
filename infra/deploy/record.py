"""Chalice's record of a deployment, `.chalice/deployed/STAGE.json`, and a copy of it in the account.

Git ignores the file, and without it Chalice creates a second pair of APIs. The copy, a parameter of Systems Manager,
lets other machines deploy the stage.
"""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from infra.deploy.target import DeployError, Target


def file_of(target: Target) -> Path:
    return target.root / ".chalice" / "deployed" / f"{target.stage}.json"


def name_of(target: Target) -> str:
    return f"/{target.app_name}/{target.stage}/deployed"


def resources(target: Target) -> list[dict[str, Any]]:
    """All resources that Chalice has deployed."""
    file = file_of(target)
    if not file.exists():
        return []
    found: list[dict[str, Any]] = json.loads(file.read_text("utf-8"))["resources"]
    return found


def functions(target: Target) -> dict[str, str]:
    """The ARNs of the functions, by their names in Chalice."""
    return {one["name"]: one["lambda_arn"] for one in resources(target) if "lambda_arn" in one}


def find(target: Target, kind: str, key: str) -> str:
    """A property of the first resource of a kind; raises DeployError if there is none."""
    for resource in resources(target):
        if resource["resource_type"] == kind:
            return str(resource[key])
    raise DeployError(f"Chalice has deployed no {kind} for {target.stage}", f"Run make deploy STAGE={target.stage}")


def fetch(target: Target) -> None:
    """Get the record from the account if there is no file.

    Raises DeployError if the file is for another account, if file and copy name different APIs, or if a function or
    a role exists without either.
    """
    file, kept = file_of(target), _read_copy(target)
    if file.exists():
        _check_place(target)
        _check_copy(target, kept)
    elif kept:
        file.parent.mkdir(exist_ok=True)
        file.write_text(kept, "utf-8")
    else:
        _check_unknown(target)


def keep(target: Target) -> None:
    """Write the copy."""
    if not file_of(target).exists():
        return
    text = json.dumps(json.loads(file_of(target).read_text("utf-8")), separators=(",", ":"))
    target.client("ssm").put_parameter(
        Name=name_of(target), Value=text, Type="String", Overwrite=True, Tier="Intelligent-Tiering"
    )


def forget(target: Target) -> None:
    """Delete the file and the copy."""
    client = target.client("ssm")
    with suppress(client.exceptions.ParameterNotFound):
        client.delete_parameter(Name=name_of(target))
    file_of(target).unlink(missing_ok=True)


def _read_copy(target: Target) -> str | None:
    client = target.client("ssm")
    try:
        kept: str = client.get_parameter(Name=name_of(target))["Parameter"]["Value"]
    except client.exceptions.ParameterNotFound:
        return None
    return kept


def _check_place(target: Target) -> None:
    here = f"{target.region}:{target.client('sts').get_caller_identity()['Account']}"
    for there in {":".join(function.split(":")[3:5]) for function in functions(target).values()} - {here}:
        raise DeployError(
            f"{target.stage} was deployed from here to {there} (region and account), not to {here}",
            f"Choose that account and region, or move .chalice/deployed/{target.stage}.json out of the way",
        )


def _check_copy(target: Target, kept: str | None) -> None:
    known = json.loads(kept)["resources"] if kept else []
    for api in ("rest_api_id", "websocket_api_id"):
        ours, theirs = ({resource.get(api) for resource in found} - {None} for found in (resources(target), known))
        if theirs - ours:
            raise DeployError(
                f"The APIs of {target.stage} are not those in this checkout's record",
                f"Move .chalice/deployed/{target.stage}.json out of the way, and run the command again. If the "
                f"file is right, delete the parameter {name_of(target)} of Systems Manager instead",
            )


def _check_unknown(target: Target) -> None:
    client = target.client("lambda")
    name = f"{target.app_name}-{target.stage}"
    with suppress(client.exceptions.ResourceNotFoundException):
        client.get_function(FunctionName=name)
        raise DeployError(
            f"Another checkout deployed the function {name}: Chalice would create a second pair of APIs",
            f"Copy .chalice/deployed/{target.stage}.json from there, and run the command again",
        )
    roles, role = target.client("iam"), f"{name}-sweep"
    with suppress(roles.exceptions.NoSuchEntityException):
        roles.get_role(RoleName=role)
        raise DeployError(
            f"Another region has a stage {target.stage}: its role {role} exists, and roles are shared by all regions",
            "Add a stage with another name to .chalice/config.json, or delete the role if no region uses it",
        )
