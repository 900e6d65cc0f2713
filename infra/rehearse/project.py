"""A copy of this checkout with a stage `local` for the emulator, so that the checkout itself isn't changed."""

import json
import platform
import shutil
from pathlib import Path

from infra import policies
from infra.deploy.target import ROOT

STAGE, MODEL = "local", "dev"
"""The stage is a copy of MODEL with another name, this machine's architecture, and the emulator's address."""
PREFIX = "coworking-local-"
GLIBC_MINORS = range(17, 27)
"""What Chalice accepts for every version of Python."""
COPIED = ("app.py", "seed.py", "requirements.txt", "chalicelib", "infra", ".chalice")
MACHINES = {"aarch64": "arm64", "arm64": "arm64", "x86_64": "x86_64", "AMD64": "x86_64"}


def copy_project(to: Path, connections: str) -> None:
    """Copy what is deployed, and add the stage."""
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
    """Turn the copy into another checkout: with another version, and without a record of a deployment."""
    shutil.rmtree(project / ".chalice" / "deployed")
    file = project / "chalicelib" / "__init__.py"
    lines = file.read_text("utf-8").splitlines()
    changed = [f'__version__ = "{version}"' if line.startswith("__version__") else line for line in lines]
    file.write_text("\n".join(changed) + "\n", "utf-8")
