"""What is deployed: the package that `chalice package` makes for an architecture, and what is in it."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import ZipFile

from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
TARGET_MB = 30
MEGABYTE = 1_000_000
ARCHITECTURES = {"arm64": 183, "x86_64": 62}
"""As Chalice names them, and as ELF numbers them."""
ELF = b"\x7fELF"
OUR_OWN = {"app.py", "chalicelib", "chalice", "__pycache__"}
"""Chalice puts in the two modules of its own that functions need, without their metadata."""
TESTS = re.compile(r"(^|/)(tests?/|conftest\.py$)")
WRONG = ("for_another_machine", "not_asked_for", "missing", "tests", "not_as_pinned")
"""What of a description should be empty."""


def copy_sources(to: Path) -> None:
    """The files of the repository as they are now, without what it ignores."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout.decode().split("\0")
    for name in filter(None, listed):
        if (source := ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, to / name)


def make_package(project: Path, architecture: str, name: str = "plain") -> Path:
    """Run `chalice package` for an architecture; the zip file that functions are made of, with `sam.yaml` beside it."""
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
        "tests": [name for name in sizes if TESTS.search(name)],
    }


def find_owners(records: Mapping[str, str]) -> dict[str, str]:
    """Which distribution each top-level name of a package comes from, by the lists that wheels bring."""
    owners = {}
    for record, text in records.items():
        distribution = distribution_of(record)
        for line in text.splitlines():
            owners[line.split("/")[0].split(",")[0]] = distribution
        owners[record.split("/")[0]] = distribution
    return owners


def distribution_of(metadata: str) -> str:
    """Whose metadata a file is: `NAME-VERSION.dist-info/FILE`."""
    return normalize(metadata.split("/")[0].removesuffix(".dist-info").rsplit("-", 1)[0])


def owner_of(name: str, owners: Mapping[str, str]) -> str:
    """The distribution of a file, else its top-level name; what a wheel keeps in `NAME.data` is its own too."""
    top = name.split("/")[0]
    return owners.get(top) or owners.get(top.replace(".data", ".dist-info")) or top


def normalize(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def elf_machine(head: bytes) -> int:
    """What machine a shared library is for; 0 where it is none."""
    return int.from_bytes(head[18:20], "little") if head.startswith(ELF) else 0


def read_pins(requirements: str) -> dict[str, str]:
    """What a file of requirements pins for this Python: the lines of each, hashes and all, by name."""
    blocks = re.split(r"\n(?=\S)", requirements)
    pins = [(Requirement(re.split(r" \\|  #|\n", block)[0]), block) for block in blocks if not block.startswith("#")]
    return {normalize(pin.name): block for pin, block in pins if not pin.marker or pin.marker.evaluate()}


def find_problems(description: Mapping[str, Any]) -> list[str]:
    """What is wrong with a package, a line each."""
    wrong = [f"{key.replace('_', ' ')}: {name}" for key in WRONG for name in description.get(key, ())]
    size = description["zip_mb"]
    return [*wrong, f"{size:.1f} MB, of {TARGET_MB} at most"] if size > TARGET_MB else wrong


def find_unpinned(file: Path, pins: Mapping[str, str]) -> list[str]:
    """The files in a package that aren't those of the wheels whose hashes are pinned, where pip didn't see to it.

    Chalice has pip check every wheel that fits the machine it runs on. Those for another it fetches by name and version
    alone; here they are fetched once more, by their hashes.
    """
    with ZipFile(file) as package, TemporaryDirectory() as directory:
        for name, tags in find_native(package).items():
            if name in pins:
                fetch_pinned(pins[name], tags, Path(directory))
        return [name for wheel in Path(directory).iterdir() for name in find_differences(wheel, package)]


def find_native(package: ZipFile) -> dict[str, list[list[str]]]:
    """The distributions in a package that were built for one machine, with the tags of their wheels."""
    wheels = [name for name in package.namelist() if name.endswith(".dist-info/WHEEL")]
    native = {}
    for wheel in wheels:
        tags = [
            line[5:].strip().split("-") for line in package.read(wheel).decode().splitlines() if line[:5] == "Tag: "
        ]
        if all(platform != "any" for _, _, platform in tags):
            native[distribution_of(wheel)] = tags
    return native


def fetch_pinned(pin: str, tags: Sequence[Sequence[str]], to: Path) -> None:
    """Download the wheel with these tags, if its hash is among those pinned."""
    requirements = to / "pinned.txt"
    requirements.write_text(pin)
    options = [option for _, abi, platform in tags for option in ("--abi", abi, "--platform", platform)]
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "--require-hashes"]
    run = subprocess.run(
        [*command, *options, "--implementation=cp", "-d", str(to), "-r", str(requirements)],
        capture_output=True,
        text=True,
    )
    requirements.unlink()
    if run.returncode:
        raise RuntimeError(f"pip download: {run.stderr}")


def find_differences(wheel: Path, package: ZipFile) -> Iterator[str]:
    """The files of a wheel that a package has otherwise, or doesn't have."""
    there = set(package.namelist())
    with ZipFile(wheel) as one:
        for name in one.namelist():
            if not name.endswith("/") and (name not in there or one.read(name) != package.read(name)):
                yield name
