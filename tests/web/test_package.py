"""The client library as an npm package: its files, its licence, its types and their comments."""

import json
import re
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.fakes.node import BIN, ENVIRONMENT, run_node
from tests.web.declarations import SDK, TSC

LICENSE = SDK.parent.parent / "LICENSE"
PACKAGE = json.loads((SDK / "package.json").read_text("utf-8"))
TYPES = ("public.d.ts", *(f"types/{name}.d.ts" for name in ("errors", "index", "voice")))
DECLARED = re.compile(
    r"(?:export (?:declare )?(?:type \w|interface|class|const|function)| {2,4}(?:readonly |get )?\w+[?(<:])"
)
TEXT = re.compile(r' +readonly \w+: ".*";')
"""A reason, whose text is its type."""
ENTRIES = """
const { Coworking, CoworkingError, NetworkError, REASONS } = await import("coworking-rooms");
const { Voice, MicrophoneError } = await import("coworking-rooms/voice");
new Coworking({ api: "https://rooms.example/api", token: () => "" });
console.log([CoworkingError, NetworkError, MicrophoneError, Voice].map(({ name }) => name).join(" "));
console.log(REASONS.timeout);
"""
STRICT = """
import { Coworking, CoworkingError, type Code, type Frame, type Pending, type RoomEvents } from "coworking-rooms";
import { Voice, type VoiceState } from "coworking-rooms/voice";
export type Shown = [Frame, Pending, VoiceState];
export async function use(error: CoworkingError): Promise<Code> {
  const room = await new Coworking({ api: "", token: () => "" }).enter("1");
  room.on("ended", (ended: RoomEvents["ended"]) => ended.code === "room_closed");
  // @ts-expect-error there is no such code
  if (error.code === "room_ful") return error.code;
  return new Voice(room).state.muted ? "muted" : "left";
}
"""


def find_undocumented(text: str) -> list[str]:
    """The declarations without a comment above them."""
    lines = text.splitlines()
    pairs = zip(["", *lines], lines, strict=False)
    return [line for above, line in pairs if DECLARED.match(line) and not TEXT.match(line) and not above.endswith("*/")]


@pytest.mark.parametrize("path", TYPES)
def test_every_public_symbol_has_a_comment(path: str) -> None:
    assert find_undocumented((SDK / path).read_text("utf-8")) == []


def test_a_missing_comment_is_found() -> None:
    text = "/** A. */\nexport interface A {\n  /** B. */\n  b: string;\n  c(): void;\n}\nexport type D = string;\n"
    assert find_undocumented(text) == ["  c(): void;", "export type D = string;"]


def test_the_package_has_its_files_and_licence() -> None:
    entries = [path for entry in PACKAGE["exports"].values() if isinstance(entry, dict) for path in entry.values()]
    old = [path for paths in PACKAGE["typesVersions"]["*"].values() for path in paths]
    named = {*entries, *old, PACKAGE["main"], PACKAGE["types"], "README.md"}
    assert {path for path in named if not (SDK / path).exists()} == set()
    assert (SDK / "LICENSE").read_text("utf-8") == LICENSE.read_text("utf-8")
    assert (PACKAGE["license"], PACKAGE["sideEffects"], PACKAGE["engines"]) == ("MIT", False, {"node": ">=22"})


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory where programs import the package by its name: only what npm puts into it."""
    directory = tmp_path_factory.mktemp("package")
    command = [str(BIN / "npm"), "pack", str(SDK), "--silent", "--pack-destination", str(directory)]
    packed = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=True)
    with tarfile.open(directory / packed.stdout.strip()) as archive:
        archive.extractall(directory, filter="data")
    (directory / "node_modules").mkdir()
    (directory / "package").rename(directory / "node_modules" / PACKAGE["name"])
    return directory


def test_node_imports_the_package_by_its_name(place: Path) -> None:
    program = place / "entries.mjs"
    program.write_text(ENTRIES, "utf-8")
    run = run_node(program)
    assert run.stdout.splitlines() == [
        "CoworkingError NetworkError MicrophoneError Voice",
        "There was no answer in time",
    ], run.stderr


def test_strict_types_find_a_misspelt_code(place: Path) -> None:
    program = place / "strict.mts"
    program.write_text(STRICT, "utf-8")
    options = ("--strict", "--noEmit", "--target", "es2024", "--module", "nodenext", "--types", "node")
    run = run_node(TSC, "--ignoreConfig", *options, program)
    assert run.returncode == 0, run.stdout
