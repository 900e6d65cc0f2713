"""What has to hold of what is deployed, before it is.

    python -m infra.checks

Looks at the package for both architectures, at all templates, at the code that runs on AWS and the libraries that it
takes along. Where nothing can be learned of known vulnerabilities, it says so and goes on; with `AUDIT=required` in the
environment that is an error too.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from infra.artefacts import (
    ARCHITECTURES,
    REQUIREMENTS,
    ROOT,
    copy_sources,
    describe_package,
    find_problems,
    find_unpinned,
    make_package,
    read_pins,
)
from infra.locks import find_stale

TEMPLATES = tuple(str(ROOT / "infra" / f"{name}.yaml") for name in ("tables", "observability", "edge"))
TOOLS = Path(sys.prefix, "checks", "bin")
"""The virtual environment of the checks, inside ours."""
DEPLOYED = ("app.py", "chalicelib", "seed.py")
"""The code that runs on AWS, or with the rights to."""

Problems = Sequence[str]
Check = Callable[[], Problems]


class CheckError(Exception):
    """A tool that didn't come to a result."""


def check_locks() -> Problems:
    """Whether the pins are what their sources come to."""
    return [f"{name} is stale: run make lock" for name in find_stale()]


def check_package(architecture: str, where: Path) -> Problems:
    """Package for an architecture, and look into the zip file."""
    project = where / architecture / "project"
    copy_sources(project)
    file = make_package(project, architecture)
    pins = read_pins(REQUIREMENTS.read_text("utf-8"))
    description = describe_package(file, architecture, set(pins))
    return find_problems({**description, "not_as_pinned": find_unpinned(file, architecture)})


def lint_templates(templates: Sequence[str]) -> Problems:
    """What cfn-lint says of templates."""
    run = run_tool("cfn-lint", "--format", "parseable", "--template", *templates)
    if run.stderr:
        raise CheckError(run.stderr)
    return run.stdout.splitlines()


def scan_templates(templates: Sequence[str]) -> Problems:
    """What checkov says of templates, and which suppressions say nothing."""
    files = [option for template in templates for option in ("--file", template)]
    run = run_tool("checkov", "--config-file", "infra/checkov.yaml", "--output", "json", *files)
    results = read_json(run)["results"]
    failed = [f"{one['check_id']} {one['resource']}: {one['check_name']}" for one in results["failed_checks"]]
    silent = [
        f"{one['check_id']} {one['resource']} is suppressed, and nothing says why"
        for one in results["skipped_checks"]
        if not one["check_result"].get("suppress_comment", "").strip()
    ]
    return [*failed, *silent, *(f"{file} can't be read" for file in results["parsing_errors"])]


def scan_code() -> Problems:
    """What bandit says of the code."""
    results = read_json(run_tool("bandit", "--quiet", "--format", "json", "--recursive", *DEPLOYED))
    found = [f"{one['filename']}:{one['line_number']}: {one['issue_text']}" for one in results["results"]]
    return [*found, *(f"{one['filename']}: {one['reason']}" for one in results["errors"])]


def audit_libraries() -> Problems:
    """Which of the libraries that are deployed have known vulnerabilities, as far as can be learned from here."""
    options = ("--disable-pip", "--require-hashes", "--progress-spinner", "off", "--format", "json")
    run = run_tool("pip-audit", "--requirement", "requirements.txt", *options)
    try:
        libraries = read_json(run)["dependencies"]
    except CheckError as error:
        return report_blind(f"no vulnerabilities are known here: {error}")
    unknown = [one["name"] for one in libraries if "skip_reason" in one]
    found = [f"{one['name']} {one['version']}: {flaw['id']}" for one in libraries for flaw in one.get("vulns", ())]
    return [*found, *(report_blind(f"nothing is known here of {', '.join(unknown)}") if unknown else ())]


def report_blind(what: str) -> Problems:
    """What couldn't be learned: an error where AUDIT=required, else a word to whoever reads."""
    if os.environ.get("AUDIT") == "required":
        return [what]
    print(f"  NOT AUDITED: {what}", flush=True)
    return []


def run_tool(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([TOOLS / name, *arguments], cwd=ROOT, capture_output=True, text=True)


def read_json(run: subprocess.CompletedProcess[str]) -> Any:
    """What a tool wrote.

    Raises:
        CheckError: that is nothing to go by.
    """
    try:
        return json.loads(run.stdout)
    except ValueError as error:
        raise CheckError((run.stderr or run.stdout).strip().rpartition("\n")[2]) from error


def carry_out(name: str, check: Check) -> bool:
    """Do a check, say what came of it, and return whether all is well."""
    started = time.monotonic()
    try:
        problems = check()
    except (CheckError, RuntimeError, subprocess.CalledProcessError) as error:
        problems = [str(error)]
    took = f"{time.monotonic() - started:.0f} s"
    print(
        "\n".join([f"{'FAILED' if problems else 'ok':6}  {name} ({took})", *(f"  {one}" for one in problems)]),
        flush=True,
    )
    return not problems


def list_checks(where: Path) -> Iterator[tuple[str, Check]]:
    """What needs nothing but the sources; the package is what takes longest."""
    for architecture in ARCHITECTURES:
        yield f"package for {architecture}", partial(check_package, architecture, where)
    yield "pins are what their sources come to", check_locks
    yield "code (bandit)", scan_code
    yield "libraries (pip-audit)", audit_libraries


def list_template_checks(where: Path) -> Iterator[tuple[str, Check]]:
    """What needs the packages' own templates, beside ours."""
    templates = (*TEMPLATES, *(str(file) for file in sorted(where.glob("*/plain-*/sam.yaml"))))
    yield "templates (cfn-lint)", partial(lint_templates, templates)
    yield "templates (checkov)", partial(scan_templates, templates)


def main() -> None:
    with TemporaryDirectory() as directory, ThreadPoolExecutor(2) as pool:
        where = Path(directory)
        fine = [
            well
            for checks in (list_checks, list_template_checks)
            for well in list(pool.map(lambda check: carry_out(*check), checks(where)))
        ]
    if not all(fine):
        sys.exit("error: what would be deployed is not as it has to be")


if __name__ == "__main__":
    main()
