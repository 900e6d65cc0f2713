"""Pin all dependencies of `pyproject.toml`, with the hash of each file.

    python -m infra.locks [--upgrade]

A pinned version stays as it is while it fits; `--upgrade` takes the newest of each. The lock files name no package
index, so they can be used with any mirror.
"""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parent.parent
UV = str(Path(sys.prefix, "bin", "uv"))
LOCKS = {
    "requirements/lock.txt": ("pyproject.toml", "--group=dev", "--group=deploy"),
    "requirements/engine.txt": ("--group=engine",),
    "requirements/checks.txt": ("--group=checks",),
    "requirements/generators.txt": ("--group=generators",),
    "requirements/uv.txt": ("--group=uv",),
    "requirements.txt": ("pyproject.toml", "--constraint=requirements/lock.txt"),
}
"""What is pinned in each file. The last one is for `chalice package`: the functions' part of the first."""
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


def write_locks(directory: Path, options: Sequence[str] = ()) -> None:
    """Write the lock files in a directory from the `pyproject.toml` there."""
    for name, source in LOCKS.items():
        command = [UV, "pip", "compile", *OPTIONS, *options, *source, f"--output-file={name}"]
        subprocess.run(command, cwd=directory, check=True)


def find_stale(root: Path = ROOT) -> list[str]:
    """The lock files that `make lock` would change."""
    with TemporaryDirectory() as directory:
        copy = Path(directory)
        (copy / "requirements").mkdir()
        for name in ("pyproject.toml", *LOCKS):
            shutil.copy(root / name, copy / name)
        write_locks(copy)
        return [name for name in LOCKS if (root / name).read_bytes() != (copy / name).read_bytes()]


if __name__ == "__main__":
    write_locks(ROOT, sys.argv[1:])
