"""`python -m infra.deploy STAGE`: create or update a stage; `--plan` only shows what would be done."""

import argparse
import sys

from rich.console import Console

from infra.deploy import functions
from infra.deploy.progress import carry_out, plan_steps, run_steps, say
from infra.deploy.steps import ACCOUNT, find_edge, list_steps
from infra.deploy.target import Target


def main() -> int:
    """Run the command, and return the exit code."""
    parser = argparse.ArgumentParser(prog="make deploy", description=__doc__)
    parser.add_argument("stage", help="a stage of .chalice/config.json")
    parser.add_argument("--plan", action="store_true", help="say what would be done, and change nothing")
    parser.add_argument("--edge", action="store_true", help="with a CDN: one hostname for page, HTTP and WebSocket API")
    options = parser.parse_args()
    console, target = Console(), Target(options.stage)
    return carry_out(lambda: deploy(target, console, options.plan, options.edge), target, console)


def deploy(target: Target, console: Console, is_plan: bool, with_edge: bool) -> int:
    """Deploy the stage, or show the plan."""
    act = plan_steps if is_plan else run_steps
    act([ACCOUNT], target, console)
    act(list_steps(target, with_edge=with_edge), target, console)
    if not is_plan:
        print_addresses(target, console)
    return 0


def print_addresses(target: Target, console: Console) -> None:
    """Print where people and clients find the stage."""
    api = functions.public_url(target)
    say(console, "")
    if outputs := find_edge(target):
        say(console, f"  Page           {outputs['Url']}")
    say(console, f"  HTTP API       {api}")
    say(console, f"  Its own docs   {api}/docs")
    say(console, f"  WebSocket API  {target.variables['WEBSOCKET_URL']}")


if __name__ == "__main__":
    sys.exit(main())
