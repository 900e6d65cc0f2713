"""Python uses the bytecode that a deployment contains, unless the source has changed."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infra.bytecode import compile_imports, find_libraries


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose app imports a library and a module of its own."""
    root = tmp_path / "project"
    (root / "chalicelib").mkdir(parents=True)
    (root / "app.py").write_text("import jmespath\nfrom chalicelib import words\nprint(words.WORD)\n")
    (root / "chalicelib" / "__init__.py").touch()
    (root / "chalicelib" / "words.py").write_text("WORD = 'hello'\n")
    return root


def pack(project: Path) -> Path:
    """Make the files of a function on Lambda as Chalice does: libraries, the app, and then `vendor/`."""
    task = project.parent / "task"
    origin = importlib.util.find_spec("jmespath")
    assert origin is not None
    assert origin.origin is not None
    shutil.copytree(Path(origin.origin).parent, task / "jmespath", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(project / "app.py", task)
    shutil.copytree(project / "chalicelib", task / "chalicelib")
    shutil.copytree(project / "vendor", task, dirs_exist_ok=True)
    return task


def start(task: Path) -> tuple[str, list[str]]:
    """Import the app; returns its output, and the lines of `python -v` on the origin of its modules."""
    source = f"import sys; sys.path.insert(0, {str(task)!r}); import app"
    done = subprocess.run([sys.executable, "-I", "-S", "-B", "-v", "-c", source], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip(), [line for line in done.stderr.splitlines() if str(task) in line]


def test_bytecode_is_used_until_its_source_changes(project: Path) -> None:
    old = project / "vendor" / "jmespath" / "__pycache__" / "old.pyc"
    old.parent.mkdir(parents=True)
    old.touch()
    (project / "vendor" / "wheel.py").touch()

    compile_imports(project)
    task = pack(project)
    library, ours = task / "jmespath" / "__init__.py", task / "chalicelib" / "words.py"

    assert not old.exists()
    assert (task / "wheel.py").exists(), "other files in vendor stay"
    said, lines = start(task)
    assert said == "hello"
    assert {line.split(" matches ")[1] for line in lines if " matches " in line} >= {str(library), str(ours)}
    compiled = [line for line in lines if "code object from" in line and line.endswith(".py")]
    assert compiled == [f"# code object from {task / 'app.py'}"]

    ours.write_text("WORD = 'HELLO'\n")
    library.write_text(library.read_text() + "\nprint('changed')\n")
    assert start(task)[0].split() == ["changed", "HELLO"]


def test_only_installed_packages_go_into_vendor() -> None:
    sources = [Path("/usr/lib/python3.11/json/__init__.py"), Path("/venv/lib/python3.11/site-packages/six.py")]

    assert find_libraries(sources) == {sources[1]: Path("six.py")}


def test_a_failing_import_stops_the_compilation(project: Path) -> None:
    (project / "app.py").write_text("import nothing_of_this_name\n")

    with pytest.raises(subprocess.CalledProcessError):
        compile_imports(project)
