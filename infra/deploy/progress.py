"""Runs steps in order and shows their progress."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.markup import escape
from rich.status import Status

from infra.deploy.target import DeployError, Target, explain

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Step:
    """One step: `run` does it and returns the outcome; `plan` returns what `run` would do."""

    title: str
    run: Callable[[Target, Tell], str]
    plan: Callable[[Target], str]


class StepError(Exception):
    """A step failed; `cause` is the reason."""

    def __init__(self, step: Step, cause: DeployError) -> None:
        super().__init__(f"{step.title}: {cause}")
        self.step = step
        self.cause = cause


def run_steps(steps: Sequence[Step], target: Target, console: Console) -> None:
    """Run each step and print its outcome; raises StepError at the first that fails."""
    for step in steps:
        begun = time.monotonic()
        with console.status(f"{step.title} …") as status:
            outcome = _attempt(step, partial(step.run, target, partial(_show, status, step.title)))
        seconds = f"[dim]({time.monotonic() - begun:.0f} s)[/]"
        say(console, f"[green]✓[/] [bold]{step.title}[/]: {escape(outcome)} {seconds}")


def plan_steps(steps: Sequence[Step], target: Target, console: Console) -> None:
    """Print what each step would do; raises StepError if a step can't tell."""
    for step in steps:
        with console.status(f"{step.title} …"):
            outcome = _attempt(step, partial(step.plan, target))
        lines = escape(outcome).splitlines()
        say(console, f"[blue]•[/] [bold]{step.title}[/]: {lines[0] if len(lines) == 1 else ''}")
        for line in lines if len(lines) > 1 else []:
            say(console, f"    {line}")


def say(console: Console, text: str) -> None:
    """Print a line with rich's markup, without wrapping."""
    console.print(text, highlight=False, soft_wrap=True)


def _show(status: Status, title: str, detail: str) -> None:
    status.update(f"{title} … [dim]{escape(detail)}[/]")


def _attempt(step: Step, act: Callable[[], str]) -> str:
    try:
        return act()
    except (DeployError, ClientError, BotoCoreError, OSError) as error:
        raise StepError(step, explain(error)) from error


def report_failure(failure: StepError, console: Console) -> None:
    """Print the failed step, the reason, and what to do."""
    say(console, f"[red]✗[/] [bold]{failure.step.title}[/]: {escape(str(failure.cause))}")
    say(console, f"  {escape(failure.cause.advice)}")


def carry_out(act: Callable[[], int], target: Target, console: Console) -> int:
    """Run a command on a stage, report its failure, release the stage, and return the exit code."""
    try:
        return act()
    except StepError as failure:
        report_failure(failure, console)
        return 1
    except KeyboardInterrupt:
        say(console, "Interrupted: run the command again to continue")
        return 1
    finally:
        target.close()
