"""The package that `chalice package` makes, for both architectures: its size, its contents, and a start from it.

    python -m bench.package

Starts are measured from the unpacked package, as plain Chalice makes it and with the bytecode that `make bytecode`
adds: CPU times of fresh processes in turns, medians.
"""

import platform
import statistics
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from bench.report import describe_run, format_table, verdict, write_results
from bench.startup import run_python
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

TURNS = 9
START = "import sys, time; sys.path.insert(0, {directory!r}); import app; print(time.process_time() * 1000)"
ENVIRONMENT = {**AS_ON_LAMBDA, "_HANDLER": "app.websocket_message"}


def measure_starts(variants: Mapping[str, Path]) -> dict[str, float]:
    """CPU time to start a WebSocket function from each package, isolated from this environment."""
    taken: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(TURNS + 1):
        for name, directory in variants.items():
            source = START.format(directory=str(directory))
            taken[name].append(run_python(source, ENVIRONMENT, flags=("-I", "-S", "-B"), directory=directory))
    return {name: statistics.median(times[1:]) for name, times in taken.items()}


def measure_variants(plain: Path, compiled: Path, where: Path) -> list[dict[str, Any]]:
    """The package without and with bytecode."""
    files = {"plain `chalice deploy`": plain, "after `make bytecode`": compiled}
    variants = {name: where / name for name in files}
    for name, directory in variants.items():
        with ZipFile(files[name]) as package:
            package.extractall(directory)
    starts = measure_starts(variants)
    return [
        {"variant": name, "zip_mb": file.stat().st_size / MEGABYTE, "start_cpu_ms": starts[name]}
        for name, file in files.items()
    ]


def print_results(results: Mapping[str, Any]) -> None:
    for architecture, one in results["packages"].items():
        print(f"{architecture}: zip {verdict(one['zip_mb'], TARGET_MB, ' MB')}, unzipped {one['unzipped_mb']:.1f} MB")
    print()
    first = next(iter(results["packages"].values()))
    rows = [[row["package"], f"{row['zip_mb']:.2f}", f"{row['unzipped_mb']:.2f}"] for row in first["biggest"]]
    print(format_table(("the ten largest", "zip MB", "unzipped MB"), rows))
    rows = [[row["variant"], f"{row['zip_mb']:.1f}", f"{row['start_cpu_ms']:.0f}"] for row in results["variants"]]
    if rows:
        print(f"\nStart of a WebSocket function from the package ({results['started_on']})\n")
        print(format_table(("", "zip MB", "CPU ms"), rows))


def main() -> None:
    pinned = set(read_pins((ROOT / "requirements.txt").read_text("utf-8")))
    here = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
    with tempfile.TemporaryDirectory() as directory:
        project = Path(directory, "project")
        copy_sources(project)
        files = {architecture: make_package(project, architecture) for architecture in ARCHITECTURES}
        variants: list[dict[str, Any]] = []
        if sys.platform == "linux" and here in ARCHITECTURES:  # else nothing packaged runs on this machine
            compile_imports(project)
            variants = measure_variants(files[here], make_package(project, here, "bytecode"), Path(directory))
        results = {
            **describe_run(),
            "target_mb": TARGET_MB,
            "packages": {name: describe_package(file, name, pinned) for name, file in files.items()},
            "started_on": here,
            "variants": variants,
        }
    write_results("package", results)
    print_results(results)
    if problems := [problem for one in results["packages"].values() for problem in find_problems(one)]:
        sys.exit(f"error: {', '.join(problems)}")


if __name__ == "__main__":
    main()
