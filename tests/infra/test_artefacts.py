"""What is found in a package."""

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


WHEEL = {
    "app.py": b"app",
    "chalicelib/rooms.py": b"rooms",
    "six.py": b"six" * 50,
    "six-1.17.0.dist-info/RECORD": b"six.py,sha256=x,1\nsix-1.17.0.dist-info/RECORD,,\n",
    "six-1.17.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nTag: py2-none-any\nTag: py3-none-any\n",
    "pydantic_core/core.so": elf(ARM),
    "pydantic_core-2.50.4.dist-info/RECORD": b"pydantic_core/core.so,sha256=x,1\n",
    "pydantic_core-2.50.4.dist-info/WHEEL": b"Wheel-Version: 1.0\nTag: cp311-cp311-manylinux_2_17_aarch64\n",
}


def test_a_package_of_what_was_asked_for_has_nothing_to_complain_about(tmp_path: Path) -> None:
    file = make_zip(tmp_path / "package.zip", WHEEL)

    described = describe_package(file, "arm64", {"six", "pydantic-core"})

    assert find_problems(described) == []
    assert described["shared_libraries"] == 1
    assert described["zip_mb"] == file.stat().st_size / 1_000_000
    assert described["unzipped_mb"] == sum(map(len, WHEEL.values())) / 1_000_000
    biggest = {one["package"]: one["unzipped_mb"] * 1_000_000 for one in described["biggest"]}
    six = sum(len(content) for name, content in WHEEL.items() if name.startswith("six"))
    assert biggest["six"] == pytest.approx(six)
    assert set(biggest) == {"six", "pydantic-core", "app.py", "chalicelib"}


def test_a_library_for_another_machine_is_found(tmp_path: Path) -> None:
    file = make_zip(tmp_path / "package.zip", WHEEL | {"lib/libx.so.1": elf(INTEL), "lib/text.so": b"no library"})

    described = describe_package(file, "arm64", set())

    assert described["for_another_machine"] == ["lib/libx.so.1", "lib/text.so"]


def test_what_nobody_asked_for_and_what_is_missing_are_found(tmp_path: Path) -> None:
    file = make_zip(tmp_path / "package.zip", WHEEL | {"tests/test_rooms.py": b"", ".env": b""})

    described = describe_package(file, "arm64", {"six", "botocore"})

    assert described["not_asked_for"] == [".env", "pydantic-core", "tests"]
    assert described["missing"] == ["botocore"]
    assert find_problems(described) == [
        "not asked for: .env",
        "not asked for: pydantic-core",
        "not asked for: tests",
        "missing: botocore",
        "tests: tests/test_rooms.py",
    ]


def test_tests_that_a_library_brings_are_found(tmp_path: Path) -> None:
    file = make_zip(tmp_path / "package.zip", {"six/tests/data.json": b"", "six/attests/x.py": b"", "six/test.py": b""})

    assert describe_package(file, "arm64", set())["tests"] == ["six/tests/data.json"]


@pytest.mark.parametrize(("megabytes", "problems"), [(30.0, []), (30.1, ["30.1 MB, of 30 at most"])])
def test_a_package_has_a_size_that_it_may_have(megabytes: float, problems: list[str]) -> None:
    assert find_problems({"zip_mb": megabytes}) == problems


def test_pins_are_read_with_their_hashes() -> None:
    text = f"# what for\nPyJWT[crypto]==2.15.1 \\\n    {HASH}\n    # via here\ntyping_extensions==4.16.0  # via there\n"

    pins = artefacts.read_pins(text)

    assert set(pins) == {"pyjwt", "typing-extensions"}
    assert HASH in pins["pyjwt"]


def test_pins_for_other_pythons_are_left_out() -> None:
    text = f"one==1 ; python_full_version < '3.11' \\\n    {HASH}\ntwo==2 ; sys_platform != 'win32' \\\n    {HASH}\n"

    assert set(artefacts.read_pins(text)) == {"two"}


def test_what_was_built_for_one_machine_is_known_by_its_tags(tmp_path: Path) -> None:
    with ZipFile(make_zip(tmp_path / "package.zip", WHEEL)) as package:
        assert artefacts.find_native(package) == {"pydantic-core": [["cp311", "cp311", "manylinux_2_17_aarch64"]]}


def test_files_that_are_not_those_of_the_wheel_are_found(tmp_path: Path) -> None:
    package = make_zip(tmp_path / "package.zip", {"app.py": b"", "a/same.py": b"1", "a/other.py": b"1"})
    wheel = make_zip(tmp_path / "a.whl", {"a/": b"", "a/same.py": b"1", "a/other.py": b"2", "a/missing.py": b"1"})

    with ZipFile(package) as opened:
        assert list(artefacts.find_differences(wheel, opened)) == ["a/other.py", "a/missing.py"]


def test_what_is_not_pinned_at_all_is_left_to_the_list_of_what_nobody_asked_for(tmp_path: Path) -> None:
    assert artefacts.find_unpinned(make_zip(tmp_path / "package.zip", WHEEL), {}) == []
