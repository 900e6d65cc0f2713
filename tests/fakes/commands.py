"""Checks the AWS commands of the documentation against the service models of botocore.

for command in aws_commands(text):
    check_aws(command)
"""

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import jmespath  # type: ignore[import-untyped]  # it has no stubs
from botocore import xform_name
from botocore.model import OperationModel, Shape
from botocore.session import Session
from botocore.validate import ParamValidator
from botocore.waiter import WaiterModel

GLOBAL = {"--query", "--output", "--region", "--profile", "--cli-binary-format"}
POSITIONAL = {("lambda", "invoke"): 1}
_NUMBER = re.compile(r"\$\(\(.*?\)\)|\$\(date [^)]*\)")
_ENDS = {";", "|", "||", "&&", "&", ")", ">", "<"}


def shell_lines(text: str) -> list[str]:
    """The lines of a script without comments. Lines that end with a backslash are joined."""
    joined = re.sub(r"\\\n\s*", "", text)
    return [line.strip() for line in joined.splitlines() if line.strip() and not line.strip().startswith("#")]


def aws_commands(text: str) -> Iterator[list[str]]:
    """The words of every call of the AWS CLI in a script."""
    for line in shell_lines(text):
        plain = _NUMBER.sub("0", line)
        for found in re.finditer(r"\baws (?=[a-z])", plain):
            lexer = shlex.shlex(plain[found.start() :], posix=True, punctuation_chars=";|()<>&")
            lexer.whitespace_split = True
            words: list[str] = []
            for word in lexer:
                if word in _ENDS:
                    break
                words.append(word)
            yield words[1:]


def check_aws(words: Sequence[str]) -> None:
    """Raises AssertionError for an unknown service, operation or parameter, or for an invalid value."""
    service, command, *rest = words
    operation = find_operation(service, command, rest)
    needed = operation.input_shape
    members = {f"--{xform_name(name, '-')}": name for name in needed.members} if needed else {}
    given = {}
    for option, value in read_options(rest, operation, members).items():
        if option == "--query":
            jmespath.compile(value)
        if option not in GLOBAL:
            name = members.get(option.replace("--no-", "--") if value is None else option)
            assert name, f"{service} {command} has no {option}, but {sorted(members)}"
            given[name] = convert(needed.members[name], value, option)
    missing = set(needed.required_members if needed else ()) - set(given)
    assert not missing, f"{service} {command} lacks {sorted(missing)}"
    report = ParamValidator().validate(given, needed)
    assert not report.has_errors(), report.generate_report()


def find_operation(service: str, command: str, rest: list[str]) -> OperationModel:
    model = service_model(service)
    names = {xform_name(name, "-"): name for name in model.operation_names}
    if command == "wait":
        waiters = waiter_model(service)
        waiting = {xform_name(name, "-"): name for name in waiters.waiter_names}
        assert rest[0] in waiting, f"{rest[0]} cannot be waited for"
        return model.operation_model(waiters.get_waiter(waiting[rest.pop(0)]).operation)
    assert command in names, f"{service} has no {command}"
    return model.operation_model(names[command])


def read_options(words: Sequence[str], operation: OperationModel, members: Mapping[str, str]) -> dict[str, Any]:
    """The options with their values. A switch has the value None."""
    options: dict[str, Any] = {}
    loose = []
    for word in words:
        if word.startswith("--"):
            current = word
            options[current] = None
        elif options and options[current] is None:
            options[current] = word
        elif options and current in members and operation.input_shape.members[members[current]].type_name == "list":
            options[current] = f"{options[current]} {word}"
        else:
            loose.append(word)
    service = operation.service_model.endpoint_prefix
    assert len(loose) == POSITIONAL.get((service, xform_name(operation.name, "-")), 0), f"what is {loose}?"
    return options


def answer(expression: str, document: Any) -> Any:
    """The result of `--query` for an answer."""
    return jmespath.search(expression, document)


def convert(shape: Shape, value: str | None, option: str) -> Any:
    """Convert a value as the CLI does."""
    if shape.type_name == "boolean":
        assert value is None, f"{option} is a switch"
        return not option.startswith("--no-")
    assert value is not None, f"{option} needs a value"
    if value[:1] in "{[" and shape.type_name in ("structure", "map", "list"):
        return json.loads(value)
    match shape.type_name:
        case "list":
            return [convert(shape.member, one, option) for one in value.split()]
        case "structure":
            pairs = dict(pair.split("=", 1) for pair in value.split(","))
            assert set(pairs) <= set(shape.members), f"{option}: {set(pairs) - set(shape.members)}"
            return {name: scalar(shape.members[name], text) for name, text in pairs.items()}
        case _:
            return scalar(shape, value)


def scalar(shape: Shape, text: str) -> Any:
    assert not getattr(shape, "enum", None) or text in shape.enum, f"{text} is none of {shape.enum}"
    match shape.type_name:
        case "boolean":
            return {"true": True, "false": False}[text]
        case "integer" | "long":
            return int(text)
        case "double" | "float":
            return float(text)
        case "blob":
            return text.encode()
        case _:
            return text


@cache
def service_model(service: str) -> Any:
    return Session().get_service_model(service)


@cache
def waiter_model(service: str) -> WaiterModel:
    return Session().get_waiter_model(service)
