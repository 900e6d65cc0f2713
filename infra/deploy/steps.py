"""The steps of a deployment."""

import os
import secrets
import subprocess
import sys

from infra.deploy import apis, functions, page, record, settings, smoke
from infra.deploy.account import check_sign_in, describe_account, describe_quotas
from infra.deploy.progress import Step, Tell
from infra.deploy.stacks import Stack
from infra.deploy.target import DeployError, Target

NO_TOKEN = "rooms not tested, because there is no token (give one or two: SMOKE_TOKENS=TOKEN,TOKEN)"
EDGE_VARIABLES = {"PUBLIC_URL": "PublicUrl", "WEBSOCKET_URL": "WebSocketUrl"}
"""The functions' variables, and the outputs of the CDN's stack that they come from."""


def make_stack(target: Target, name: str, parameters: dict[str, str | None]) -> Stack:
    """The stack of one of the templates."""
    template = target.root / "infra" / f"{name}.yaml"
    client = target.client("cloudformation", target.edge_region if name == "edge" else target.region)
    return Stack(client, f"{target.prefix}{name}", template, parameters)


def tables(target: Target) -> Stack:
    return make_stack(target, "tables", {"Prefix": target.prefix, "Stage": target.stage})


def observability(target: Target) -> Stack:
    """Alarms and dashboard."""
    parameters = {
        "Stage": target.stage,
        "Prefix": target.prefix,
        "WebSocketApiId": record.find(target, "websocket_api", "websocket_api_id"),
        "AlarmEmail": os.environ.get("ALARM_EMAIL"),
        "MonthlyBudget": os.environ.get("MONTHLY_BUDGET"),
    }
    return make_stack(target, "observability", parameters)


def edge(target: Target, origin_secret: str | None = None) -> Stack:
    """The CDN. Optional parameters keep their value unless the environment sets them."""
    parameters = {
        "Stage": target.stage,
        "ApiRegion": target.region,
        "OriginSecret": origin_secret,
        "RestApiId": record.find(target, "rest_api", "rest_api_id"),
        "WebSocketApiId": record.find(target, "websocket_api", "websocket_api_id"),
        "DomainName": os.environ.get("DOMAIN_NAME"),
        "CertificateArn": os.environ.get("CERTIFICATE_ARN"),
        "WebAclArn": os.environ.get("WEB_ACL_ARN"),
        "RateLimit": os.environ.get("RATE_LIMIT"),
        "LogBucket": os.environ.get("LOG_BUCKET"),
    }
    return make_stack(target, "edge", parameters)


def find_edge(target: Target) -> dict[str, str]:
    """The outputs of the CDN's stack; empty without one."""
    return make_stack(target, "edge", {}).outputs()


def check_account(target: Target) -> str:
    """Who deploys, to where, and what the account may use; finds the variables that the stage has there already."""
    place = describe_account(target)
    record.fetch(target)
    find_variables(target)
    return f"{place}; {describe_quotas(target)}"


def find_variables(target: Target) -> None:
    """Find the variables that the stage has there already: its secrets, and the addresses of its CDN."""
    settings.find_secrets(target)
    outputs = find_edge(target)
    target.found |= {name: outputs[key] for name, key in EDGE_VARIABLES.items() if key in outputs}
    if not outputs:
        target.found.pop("ORIGIN_SECRET", None)  # without a CDN, nobody could send it


def list_tables(target: Target) -> list[str]:
    """The stage's tables that exist, whether their stack does or not."""
    names, found = tables(target).table_names(), []
    for listed in target.client("dynamodb").get_paginator("list_tables").paginate():
        found += [name for name in listed["TableNames"] if name in names]
    return found


def deploy_tables(target: Target, tell: Tell) -> str:
    changes = tables(target).deploy(tell, orphans=list_tables(target))
    return f"{len(changes)} changed" if changes else "nothing to change"


def deploy_stack(stack: Stack, tell: Tell) -> str:
    changes = stack.deploy(tell)
    return f"{len(changes)} resources changed" if changes else "nothing to change"


def plan_stack(stack: Stack) -> str:
    return "\n".join(stack.plan()) or "nothing to change"


def deploy_functions(target: Target, tell: Tell) -> str:
    functions.deploy(target, tell)
    kinds = [resource["resource_type"] for resource in record.resources(target)]
    return f"{kinds.count('lambda_function')} functions, an HTTP and a WebSocket API"


def plan_after_functions(stack_of: str, target: Target) -> str:
    """The plan of a stack that needs the APIs' ids; before the first deployment, all its resources."""
    if not record.resources(target):
        return "\n".join(make_stack(target, stack_of, {}).plan())
    return plan_stack({"observability": observability, "edge": edge}[stack_of](target))


def deploy_edge(target: Target, tell: Tell) -> str:
    """Create the CDN. Then give the functions its addresses, and the secret by which they know its requests."""
    secret = target.variables.get("ORIGIN_SECRET") or secrets.token_urlsafe(32)
    outcome = deploy_stack(edge(target, secret), tell)
    outputs = find_edge(target)
    target.found |= {name: outputs[key] for name, key in EDGE_VARIABLES.items()} | {"ORIGIN_SECRET": secret}
    changed = settings.set_variables(target)
    return f"{outcome}; the functions answer only its requests" if changed else outcome


def upload_page(target: Target, tell: Tell) -> str:
    if "page" not in target.settings:
        return NO_PAGE
    outputs = find_edge(target)
    count = page.upload(target, outputs["PageBucket"], tell)
    page.invalidate(target, outputs["DistributionId"])
    return f"{count} files"


NO_PAGE = 'none: the stage has no "page" in .chalice/config.json (docs/operations.md)'


def plan_page(target: Target) -> str:
    return f"{len(page.list_files(target.root / 'web')) + 1} files" if "page" in target.settings else NO_PAGE


def seed(target: Target, _: Tell) -> str:
    """Create the default rooms that are missing."""
    environment = {**os.environ, **target.variables, "AWS_DEFAULT_REGION": target.region}
    done = subprocess.run(
        [sys.executable, "seed.py"], cwd=target.root, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["no output"]
        raise DeployError(f"seed.py failed: {said[-1]}")
    return done.stdout.strip()


def smoke_tokens(target: Target) -> tuple[str, ...]:
    """Tokens for the test: those in the environment, or new ones if we know the secret."""
    given = os.environ.get("SMOKE_TOKENS") or os.environ.get("SMOKE_TOKEN") or ""
    if given:
        return tuple(token.strip() for token in given.split(","))
    if target.variables.get("AUTH_SECRET") and not target.variables.get("AUTH_JWKS_URL"):
        return tuple(smoke.issue_token(target.variables, name) for name in ("Smoke", "Test"))
    return ()


def try_rooms(target: Target, tell: Tell) -> str:
    """Check the health. Then let two test users join, connect, relay and leave, if they can get tokens."""
    tell("checking the health")
    api = functions.public_url(target)
    version, tokens = smoke.check_health(api), smoke_tokens(target)
    if not tokens:
        return f"version {version} answers; {NO_TOKEN}"
    smoke.play(api, tokens, tell)
    return f"version {version} answers; joined, connected, relayed, left"


def plan_try(target: Target) -> str:
    return "join, connect, relay, leave" if smoke_tokens(target) else f"check the health; {NO_TOKEN}"


ACCOUNT = Step("Account", lambda target, _: check_account(target), check_account)
DEPLOY = (
    Step("Sign-in", lambda target, _: check_sign_in(target), check_sign_in),
    Step("Tables", deploy_tables, lambda target: plan_stack(tables(target))),
    Step("Functions", deploy_functions, lambda target: "\n".join(functions.plan(target))),
    Step("APIs", lambda target, _: apis.apply(target), lambda _: "throttles, and CORS of API Gateway's own answers"),
    Step(
        "Alarms",
        lambda target, tell: deploy_stack(observability(target), tell),
        lambda target: plan_after_functions("observability", target),
    ),
)
EDGE = (
    Step("CDN", deploy_edge, lambda target: plan_after_functions("edge", target)),
    Step("Page", upload_page, plan_page),
)
TRY = (
    Step("Rooms", seed, lambda _: "create the default rooms that are missing"),
    Step("Trial", try_rooms, plan_try),
)


def list_steps(target: Target, *, with_edge: bool) -> tuple[Step, ...]:
    """The steps after the account. The CDN is included on request, by configuration, or if it exists already."""
    wanted = with_edge or "page" in target.settings or bool(find_edge(target))
    return (*DEPLOY, *(EDGE if wanted else ()), *TRY)
