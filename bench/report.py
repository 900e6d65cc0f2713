"""Shared by the benchmarks: turns, medians, tables, and files of results."""

import json
import os
import platform
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def describe_run() -> dict[str, Any]:
    """The conditions of a run; `load` is the average number of running processes in the last minute, ours included."""
    return {
        "python": platform.python_version(),
        "platform": f"{sys.platform}-{platform.machine()}",
        "cpus": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
    }


def measure_in_turns(
    turns: int, ways: Mapping[str, Callable[[], object]], clock: Callable[[], float]
) -> dict[str, list[float]]:
    """Milliseconds of each way by `clock`, `turns` times, after a first turn that doesn't count."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(turns + 1):
        for name, run in ways.items():
            started = clock()
            run()
            taken[name].append((clock() - started) * 1000)
    return {name: times[1:] for name, times in taken.items()}


def median_ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of the ratios of two series that ran in turns."""
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


def format_table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Aligned columns: the first to the left, the others to the right."""
    cells = [[str(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    )


def verdict(value: float, target: float, unit: str = "") -> str:
    """A figure and its target."""
    return f"{value:.2f}{unit} (target: at most {target:g}{unit}{'' if value <= target else ', MISSED'})"


def write_results(name: str, results: Mapping[str, Any]) -> None:
    """Keep the results as JSON."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(rounded(results), indent=2) + "\n")


def rounded(results: Mapping[str, Any]) -> Any:
    """Results with four digits after the point: more would be noise in every diff."""
    return json.loads(json.dumps(results), parse_float=lambda text: round(float(text), 4))
