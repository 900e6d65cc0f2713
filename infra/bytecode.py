"""Bytecode for what is deployed: functions start in half the time where Lambda needn't compile what they import.

    python -m infra.bytecode

Chalice packs sources only, and Lambda can't keep what it compiles from them, so that every new process compiles some
500 modules before it sees its first event. But what stands in `vendor/` Chalice packs as it is: there the bytecode of
what the functions import goes, and the next `chalice deploy` or `chalice package` takes it along. Ours goes beside its
source, which Chalice packs whole.

It is safe to forget: bytecode names the hash of its source, and Python compiles anew where that has changed.
"""

import json
import os
import py_compile
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from importlib.util import cache_from_source
from pathlib import Path
from py_compile import PycInvalidationMode

ROOT = Path(__file__).parent.parent
FUNCTIONS = ("app", "websocket_connect", "websocket_message", "websocket_disconnect", "sweep")
AS_ON_LAMBDA = {
    "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "nobody",
    "AWS_SECRET_ACCESS_KEY": "nobody",
}
"""Functions prepare themselves for their first event; nothing is called with these."""
LIST_IMPORTS = """
import json, sys
sys.path.insert(0, sys.argv[1])
import app
files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
print(json.dumps(sorted(file for file in files if file and file.endswith(".py"))))
"""


def compile_imports(root: Path = ROOT) -> int:
    """Compile what the functions of the app in `root` import, and return how many modules that are."""
    vendor = root / "vendor"
    forget(vendor)
    sources = set[Path]().union(*(list_imports(root, function) for function in FUNCTIONS))
    libraries = find_libraries(sources)
    for source, inside in libraries.items():
        compile_source(source, inside, vendor / inside)
    own = sorted((root / "chalicelib").rglob("*.py"))
    for source in own:
        compile_source(source, source.relative_to(root), source)
    return len(libraries) + len(own)


def forget(vendor: Path) -> None:
    """Remove the bytecode of an earlier run, and nothing else that may stand there."""
    for cache in list(vendor.rglob("__pycache__")):
        shutil.rmtree(cache)


def list_imports(root: Path, function: str) -> set[Path]:
    """The source files that a function imports as it starts."""
    command = [sys.executable, "-I", "-c", LIST_IMPORTS, str(root)]
    environment = {**os.environ, **AS_ON_LAMBDA, "_HANDLER": f"app.{function}"}
    listed = subprocess.run(command, env=environment, check=True, capture_output=True).stdout
    return {Path(file) for file in json.loads(listed.splitlines()[-1])}


def find_libraries(sources: Iterable[Path]) -> Mapping[Path, Path]:
    """Those of the files that come from installed packages, and where in the package of the functions they go."""
    found = {}
    for source in sources:
        if "site-packages" in source.parts:
            at = len(source.parts) - source.parts[::-1].index("site-packages")
            found[source] = Path(*source.parts[at:])
    return found


def compile_source(source: Path, name: Path, beside: Path) -> None:
    """Write the bytecode of a source file where Python would look for it if the source were at `beside`."""
    target = cache_from_source(str(beside))
    py_compile.compile(str(source), target, str(name), doraise=True, invalidation_mode=PycInvalidationMode.CHECKED_HASH)


def main() -> None:
    print(f"Compiled {compile_imports()} modules")


if __name__ == "__main__":
    main()
