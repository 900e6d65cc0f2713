"""What bringing up a stage consists of, and what taking it away does."""

import os
import subprocess
import sys
from pathlib import Path

from infra.deploy import functions, smoke
from infra.deploy.progress import Step, Tell
from infra.deploy.stacks import Stack
from infra.deploy.target import PROD, DeployError, Target

INFRA = Path("infra")


def tables(target: Target) -> Stack:
    """The stack of the tables."""
    parameters = {"Prefix": target.prefix, "Stage": target.stage}
    return Stack(
        target.client("cloudformation"), f"{target.prefix}tables", target.root / INFRA / "tables.yaml", parameters
    )


def check_account(target: Target, _: Tell) -> str:
    """Who deploys, and to where."""
    return plan_account(target)


def plan_account(target: Target) -> str:
    if target.session.get_credentials() is None:
        raise DeployError("There are no AWS credentials", "Sign in (aws sso login), or set AWS_PROFILE")
    identity = target.client("sts").get_caller_identity()
    place = f"stage {target.stage} in account {identity['Account']}, {target.region}, as {identity['Arn']}"
    if not (target.variables.get("AUTH_JWKS_URL") or target.variables.get("AUTH_SECRET")):
        place += "; nobody can sign in yet: it has neither AUTH_JWKS_URL nor AUTH_SECRET (docs/auth.md)"
    return place


def deploy_tables(target: Target, tell: Tell) -> str:
    return count_changes(tables(target).deploy(tell))


def plan_tables(target: Target) -> str:
    return list_changes(tables(target).plan())


def deploy_functions(target: Target, tell: Tell) -> str:
    functions.deploy(target, tell)
    return f"{len(functions.list_deployed(target))} resources"


def plan_functions(target: Target) -> str:
    lines = functions.run_chalice(target, lambda _: None, "dev plan")
    return f"{len(lines)} calls"


def seed(target: Target, _: Tell) -> str:
    """Make the default rooms that are missing."""
    environment = {**os.environ, **target.variables, "AWS_DEFAULT_REGION": target.region}
    done = subprocess.run(
        [sys.executable, "seed.py"], cwd=target.root, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["it said nothing"]
        raise DeployError(f"seed.py failed: {said[-1]}", "Mend that, and run the same again")
    return done.stdout.strip()


def plan_seed(_: Target) -> str:
    return "make those of the default rooms that are missing"


def smoke_tokens(target: Target) -> tuple[str, ...]:
    """Tokens to try the stage with: given ones, or new ones where we have the secret."""
    given = os.environ.get("SMOKE_TOKENS") or os.environ.get("SMOKE_TOKEN") or ""
    if given:
        return tuple(token.strip() for token in given.split(","))
    if target.variables.get("AUTH_SECRET") and not target.variables.get("AUTH_JWKS_URL"):
        return tuple(smoke.issue_token(target.variables, name) for name in ("Smoke", "Test"))
    return ()


WITHOUT_TOKENS = "no room was tried, for want of a token (give one or two: SMOKE_TOKENS=TOKEN,TOKEN)"


def try_rooms(target: Target, tell: Tell) -> str:
    """Join, connect, relay and leave."""
    tell("asking how it is")
    version = smoke.check_health(functions.api_url(target))
    tokens = smoke_tokens(target)
    if not tokens:
        return f"version {version} answers; {WITHOUT_TOKENS}"
    smoke.play(functions.api_url(target), tokens, tell)
    return f"version {version} answers; joined, connected, relayed, left"


def plan_try(target: Target) -> str:
    return "join, connect, relay, leave" if smoke_tokens(target) else f"ask how it is; {WITHOUT_TOKENS}"


def count_changes(changes: list[str]) -> str:
    return f"{len(changes)} resources changed" if changes else "nothing to change"


def list_changes(changes: list[str]) -> str:
    return "\n".join(changes) or "nothing to change"


DEPLOY = (
    Step("Account", check_account, plan_account),
    Step("Tables", deploy_tables, plan_tables),
    Step("Functions", deploy_functions, plan_functions),
    Step("Rooms", seed, plan_seed),
    Step("Trial", try_rooms, plan_try),
)


def delete_functions(target: Target, tell: Tell) -> str:
    if not functions.list_deployed(target):
        return "there are none"
    functions.delete(target, tell)
    return "deleted, with both APIs"


def plan_delete_functions(target: Target) -> str:
    return f"delete {len(functions.list_deployed(target))} resources"


def delete_tables(target: Target, tell: Tell) -> str:
    """Delete the stack, which leaves its tables, and then those of them that aren't protected."""
    stack = tables(target)
    names = list_tables(target)
    stack.delete(tell)
    client = target.client("dynamodb")
    kept = []
    for name in names:
        if client.describe_table(TableName=name)["Table"].get("DeletionProtectionEnabled"):
            kept.append(name)
            continue
        tell(name)
        client.delete_table(TableName=name)
    return f"deleted, but for the protected: {', '.join(kept)}" if kept else "deleted, with all they held"


def list_tables(target: Target) -> list[str]:
    """The stage's tables that exist."""
    pages = target.client("dynamodb").get_paginator("list_tables").paginate()
    found = [name for page in pages for name in page["TableNames"]]
    return [name for name in found if name.startswith(target.prefix)]


def plan_delete_tables(target: Target) -> str:
    return f"delete {', '.join(list_tables(target)) or 'nothing'}"


DESTROY = (
    Step("Account", check_account, plan_account),
    Step("Functions", delete_functions, plan_delete_functions),
    Step("Tables", delete_tables, plan_delete_tables),
)


def is_prod(target: Target) -> bool:
    return target.stage == PROD
