"""The client library on the local stack, which imitates the faults of AWS."""

import re
import uuid
from pathlib import Path

import pytest

from infra.local.stack import LocalStack
from tests.fakes.clients import Api
from tests.fakes.documents import Document
from tests.fakes.node import WEB, run_node

(EXAMPLE,) = Document("docs/sdk.md").blocks("js", "Twenty lines")


def test_the_example_works_and_has_twenty_lines(api: Api, tmp_path: Path) -> None:
    assert len([line for line in EXAMPLE.splitlines() if line]) <= 20
    olga = api.person("Olga")
    room = olga.make_room(name=f"Night Owls {uuid.uuid4()}")
    olga.join(room["id"])
    olga.say(room["id"], "Tea?")
    code, replaced = re.subn("http://localhost:8000", api.stack.url, EXAMPLE)
    code, imported = re.subn(r'(?m)^(import .*)"\./sdk/index\.js"', rf'\1"{WEB}/../../web/sdk/index.js"', code)
    assert (replaced, imported) == (2, 1)
    (tmp_path / "example.mjs").write_text(code, "utf-8")
    run = run_node(tmp_path / "example.mjs", room["name"])
    assert run.returncode == 0, run.stderr
    assert {"Olga: Tea?", "Ada: Hello, everybody", "ended: left"} <= set(run.stdout.splitlines())


def test_all_see_the_same_changes_of_messages(stack: LocalStack, api: Api) -> None:
    room = api.person("Olga").make_room()["id"]
    tokens = [stack.token(f"change-{name}", name) for name in ("Ada", "Grace", "Linus", "Olga")]
    run = run_node("change.js", stack.url, room, *tokens)
    assert run.returncode == 0, run.stderr


def test_moderators_act_through_the_library(stack: LocalStack) -> None:
    run = run_node("moderate.js", stack.url, stack.token("mod-ada", "Ada"), stack.token("mod-grace", "Grace"))
    assert run.returncode == 0, run.stderr


@pytest.mark.proof
def test_messages_arrive_once_and_in_order_despite_faults(stack: LocalStack, api: Api) -> None:
    """Frames are late, overtake each other, come twice, or are lost."""
    room = api.person("Olga").make_room()["id"]
    stack.plan_faults(seed=4, frame_delay=[0, 120], run_twice=0.1, post_status={"500": 0.1})
    try:
        run = run_node("talk.js", stack.url, room, stack.token("ada", "Ada"), stack.token("grace", "Grace"))
    finally:
        stack.plan_faults()
    assert run.returncode == 0, run.stderr
