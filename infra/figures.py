"""Print the sizes of the code and their limits: `make figures`."""

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = "chalicelib"
SOURCES = {".py", ".js", ".ts", ".md", ".html"}


def list_files() -> list[Path]:
    """All tracked files, relative to the root."""
    found = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True)
    return [Path(line) for line in found.stdout.splitlines() if (ROOT / line).is_file()]


def count_lines(files: list[Path], *suffixes: str) -> int:
    """The lines of all files with these endings."""
    chosen = [file for file in files if file.suffix in suffixes]
    return sum(len((ROOT / file).read_bytes().splitlines()) for file in chosen)


def list_rooms(files: list[Path]) -> list[str]:
    """The folders and modules directly in the package."""
    parts = {file.parts[1].removesuffix(".py") for file in files if file.parts[0] == PACKAGE and file.suffix == ".py"}
    return sorted(parts - {"__init__"})


def list_arrows(files: list[Path]) -> set[tuple[str, str]]:
    """The imports between the folders and modules of the package."""
    rooms = set(list_rooms(files))
    arrows = set()
    for file in files:
        if file.parts[0] == PACKAGE and file.suffix == ".py":
            own = file.parts[1].removesuffix(".py")
            arrows |= {(own, room) for room in _imported(file) if room in rooms and room != own}
    return arrows


def _imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse((ROOT / file).read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (name.split(".")[1] for name in names if name.startswith(f"{PACKAGE}."))


def list_upward(arrows: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Arrows that are part of a circle."""
    reach = set(arrows)
    while more := {(a, d) for a, b in reach for c, d in reach if b == c} - reach:
        reach |= more
    return {(a, b) for a, b in arrows if (b, a) in reach}


def function_lengths(files: list[Path]) -> list[int]:
    """The lines of every function of the package, docstrings included, in ascending order."""
    trees = [ast.parse((ROOT / file).read_text("utf-8")) for file in files if file.parts[0] == PACKAGE]
    found = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return sorted((node.end_lineno or node.lineno) - node.lineno + 1 for node in found)


def naming(files: list[Path], word: str) -> list[Path]:
    """The source files and documents outside of tests that name a word."""
    own = Path(__file__).relative_to(ROOT)
    chosen = [file for file in files if file.suffix in SOURCES and file.parts[0] != "tests" and file != own]
    return [file for file in chosen if word in (ROOT / file).read_text("utf-8")]


def main() -> None:
    """Print one line for each figure: what, how much, and the goal."""
    files = list_files()
    arrows = list_arrows(files)
    lengths = function_lengths([file for file in files if file.suffix == ".py"])
    code = (".py", ".js", ".ts", ".css", ".html", ".yaml")
    rows: list[tuple[str, object, str]] = [
        ("folders and modules of chalicelib", len(list_rooms(files)), "about 15"),
        ("imports between them", len(arrows), "under 70"),
        ("imports that form a circle", len(list_upward(arrows)), "0"),
        ("files that name is_speaking, without tests", len(naming(files, "is_speaking")), "10 at most"),
        ("tracked files at the root", sum(len(file.parts) == 1 for file in files), "12 at most"),
        ("lines of functions: median, 90 %, longest", _spread(lengths), "9, 20, 60"),
    ]
    goals = {"chalicelib": "", "infra": "5,500 at most", "bench": "1,800 at most", "web": "", "tests": "24,000 at most"}
    for folder, goal in goals.items():
        own = [file for file in files if file.parts[0] == folder]
        rows.append((f"lines of {folder}", f"{count_lines(own, *code):,}", goal))
    for what, figure, goal in rows:
        print(f"{what:45} {figure!s:>12}   {goal}")
    for file in naming(files, "is_speaking"):
        print(f"  is_speaking: {file}")


def _spread(lengths: list[int]) -> str:
    return f"{lengths[len(lengths) // 2]}, {lengths[len(lengths) * 9 // 10]}, {lengths[-1]}"


if __name__ == "__main__":
    main()
