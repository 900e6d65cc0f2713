"""Settings of the functions that Chalice can't make: some it doesn't offer, some are known only after a deployment."""

import json
import os
from contextlib import suppress

from infra import policies
from infra.deploy import record
from infra.deploy.target import SECRETS, Target


def find_secrets(target: Target) -> None:
    """Take AUTH_SECRET from the environment, or keep the secrets that an earlier deployment gave to the functions."""
    kept, client = dict[str, str](), target.client("lambda")
    with suppress(client.exceptions.ResourceNotFoundException):
        function = client.get_function_configuration(FunctionName=f"{target.app_name}-{target.stage}")
        kept = function.get("Environment", {}).get("Variables", {})
    given = {"AUTH_SECRET": os.environ.get("AUTH_SECRET")}
    target.found |= {name: secret for name in SECRETS if (secret := given.get(name) or kept.get(name))}
    if target.variables.get("AUTH_JWKS_URL"):
        target.found.pop("AUTH_SECRET", None)


def apply(target: Target) -> None:
    """Apply all settings after a deployment by Chalice."""
    keep_logs(target)
    set_variables(target)
    narrow_permissions(target)
    end_retries(target)


def keep_logs(target: Target) -> None:
    """Set the retention of the HTTP function's logs: Chalice sets it for a log group of another name."""
    days = target.config.log_retention_in_days
    if not days:
        return
    client = target.client("logs")
    name = f"/aws/lambda/{target.app_name}-{target.stage}"
    with suppress(client.exceptions.ResourceAlreadyExistsException):
        client.create_log_group(logGroupName=name)
    client.put_retention_policy(logGroupName=name, retentionInDays=days)


def set_variables(target: Target) -> int:
    """Give the functions their environment, and return how many had another: addresses come with a deployment."""
    client, changed = target.client("lambda"), []
    for name, function in record.functions(target).items():
        wanted = target.variables_of(name)
        present = client.get_function_configuration(FunctionName=function).get("Environment", {}).get("Variables", {})
        if present != wanted:
            client.update_function_configuration(FunctionName=function, Environment={"Variables": wanted})
            changed.append(function)
    for function in changed:
        client.get_waiter("function_updated_v2").wait(FunctionName=function, WaiterConfig={"Delay": 1})
    return len(changed)


def narrow_permissions(target: Target) -> None:
    """Let the functions post to connections of this API alone. The policies in the files name no API."""
    api_id, client = record.find(target, "websocket_api", "websocket_api_id"), target.client("iam")
    for function in record.functions(target):
        file = target.root / ".chalice" / target.config.scope(target.stage, function).iam_policy_file
        policy = policies.narrow(json.loads(file.read_text("utf-8")), api_id)
        role = f"{target.app_name}-{target.stage}-{function}"  # Chalice's name of the role, and of its policy
        client.put_role_policy(RoleName=role, PolicyName=role, PolicyDocument=json.dumps(policy))


def end_retries(target: Target) -> None:
    """Don't repeat a failed sweep: the next one comes within a minute. Lambda would repeat it twice, under load."""
    target.client("lambda").put_function_event_invoke_config(
        FunctionName=record.functions(target)["sweep"], MaximumRetryAttempts=0, MaximumEventAgeInSeconds=60
    )
