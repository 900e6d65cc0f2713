"""The package that `chalice package` makes for an architecture, and what is in it."""

import hashlib
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
REQUIREMENTS = ROOT / "requirements.txt"
TARGET_MB = 30
MEGABYTE = 1_000_000
ARCHITECTURES = {"arm64": 183, "x86_64": 62}
"""Chalice's names, and the numbers in ELF files."""
MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}
"""Chalice's names, and those of wheels."""
GLIBC_MINORS = range(17, 27)
"""The versions of glibc that Chalice accepts for each version of Python."""
ELF = b"\x7fELF"
OUR_OWN = {"app.py", "chalicelib", "chalice", "__pycache__"}
"""Not from a wheel. Chalice adds two modules of its own."""
TESTS = re.compile(r"(^|/)(tests?/|conftest\.py$)")
WRONG = ("for_another_machine", "not_asked_for", "missing", "tests", "not_as_pinned")
"""The lists of a description that have to be empty."""


def copy_sources(to: Path) -> None:
    """Copy the files of the repository as they are now, without those that git ignores."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout.decode().split("\0")
    for name in filter(None, listed):
        if (source := ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, to / name)


def make_package(project: Path, architecture: str, name: str = "plain") -> Path:
    """Run `chalice package` for an architecture, and return the zip file; `sam.yaml` stands beside it."""
    file = project / ".chalice" / "config.json"
    config = json.loads(file.read_text())
    file.write_text(json.dumps(config | {"lambda_architecture": architecture}))
    output = project.parent / f"{name}-{architecture}"
    options = ["--stage", "dev", "--template-format", "yaml", "--merge-template", "infra/package.yaml", str(output)]
    command = [sys.executable, "-c", "from chalice.cli import main; main()", "package", *options]
    environment = {**os.environ, "AWS_DEFAULT_REGION": "eu-west-1"}
    run = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)
    if run.returncode or "Could not install" in run.stdout + run.stderr:
        raise RuntimeError(f"chalice package: {run.stdout}{run.stderr}")
    return output / "deployment.zip"


def describe_package(file: Path, architecture: str, pinned: set[str]) -> dict[str, Any]:
    """The sizes of a package, and the files in it that shouldn't be there."""
    owners = find_owners(file)
    zipped, unzipped = Counter[str](), Counter[str]()
    with ZipFile(file) as package:
        names = package.namelist()
        libraries = {name: elf_machine(package.read(name)[:20]) for name in names if re.search(r"\.so(\.|$)", name)}
        for info in package.infolist():
            owner = owners.get(info.filename, info.filename.split("/")[0])
            zipped[owner] += info.compress_size
            unzipped[owner] += info.file_size
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
        "tests": [name for name in names if TESTS.search(name)],
    }


def find_owners(file: Path) -> dict[str, str]:
    """The distribution of each file in a package, as its wheel's RECORD has it."""
    return {
        str(path): canonicalize_name(distribution.name)
        for distribution in importlib.metadata.distributions(path=[str(file)])
        for path in distribution.files or ()
    }


def elf_machine(head: bytes) -> int:
    """The machine that a shared library is built for; 0 if it isn't an ELF file."""
    return int.from_bytes(head[18:20], "little") if head.startswith(ELF) else 0


def read_pins(requirements: str) -> dict[str, str]:
    """The pins of a requirements file that apply to this Python: the lines of each, with hashes, by package name."""
    blocks = re.split(r"\n(?=\S)", requirements)
    pins = [(Requirement(re.split(r" \\|  #|\n", block)[0]), block) for block in blocks if not block.startswith("#")]
    return {canonicalize_name(pin.name): block for pin, block in pins if not pin.marker or pin.marker.evaluate()}


def find_problems(description: Mapping[str, Any]) -> list[str]:
    """The faults of a package, a line each."""
    wrong = [f"{key.replace('_', ' ')}: {name}" for key in WRONG for name in description.get(key, ())]
    size = description["zip_mb"]
    return [*wrong, f"{size:.1f} MB, of {TARGET_MB} at most"] if size > TARGET_MB else wrong


def gather_wheels(machine: str) -> Path:
    """The wheels of requirements.txt for a machine (aarch64 or x86_64), checked by hash.

    They are downloaded once, and kept in the virtual environment.
    """
    name = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:16]
    wheels = Path(sys.prefix) / "wheels" / f"{sys.implementation.cache_tag}-{machine}-{name}"
    if not wheels.exists():
        wheels.parent.mkdir(exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=wheels.parent))
        download_wheels(machine, fresh)
        with suppress(OSError):  # another process was faster
            fresh.rename(wheels)
    return wheels


def download_wheels(machine: str, to: Path) -> None:
    """Download the wheels that Chalice would choose; raises RuntimeError if pip fails."""
    tags = ["manylinux2014", *(f"manylinux_2_{minor}" for minor in GLIBC_MINORS)]
    command = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--only-binary=:all:"]
    platforms = [f"--platform={tag}_{machine}" for tag in tags]
    run = subprocess.run([*command, *platforms, "-r", REQUIREMENTS, "-d", to], capture_output=True, text=True)
    if run.returncode:
        raise RuntimeError(f"pip download: {run.stderr}")


def find_unpinned(file: Path, architecture: str) -> list[str]:
    """The files of a package that differ from the wheels whose hashes are pinned.

    Chalice lets pip check hashes for the machine that it runs on. For another machine it downloads wheels by name and
    version alone.
    """
    with ZipFile(file) as package:
        wheels = sorted(gather_wheels(MACHINES[architecture]).iterdir())
        return [name for wheel in wheels for name in find_differences(wheel, package)]


def find_differences(wheel: Path, package: ZipFile) -> Iterator[str]:
    """The files of a wheel that a package lacks, or has with other content."""
    there = set(package.namelist())
    with ZipFile(wheel) as one:
        for name in one.namelist():
            if not name.endswith("/") and (name not in there or one.read(name) != package.read(name)):
                yield name
