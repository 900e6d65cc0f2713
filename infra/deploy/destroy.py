"""`python -m infra.deploy.destroy STAGE`: delete a stage and all its data, after a question."""

import argparse
import sys

from rich.console import Console
from rich.prompt import Prompt

from infra.deploy import functions, page, record
from infra.deploy.account import describe_account
from infra.deploy.progress import Step, Tell, carry_out, plan_steps, run_steps, say
from infra.deploy.steps import find_edge, list_tables, make_stack, tables
from infra.deploy.target import PROD, Target

NOTHING = "there is none"


def delete_stack(name: str, target: Target, tell: Tell) -> str:
    stack = make_stack(target, name, {})
    if stack.describe() is None:
        return NOTHING
    stack.delete(tell)
    return "deleted"


def plan_delete_stack(name: str, target: Target) -> str:
    return f"delete the stack {target.prefix}{name}" if make_stack(target, name, {}).describe() else NOTHING


def delete_edge(target: Target, tell: Tell) -> str:
    """Empty the bucket, then delete the stack."""
    if bucket := find_edge(target).get("PageBucket"):
        page.empty(target, bucket)
    return delete_stack("edge", target, tell)


def delete_functions(target: Target, tell: Tell) -> str:
    record.fetch(target)
    if not record.resources(target):
        return NOTHING
    functions.delete(target, tell)
    return "deleted, with both APIs and all logs"


def plan_delete_functions(target: Target) -> str:
    record.fetch(target)
    kinds = ("lambda_arn", "rest_api_url", "websocket_api_url", "role_name", "rule_name")
    found = [str(resource[kind]) for resource in record.resources(target) for kind in kinds if kind in resource]
    return "\n".join(f"delete {name}" for name in (*found, *functions.list_logs(target))) or NOTHING


def is_protected(target: Target, table: str) -> bool:
    described = target.client("dynamodb").describe_table(TableName=table)["Table"]
    return bool(described.get("DeletionProtectionEnabled"))


def delete_tables(target: Target, tell: Tell) -> str:
    """Delete the stack, which keeps its tables; then delete the tables that aren't protected."""
    names = list_tables(target)
    kept = [name for name in names if is_protected(target, name)]
    tables(target).delete(tell)
    client = target.client("dynamodb")
    for name in set(names) - set(kept):
        tell(name)
        client.delete_table(TableName=name)
        client.get_waiter("table_not_exists").wait(TableName=name, WaiterConfig={"Delay": 2})
    if kept:
        return f"kept, because of deletion protection: {', '.join(kept)}"
    return f"{len(names)} deleted, with all data"


def plan_delete_tables(target: Target) -> str:
    lines = [f"{'keep' if is_protected(target, name) else 'delete'} {name}" for name in list_tables(target)]
    return "\n".join(lines) or NOTHING


DESTROY = (
    Step("Account", lambda target, _: describe_account(target), describe_account),
    Step("CDN", delete_edge, lambda target: plan_delete_stack("edge", target)),
    Step(
        "Alarms",
        lambda target, tell: delete_stack("observability", target, tell),
        lambda target: plan_delete_stack("observability", target),
    ),
    Step("Functions", delete_functions, plan_delete_functions),
    Step("Tables", delete_tables, plan_delete_tables),
)


def main() -> int:
    """Ask, delete, and return the exit code."""
    parser = argparse.ArgumentParser(prog="make destroy", description=__doc__)
    parser.add_argument("stage", help="a stage of .chalice/config.json")
    parser.add_argument("--plan", action="store_true", help="say what would be deleted, and delete nothing")
    parser.add_argument("--yes", action="store_true", help="don't ask")
    parser.add_argument("--yes-destroy-prod", action="store_true", help=f"even if it is {PROD}")
    options = parser.parse_args()
    console, target = Console(), Target(options.stage)
    if options.stage == PROD and not options.yes_destroy_prod and not options.plan:
        say(console, f"{PROD} is destroyed only with --yes-destroy-prod (make destroy STAGE={PROD} ARGS=...)")
        return 1
    return carry_out(lambda: destroy(target, console, options.plan, options.yes), target, console)


def destroy(target: Target, console: Console, is_plan: bool, is_sure: bool) -> int:
    """Show what will be deleted, and delete it once the user confirms."""
    plan_steps(DESTROY, target, console)
    if is_plan:
        return 0
    if not is_sure and not confirm(target.stage, console):
        say(console, "Nothing was deleted")
        return 1
    run_steps(DESTROY, target, console)
    return 0


def confirm(stage: str, console: Console) -> bool:
    """Ask the user to type the stage's name."""
    try:
        return Prompt.ask(f"\nAll of this will be deleted. Type {stage} to confirm", console=console) == stage
    except EOFError:
        return False


if __name__ == "__main__":
    sys.exit(main())
