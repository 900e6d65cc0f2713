"""Checks of what is deployed: the package for both architectures, all templates, the code and its libraries.

    python -m infra.checks

If the database of known vulnerabilities can't be reached, it says so and goes on; with `AUDIT=required` in the
environment that is an error.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from infra import policies
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
"""The code that runs on AWS, or with permissions there."""

ACCESS = """
import json, sys
from policy_sentry.analysis.analyze import analyze_by_access_level

policies = {file: json.load(open(file)) for file in sys.argv[1:]}
found = {file: analyze_by_access_level(policy, "Permissions management") for file, policy in policies.items()}
print(json.dumps({file: actions for file, actions in found.items() if actions}))
"""
"""policy-sentry has no command for this."""

Problems = Sequence[str]
Check = Callable[[], Problems]


class CheckError(Exception):
    """A tool came to no result."""


def check_locks() -> Problems:
    return [f"{name} is stale: run make lock" for name in find_stale()]


def check_package(architecture: str, where: Path) -> Problems:
    """Package for an architecture, and examine the zip file."""
    project = where / architecture / "project"
    copy_sources(project)
    file = make_package(project, architecture)
    description = describe_package(file, architecture, set(read_pins(REQUIREMENTS.read_text("utf-8"))))
    return find_problems({**description, "not_as_pinned": find_unpinned(file, architecture)})


def lint_templates(templates: Sequence[str]) -> Problems:
    """The findings of cfn-lint."""
    run = run_tool("cfn-lint", "--format", "parseable", "--template", *templates)
    if run.stderr:
        raise CheckError(run.stderr)
    return run.stdout.splitlines()


def scan_templates(templates: Sequence[str]) -> Problems:
    """The findings of checkov, and suppressions without a comment."""
    files = [option for template in templates for option in ("--file", template)]
    results = run_for_json("checkov", "--config-file", "infra/checkov.yaml", "--output", "json", *files)["results"]
    failed = [f"{one['check_id']} {one['resource']}: {one['check_name']}" for one in results["failed_checks"]]
    silent = [
        f"{one['check_id']} {one['resource']} is suppressed without a comment"
        for one in results["skipped_checks"]
        if not one["check_result"].get("suppress_comment", "").strip()
    ]
    return [*failed, *silent, *(f"{file} can't be read" for file in results["parsing_errors"])]


def check_policies(where: Path) -> Problems:
    """The findings of parliament in the functions' policies, and actions that change permissions, by policy-sentry.

    The policies are examined as `make deploy` writes them: for one API.
    """
    for file in (ROOT / ".chalice").glob("policy-*.json"):
        (where / file.name).write_text(json.dumps(policies.narrow(json.loads(file.read_text("utf-8")), "a1b2c3d4e5")))
    files = [str(file) for file in sorted(where.glob("policy-*.json"))]
    run = run_tool("parliament", "--json", "--files", ",".join(files))
    if run.returncode and not run.stdout:
        raise CheckError(run.stderr.strip().rpartition("\n")[2])
    found = [json.loads(line) for line in run.stdout.splitlines()]
    faults = [f"{one['location'].get('filepath')}: {one['title']} {one['detail']}" for one in found]
    levels: dict[str, list[str]] = run_for_json("python", "-c", ACCESS, *files)
    return [*faults, *(f"{file} changes permissions: {', '.join(actions)}" for file, actions in levels.items())]


def scan_code() -> Problems:
    """The findings of bandit."""
    results = run_for_json("bandit", "--quiet", "--format", "json", "--recursive", *DEPLOYED)
    found = [f"{one['filename']}:{one['line_number']}: {one['issue_text']}" for one in results["results"]]
    return [*found, *(f"{one['filename']}: {one['reason']}" for one in results["errors"])]


def audit_libraries() -> Problems:
    """The known vulnerabilities of the libraries that are deployed."""
    options = ("--disable-pip", "--require-hashes", "--progress-spinner", "off", "--format", "json")
    try:
        libraries = run_for_json("pip-audit", "--requirement", "requirements.txt", *options)["dependencies"]
    except CheckError as error:
        return report_unaudited(f"the vulnerability database can't be read: {error}")
    unknown = [one["name"] for one in libraries if "skip_reason" in one]
    found = [f"{one['name']} {one['version']}: {flaw['id']}" for one in libraries for flaw in one.get("vulns", ())]
    return [*found, *(report_unaudited(f"the database has no entry for {', '.join(unknown)}") if unknown else ())]


def report_unaudited(reason: str) -> Problems:
    """A problem if AUDIT=required. Otherwise only prints a warning."""
    if os.environ.get("AUDIT") == "required":
        return [reason]
    print(f"  NOT AUDITED: {reason}", flush=True)
    return []


def run_tool(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(TOOLS / name), *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL)


def run_for_json(name: str, *arguments: str) -> Any:
    """The JSON output of a tool; raises CheckError with its last line if it isn't JSON."""
    run = run_tool(name, *arguments)
    try:
        return json.loads(run.stdout)
    except ValueError as error:
        raise CheckError((run.stderr or run.stdout).strip().rpartition("\n")[2]) from error


def carry_out(name: str, check: Check) -> bool:
    """Run a check, print its result, and return whether it passed."""
    started = time.monotonic()
    try:
        problems = check()
    except (CheckError, RuntimeError, subprocess.CalledProcessError) as error:
        problems = [str(error)]
    verdict = f"{'FAILED' if problems else 'ok':6}  {name} ({time.monotonic() - started:.0f} s)"
    print("\n".join([verdict, *(f"  {one}" for one in problems)]), flush=True)
    return not problems


def check_all(where: Path, pool: ThreadPoolExecutor) -> bool:
    """Run all checks, two at a time. The checks of templates also read the templates that `chalice package` makes."""
    checks: dict[str, Check] = {
        **{f"package for {one}": partial(check_package, one, where) for one in ARCHITECTURES},
        "lock files": check_locks,
        "policies (parliament, policy-sentry)": partial(check_policies, where),
        "code (bandit)": scan_code,
        "libraries (pip-audit)": audit_libraries,
    }
    passed = list(pool.map(carry_out, checks.keys(), checks.values()))
    templates = (*TEMPLATES, *(str(file) for file in sorted(where.glob("*/plain-*/sam.yaml"))))
    checks = {
        "templates (cfn-lint)": partial(lint_templates, templates),
        "templates (checkov)": partial(scan_templates, templates),
    }
    return all([*passed, *pool.map(carry_out, checks.keys(), checks.values())])


def main() -> None:
    with TemporaryDirectory() as directory, ThreadPoolExecutor(2) as pool:
        if not check_all(Path(directory), pool):
            sys.exit("error: checks failed, as printed above")


if __name__ == "__main__":
    main()
