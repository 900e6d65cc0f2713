"""`python -m infra.deploy STAGE`: bring up a stage, or what changed of it; `--plan` only says what would be done."""

import argparse
import sys

from rich.console import Console

from infra.deploy import functions
from infra.deploy.progress import StepError, plan_steps, report_failure, run_steps, say
from infra.deploy.steps import DEPLOY
from infra.deploy.target import Target


def main() -> int:
    """Do it, and return the exit code."""
    parser = argparse.ArgumentParser(prog="make deploy", description=__doc__)
    parser.add_argument("stage", help="a stage of .chalice/config.json")
    parser.add_argument("--plan", action="store_true", help="say what would be done, and change nothing")
    options = parser.parse_args()
    console, target = Console(), Target(options.stage)
    try:
        if options.plan:
            plan_steps(DEPLOY, target, console)
            return 0
        run_steps(DEPLOY, target, console)
    except StepError as failure:
        report_failure(failure, console)
        return 1
    finally:
        target.close()
    print_addresses(target, console)
    return 0


def print_addresses(target: Target, console: Console) -> None:
    """Where clients find it."""
    api = functions.api_url(target)
    say(console, f"\n  HTTP API       {api}")
    say(console, f"  Its own docs   {api}/docs")
    say(console, f"  WebSocket API  {functions.socket_url(target)}")


if __name__ == "__main__":
    sys.exit(main())
