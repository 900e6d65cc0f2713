"""Bytecode for the deployed functions: without it, Lambda compiles some 500 modules at each cold start.

    python -m infra.bytecode

Chalice packs sources only, and Lambda can't store what it compiles. So the bytecode of the libraries that the functions
import goes into `vendor/`, which Chalice packs as it is; our own bytecode goes beside its source. The next
`chalice deploy` or `chalice package` includes both.

Old bytecode does no harm: it names the hash of its source, and Python compiles a changed source again.
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
AS_ON_LAMBDA = {
    "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "nobody",
    "AWS_SECRET_ACCESS_KEY": "nobody",
}
"""With these, the functions prepare for their first event as they do on Lambda. No request is sent."""
LIST_IMPORTS = """
import json, sys
sys.path.insert(0, sys.argv[1])
import app
files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
print(json.dumps(sorted(file for file in files if file and file.endswith(".py"))))
"""


def compile_imports(root: Path = ROOT) -> int:
    """Compile the modules that the functions of the app in `root` import, and return their number."""
    vendor = root / "vendor"
    forget(vendor)
    libraries = find_libraries(list_imports(root))
    for source, inside in libraries.items():
        compile_source(source, inside, vendor / inside)
    own = sorted((root / "chalicelib").rglob("*.py"))
    for source in own:
        compile_source(source, source.relative_to(root), source)
    return len(libraries) + len(own)


def forget(vendor: Path) -> None:
    """Remove the bytecode of an earlier run; other files in `vendor/` stay."""
    for cache in list(vendor.rglob("__pycache__")):
        shutil.rmtree(cache)


def list_imports(root: Path) -> set[Path]:
    """The source files that the function for HTTP imports at its start; the other functions import no others."""
    command = [sys.executable, "-I", "-c", LIST_IMPORTS, str(root)]
    environment = {**os.environ, **AS_ON_LAMBDA, "_HANDLER": "app.app"}
    listed = subprocess.run(command, env=environment, check=True, capture_output=True).stdout
    return {Path(file) for file in json.loads(listed.splitlines()[-1])}


def find_libraries(sources: Iterable[Path]) -> Mapping[Path, Path]:
    """The source files of installed packages, and their paths in the functions' package."""
    installed = [source for source in sources if "site-packages" in source.parts]
    return {source: Path(str(source).rpartition("/site-packages/")[2]) for source in installed}


def compile_source(source: Path, name: Path, beside: Path) -> None:
    """Write the bytecode of a source file to the place where Python looks if the source is at `beside`."""
    target = cache_from_source(str(beside))
    py_compile.compile(str(source), target, str(name), doraise=True, invalidation_mode=PycInvalidationMode.CHECKED_HASH)


def main() -> None:
    print(f"Compiled {compile_imports()} modules")


if __name__ == "__main__":
    main()
