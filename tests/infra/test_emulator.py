"""The emulator behaves like AWS where MiniStack alone does not."""

import io
import json
import os
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from infra.deploy.target import Target

pytestmark = pytest.mark.proof

SLOW_TO_START = """
import os

open(os.environ["ONCE"], "x").close()
with open(os.environ["BEGUN"], "w") as begun:
    begun.write("begun")
with open(os.environ["GO_ON"]) as go_on:
    go_on.readline()


def answer(event, context):
    return "answered"
"""


def pack(source: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as package:
        package.writestr("slow.py", source)
    return data.getvalue()


def test_a_changed_function_finishes_its_running_calls(target: Target, tmp_path: Path) -> None:
    files = {name: str(tmp_path / name) for name in ("ONCE", "BEGUN", "GO_ON")}
    os.mkfifo(files["BEGUN"])
    os.mkfifo(files["GO_ON"])
    client = target.client("lambda")
    role = target.client("iam").create_role(RoleName="role", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    client.create_function(
        FunctionName="slow",
        Runtime="python3.11",
        Role=role,
        Handler="slow.answer",
        Timeout=60,
        Code={"ZipFile": pack(SLOW_TO_START)},
        Environment={"Variables": files},
    )

    with ThreadPoolExecutor() as pool, Path(files["GO_ON"]).open("r+b", buffering=0) as go_on:  # both ends
        called = pool.submit(client.invoke, FunctionName="slow")
        Path(files["BEGUN"]).read_text()
        client.update_function_configuration(FunctionName="slow", MemorySize=256)
        go_on.write(b"go on\n")
        answer = called.result()

    assert json.load(answer["Payload"]) == "answered"
