"""A copy of this checkout with a stage `local` for the emulator, so that nothing here is touched."""

import hashlib
import json
import platform
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from infra import policies
from infra.deploy.target import ROOT, DeployError

STAGE, MODEL = "local", "dev"
"""Ours is as that one in all but its name, the machine, and what only the emulator needs."""
PREFIX = "coworking-local-"
GLIBC_MINORS = range(17, 27)
"""What Chalice accepts for every version of Python."""
COPIED = ("app.py", "seed.py", "requirements.txt", "chalicelib", "infra", ".chalice")
MACHINES = {"aarch64": "arm64", "arm64": "arm64", "x86_64": "x86_64", "AMD64": "x86_64"}


def copy_project(to: Path, connections: str) -> None:
    """Copy what is deployed, and give it the stage."""
    ignored = shutil.ignore_patterns("__pycache__", "deployed", "deployments")
    for name in COPIED:
        if (source := ROOT / name).is_dir():
            shutil.copytree(source, to / name, ignore=ignored)
        else:
            shutil.copy2(source, to / name)
    file = to / ".chalice" / "config.json"
    config = json.loads(file.read_text("utf-8"))
    stage = json.loads(json.dumps(config["stages"][MODEL]).replace(MODEL, STAGE))
    stage["environment_variables"] |= {"CONNECTIONS_ENDPOINT": connections}
    stage["lambda_architecture"] = MACHINES[platform.machine()]
    file.write_text(json.dumps(config | {"stages": {STAGE: stage}}, indent=2), "utf-8")
    policies.write(to / ".chalice")


def change_version(project: Path, version: str) -> None:
    """Make it another checkout: with another version for `healthz` to tell, and never deployed from."""
    shutil.rmtree(project / ".chalice" / "deployed")
    file = project / "chalicelib" / "__init__.py"
    lines = file.read_text("utf-8").splitlines()
    changed = [f'__version__ = "{version}"' if line.startswith("__version__") else line for line in lines]
    file.write_text("\n".join(changed) + "\n", "utf-8")


def gather_wheels() -> Path:
    """The wheels for the package of this machine's architecture, downloaded the first time, and kept with the venv.

    Chalice would download them for each package anew, and twice in a rehearsal.
    """
    requirements = ROOT / "requirements.txt"
    name = hashlib.sha256(requirements.read_bytes()).hexdigest()[:16]
    wheels = Path(sys.prefix) / "wheels" / f"{sys.implementation.cache_tag}-{name}"
    if not wheels.exists():
        wheels.parent.mkdir(exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=wheels.parent))
        download_wheels(requirements, fresh)
        with suppress(FileExistsError, OSError):  # somebody else was faster
            fresh.rename(wheels)
    return wheels


def download_wheels(requirements: Path, to: Path) -> None:
    """Those that Chalice would choose: what runs on Lambda, whatever this machine could run besides.

    Raises:
        DeployError: pip couldn't.
    """
    tags = [f"--platform=manylinux_2_{minor}_{platform.machine()}" for minor in GLIBC_MINORS]
    tags.append(f"--platform=manylinux2014_{platform.machine()}")
    command = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--only-binary=:all:"]
    done = subprocess.run([*command, *tags, "-r", requirements, "-d", to], capture_output=True, text=True, check=False)
    if done.returncode:
        raise DeployError(
            f"pip could not download the packages: {done.stderr.strip()}", "Mend that, and rehearse again"
        )
