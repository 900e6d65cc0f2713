"""The check of a deployment package finds its faults."""

from pathlib import Path
from zipfile import ZipFile

import pytest

from infra import artefacts
from infra.artefacts import describe_package, find_problems

ARM, INTEL = 183, 62
HASH = "--hash=sha256:" + "0" * 64


def make_zip(file: Path, members: dict[str, bytes]) -> Path:
    with ZipFile(file, "w") as made:
        for name, content in members.items():
            made.writestr(name, content)
    return file


def elf(machine: int) -> bytes:
    return b"\x7fELF" + bytes(14) + machine.to_bytes(2, "little") + bytes(100)


def wheel(name: str, version: str, files: dict[str, bytes]) -> dict[str, bytes]:
    """The files of a package, with the metadata of its wheel."""
    info = f"{name}-{version}.dist-info"
    record = "".join(f"{file},sha256=x,1\n" for file in (*files, f"{info}/METADATA", f"{info}/RECORD"))
    return {**files, f"{info}/METADATA": f"Name: {name}\n".encode(), f"{info}/RECORD": record.encode()}


WHEELS = {
    "app.py": b"app",
    "chalicelib/rooms.py": b"rooms",
    **wheel("six", "1.17.0", {"six.py": b"six" * 50, "six-1.17.0.data/scripts/six": b"six"}),
    **wheel("pydantic_core", "2.50.4", {"pydantic_core/core.so": elf(ARM)}),
}


def test_a_package_of_the_pinned_libraries_has_no_faults(tmp_path: Path) -> None:
    file = make_zip(tmp_path / "package.zip", WHEELS)

    described = describe_package(file, "arm64", {"six", "pydantic-core"})

    assert find_problems(described) == []
    assert described["shared_libraries"] == 1
    assert described["zip_mb"] == file.stat().st_size / 1_000_000
    assert described["unzipped_mb"] == sum(map(len, WHEELS.values())) / 1_000_000
    biggest = {one["package"]: one["unzipped_mb"] * 1_000_000 for one in described["biggest"]}
    six = sum(len(content) for name, content in WHEELS.items() if name.startswith("six"))
    assert biggest["six"] == pytest.approx(six)
    assert set(biggest) == {"six", "pydantic-core", "app.py", "chalicelib"}


def test_unwanted_and_missing_files_are_found(tmp_path: Path) -> None:
    surplus = {"tests/test_rooms.py": b"", ".env": b"", "lib/libx.so.1": elf(INTEL), "lib/text.so": b"no library"}
    surplus |= {"six/tests/data.json": b"", "six/attests/x.py": b"", "six/test.py": b""}
    file = make_zip(tmp_path / "package.zip", WHEELS | surplus)

    described = describe_package(file, "arm64", {"six", "botocore"})

    found = {name: described[name] for name in ("for_another_machine", "not_asked_for", "missing", "tests")}
    assert found == {
        "for_another_machine": ["lib/libx.so.1", "lib/text.so"],
        "not_asked_for": [".env", "lib", "pydantic-core", "tests"],
        "missing": ["botocore"],
        "tests": ["tests/test_rooms.py", "six/tests/data.json"],
    }
    problems = find_problems(described)
    assert {problem.partition(": ")[2] for problem in problems} == {one for listed in found.values() for one in listed}
    assert "not asked for: .env" in problems


@pytest.mark.parametrize(("megabytes", "problems"), [(30.0, []), (30.1, ["30.1 MB, of 30 at most"])])
def test_a_package_over_30_mb_is_a_fault(megabytes: float, problems: list[str]) -> None:
    assert find_problems({"zip_mb": megabytes}) == problems


def test_pins_for_this_python_are_read_with_their_hashes() -> None:
    text = (
        f"# what for\nPyJWT[crypto]==2.15.1 \\\n    {HASH}\n    # via here\ntyping_extensions==4.16.0  # via there\n"
        f"one==1 ; python_full_version < '3.11' \\\n    {HASH}\ntwo==2 ; sys_platform != 'win32' \\\n    {HASH}\n"
    )

    pins = artefacts.read_pins(text)

    assert set(pins) == {"pyjwt", "typing-extensions", "two"}
    assert HASH in pins["pyjwt"]


def test_files_that_differ_from_the_pinned_wheels_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = make_zip(tmp_path / "package.zip", {"app.py": b"", "a/same.py": b"1", "a/other.py": b"1"})
    wheels = {"aarch64": tmp_path / "wheels"}
    wheels["aarch64"].mkdir()
    make_zip(tmp_path / "wheels" / "a.whl", {"a/": b"", "a/same.py": b"1", "a/other.py": b"2", "a/missing.py": b"1"})
    monkeypatch.setattr(artefacts, "gather_wheels", wheels.__getitem__)

    assert artefacts.find_unpinned(package, "arm64") == ["a/other.py", "a/missing.py"]
