"""What is deployed: the package that `chalice package` makes, for both architectures, and what is in it.

    python -m bench.package

Sizes are those of the files. Starting is measured from the package itself, unpacked, where this machine can run it: as
plain Chalice makes it, with the bytecode that `make bytecode` adds, and without botocore's descriptions of what nobody
here calls, which Chalice has no means to leave out. Medians of CPU time over fresh processes in turns.
"""

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

from bench.report import describe_run, format_table, verdict, write_results
from bench.startup import ROOT, medians, run_process
from infra.bytecode import AS_ON_LAMBDA, compile_imports

TARGET_MB = 30
MEGABYTE = 1_000_000
ARCHITECTURES = {"arm64": 183, "x86_64": 62}
"""As Chalice names them, and as ELF numbers them."""
MACHINES = {"aarch64": "arm64"}
ELF = b"\x7fELF"
OUR_OWN = {"app.py", "chalicelib", "chalice", "__pycache__"}
"""Chalice puts in the two modules of its own that functions need, without their metadata."""
USED_SERVICES = {"dynamodb", "apigatewayv2", "sts", "sso", "sso-oidc", "signin"}
"""What the functions call, and what botocore's own search for credentials may call."""
TURNS = 9
START = "import sys; sys.path.insert(0, {directory!r}); import app"
ENVIRONMENT = {**AS_ON_LAMBDA, "_HANDLER": "app.websocket_message"}
AS_IT_IS, WITH_BYTECODE, LEAN = "plain `chalice deploy`", "after `make bytecode`", "that, and only the services in use"


def copy_sources(to: Path) -> None:
    """The files of the repository as they are now, without what it ignores."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout.decode().split("\0")
    for name in filter(None, listed):
        if (source := ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, to / name)


def make_package(project: Path, architecture: str, name: str = "plain") -> Path:
    """Run `chalice package` for an architecture; the zip file that functions are made of."""
    file = project / ".chalice" / "config.json"
    config = json.loads(file.read_text())
    file.write_text(json.dumps(config | {"lambda_architecture": architecture}))
    command = [sys.executable, "-c", "from chalice.cli import main; main()", "package", "--stage", "dev"]
    output = project.parent / f"{name}-{architecture}"
    environment = {**os.environ, "AWS_DEFAULT_REGION": "eu-west-1"}
    run = subprocess.run([*command, str(output)], cwd=project, env=environment, capture_output=True, text=True)
    if run.returncode or "Could not install" in run.stdout + run.stderr:
        raise RuntimeError(f"chalice package: {run.stdout}{run.stderr}")
    return output / "deployment.zip"


def describe_package(file: Path, architecture: str, pinned: set[str]) -> dict[str, Any]:
    """Sizes, and what is there that should not be."""
    with ZipFile(file) as package:
        sizes = {info.filename: (info.compress_size, info.file_size) for info in package.infolist()}
        owners = find_owners(
            {name: package.read(name).decode() for name in sizes if name.endswith(".dist-info/RECORD")}
        )
        libraries = {name: elf_machine(package.read(name)[:20]) for name in sizes if re.search(r"\.so(\.|$)", name)}
    zipped, unzipped = Counter[str](), Counter[str]()
    for name, (small, large) in sizes.items():
        owner = owner_of(name, owners)
        zipped[owner] += small
        unzipped[owner] += large
    distributions = set(owners.values())
    return {
        "zip_mb": file.stat().st_size / MEGABYTE,
        "unzipped_mb": sum(unzipped.values()) / MEGABYTE,
        "biggest": [
            {"package": owner, "zip_mb": size / MEGABYTE, "unzipped_mb": unzipped[owner] / MEGABYTE}
            for owner, size in zipped.most_common(10)
        ],
        "shared_libraries": len(libraries),
        "for_another_machine": [name for name, code in libraries.items() if code != ARCHITECTURES[architecture]],
        "not_asked_for": sorted((set(zipped) - OUR_OWN - distributions) | (distributions - pinned)),
        "missing": sorted(pinned - distributions),
    }


def find_owners(records: Mapping[str, str]) -> dict[str, str]:
    """Which distribution each top-level name of a package comes from, by the lists that wheels bring."""
    owners = {}
    for record, text in records.items():
        distribution = normalize(record.split("/")[0].removesuffix(".dist-info").rsplit("-", 1)[0])
        for line in text.splitlines():
            owners[line.split("/")[0].split(",")[0]] = distribution
        owners[record.split("/")[0]] = distribution
    return owners


def owner_of(name: str, owners: Mapping[str, str]) -> str:
    """The distribution of a file, else its top-level name; what a wheel keeps in `NAME.data` is its own too."""
    top = name.split("/")[0]
    return owners.get(top) or owners.get(top.replace(".data", ".dist-info")) or top


def normalize(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned_distributions(requirements: str) -> set[str]:
    """The names in a file of requirements, which pins all of them."""
    return {normalize(re.split(r"[\[=]", line)[0]) for line in requirements.splitlines() if "==" in line}


def elf_machine(head: bytes) -> int:
    """What machine a shared library is for; 0 where it is none."""
    return int.from_bytes(head[18:20], "little") if head.startswith(ELF) else 0


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


def check(packages: Iterable[Mapping[str, Any]]) -> Sequence[str]:
    """What is wrong with the packages, if anything is."""
    wrong = ("for_another_machine", "not_asked_for", "missing")
    return [name for package in packages for key in wrong for name in package[key]]


def main() -> None:
    pinned = pinned_distributions((ROOT / "requirements.txt").read_text())
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
    if problems := check(results["packages"].values()):
        sys.exit(f"error: {', '.join(problems)}")


if __name__ == "__main__":
    main()
