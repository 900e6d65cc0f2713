"""Requirements pinned with the hash of every file: `requirements*.txt`, from what `requirements*.in` ask for.

    python -m infra.locks [--upgrade]

What is pinned stays as it is while it fits; `--upgrade` takes the newest of everything.
"""

import argparse
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parent.parent
NAMES = (
    "requirements",
    "requirements-local",
    "requirements-dev",
    "requirements-bench",
    "requirements-engine",
    "requirements-checks",
)
"""In this order: what is in one is pinned alike in the next that has it too."""
OPTIONS = (
    "--quiet",
    "--no-config",
    "--universal",
    "--python-version=3.11",
    "--generate-hashes",
    "--no-strip-extras",
    "--annotation-style=line",
    "--custom-compile-command=make lock",
)


def checks_tool(name: str) -> str:
    """A tool from the virtual environment of the checks, which stands inside ours."""
    return str(Path(sys.prefix, "checks", "bin", name))


def write_locks(directory: Path, options: Sequence[str] = ()) -> None:
    """Write the files of pins in a directory from the files beside them."""
    for name in NAMES:
        command = [checks_tool("uv"), "pip", "compile", *OPTIONS, *options, f"{name}.in", "-o", f"{name}.txt"]
        subprocess.run(command, cwd=directory, check=True)


def find_stale(root: Path = ROOT) -> list[str]:
    """The files of pins that aren't what their sources come to."""
    with TemporaryDirectory() as directory:
        copy = Path(directory)
        for file in root.glob("requirements*"):
            shutil.copy(file, copy)
        write_locks(copy)
        return [f"{name}.txt" for name in NAMES if not same(root / f"{name}.txt", copy / f"{name}.txt")]


def same(one: Path, other: Path) -> bool:
    return one.read_bytes() == other.read_bytes()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--upgrade", action="store_true", help="take the newest of everything")
    write_locks(ROOT, ["--upgrade"] if parser.parse_args().upgrade else [])


if __name__ == "__main__":
    main()
