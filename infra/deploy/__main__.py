"""`python -m infra.deploy STAGE`: bring up a stage, or what changed of it; `--plan` only says what would be done."""

import argparse
import sys

from rich.console import Console

from infra.deploy import functions
from infra.deploy.progress import StepError, plan_steps, report_failure, run_steps, say
from infra.deploy.steps import ACCOUNT, find_edge, list_steps
from infra.deploy.target import Target


def main() -> int:
    """Do it, and return the exit code."""
    parser = argparse.ArgumentParser(prog="make deploy", description=__doc__)
    parser.add_argument("stage", help="a stage of .chalice/config.json")
    parser.add_argument("--plan", action="store_true", help="say what would be done, and change nothing")
    parser.add_argument("--edge", action="store_true", help="with a CDN: one hostname for page, HTTP and WebSocket API")
    options = parser.parse_args()
    console, target = Console(), Target(options.stage)
    act = plan_steps if options.plan else run_steps
    try:
        act([ACCOUNT], target, console)
        act(list_steps(target, with_edge=options.edge), target, console)
        if not options.plan:
            print_addresses(target, console)
    except StepError as failure:
        report_failure(failure, console)
        return 1
    except KeyboardInterrupt:
        say(console, "Interrupted: run the same again to go on")
        return 1
    finally:
        target.close()
    return 0


def print_addresses(target: Target, console: Console) -> None:
    """Where people and clients find it."""
    api, outputs = functions.api_url(target), find_edge(target)
    say(console, "")
    if outputs:
        say(console, f"  Page           {outputs['Url']}")
    say(console, f"  HTTP API       {outputs.get('PublicUrl', api)}")
    say(console, f"  Its own docs   {outputs.get('PublicUrl', api)}/docs")
    say(console, f"  WebSocket API  {outputs.get('WebSocketUrl', functions.socket_url(target))}")


if __name__ == "__main__":
    sys.exit(main())
