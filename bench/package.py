"""What is deployed: the package that `chalice package` makes, for both architectures, and what is in it.

    python -m bench.package

Sizes are those of the files. Starting is measured from the package itself, unpacked, where this machine can run it: as
plain Chalice makes it, with the bytecode that `make bytecode` adds, and without botocore's descriptions of what nobody
here calls, which Chalice has no means to leave out. Medians of CPU time over fresh processes in turns.
"""

import platform
import shutil
import sys
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

from bench.report import describe_run, format_table, verdict, write_results
from bench.startup import medians, run_process
from infra.artefacts import (
    ARCHITECTURES,
    MEGABYTE,
    ROOT,
    TARGET_MB,
    copy_sources,
    describe_package,
    find_problems,
    make_package,
    read_pins,
)
from infra.bytecode import AS_ON_LAMBDA, compile_imports

MACHINES = {"aarch64": "arm64"}
USED_SERVICES = {"dynamodb", "apigatewayv2", "sts", "sso", "sso-oidc", "signin"}
"""What the functions call, and what botocore's own search for credentials may call."""
TURNS = 9
START = "import sys; sys.path.insert(0, {directory!r}); import app"
ENVIRONMENT = {**AS_ON_LAMBDA, "_HANDLER": "app.websocket_message"}
AS_IT_IS, WITH_BYTECODE, LEAN = "plain `chalice deploy`", "after `make bytecode`", "that, and only the services in use"


def make_variants(files: Mapping[str, Path], where: Path) -> dict[str, Path]:
    """Packages unpacked: as they are, and one more from which even more was taken than Chalice lets us take."""
    variants = {name: where / name for name in (*files, LEAN)}
    for name, directory in variants.items():
        with ZipFile(files.get(name, files[WITH_BYTECODE])) as package:
            package.extractall(directory)
    drop_services(variants[LEAN])
    return variants


def drop_services(directory: Path) -> None:
    """Take out botocore's descriptions of the services that nothing here calls."""
    for service in (directory / "botocore" / "data").iterdir():
        if service.is_dir() and service.name not in USED_SERVICES:
            shutil.rmtree(service)


def zipped_mb(directory: Path) -> float:
    with tempfile.TemporaryFile() as file:
        with ZipFile(file, "w", ZIP_DEFLATED) as package:
            for path in sorted(directory.rglob("*")):
                package.write(path, path.relative_to(directory))
        return file.tell() / MEGABYTE


def measure_starts(variants: Mapping[str, Path]) -> dict[str, float]:
    """CPU time of a process that starts as a WebSocket function does, with nothing of this environment in reach."""
    taken: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(TURNS + 1):
        for name, directory in variants.items():
            source = START.format(directory=str(directory))
            run = run_process(source, ENVIRONMENT, flags=("-I", "-S", "-B"), directory=directory)
            taken[name].append(run.cpu_ms)
    return medians({name: times[1:] for name, times in taken.items()})


def measure_variants(project: Path, plain: Path, architecture: str, where: Path) -> list[dict[str, Any]]:
    """The package as it is, with the bytecode that `make bytecode` adds, and without what nobody calls."""
    compile_imports(project)
    variants = make_variants({AS_IT_IS: plain, WITH_BYTECODE: make_package(project, architecture, "bytecode")}, where)
    starts = measure_starts(variants)
    return [
        {"variant": name, "zip_mb": zipped_mb(directory), "start_cpu_ms": starts[name]}
        for name, directory in variants.items()
    ]


def print_results(results: Mapping[str, Any]) -> None:
    for architecture, one in results["packages"].items():
        print(f"{architecture}: zip {verdict(one['zip_mb'], TARGET_MB, ' MB')}, unzipped {one['unzipped_mb']:.1f} MB")
        print(f"  for another machine, of {one['shared_libraries']} libraries: {join(one['for_another_machine'])}")
        print(f"  neither ours nor in requirements.txt: {join(one['not_asked_for'])}")
        print(f"  in requirements.txt and missing: {join(one['missing'])}\n")
    first = next(iter(results["packages"].values()))
    rows = [[row["package"], f"{row['zip_mb']:.2f}", f"{row['unzipped_mb']:.2f}"] for row in first["biggest"]]
    print(format_table(("the ten biggest", "zip MB", "unzipped MB"), rows))
    rows = [[row["variant"], f"{row['zip_mb']:.1f}", f"{row['start_cpu_ms']:.0f}"] for row in results["variants"]]
    if rows:
        print(f"\nStarting a WebSocket function from the package ({results['started_on']})\n")
        print(format_table(("", "zip MB", "CPU ms"), rows))


def join(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


def can_start(architecture: str) -> bool:
    """Whether what is packaged for this architecture runs here."""
    return architecture in ARCHITECTURES and sys.platform == "linux"


def main() -> None:
    pinned = set(read_pins((ROOT / "requirements.txt").read_text("utf-8")))
    here = MACHINES.get(platform.machine(), platform.machine())
    with ExitStack() as stack:
        where = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        project = where / "project"
        copy_sources(project)
        files = {architecture: make_package(project, architecture) for architecture in ARCHITECTURES}
        results = {
            **describe_run(),
            "target_mb": TARGET_MB,
            "packages": {name: describe_package(file, name, pinned) for name, file in files.items()},
            "started_on": here,
            "variants": measure_variants(project, files[here], here, where) if can_start(here) else [],
        }
    write_results("package", results)
    print_results(results)
    if problems := [problem for one in results["packages"].values() for problem in find_problems(one)]:
        sys.exit(f"error: {', '.join(problems)}")


if __name__ == "__main__":
    main()
