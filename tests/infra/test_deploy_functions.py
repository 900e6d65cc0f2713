"""Deployment with Chalice: its input, its output, and its record of the deployed resources."""

import json
import sys
from collections.abc import Callable

import pytest
from chalice.awsclient import TypedAWSClient
from chalice.deploy.appgraph import ApplicationGraphBuilder, DependencyBuilder
from chalice.deploy.deployer import BuildStage, Deployer, ResultsRecorder
from chalice.deploy.executor import Executor
from chalice.deploy.models import APICall, Instruction, Plan, RecordResourceValue
from chalice.deploy.planner import NoopPlanner
from chalice.deploy.sweeper import ResourceSweeper
from chalice.utils import UI, OSUtils

from infra.deploy import functions, record, settings
from infra.deploy.chalice_command import add_variables, record_unfinished
from infra.deploy.target import DeployError, Target
from infra.rehearse.project import STAGE

pytestmark = pytest.mark.proof

PLAN = """
API_CALL                       │        method_name: update_function
                               │             params:
                               │               │      function_name: rooms-sweep
API_CALL                       │        method_name: delete_function_concurrency
                               │             params:
                               │               │      function_name: rooms-sweep
API_CALL                       │        method_name: create_role
                               │             params:
                               │               │              name: rooms-role
STORE_VALUE                    │               name: something
API_CALL                       │        method_name: import_rest_api
"""
FAILURE = """
Traceback (most recent call last):
  File "somewhere.py", line 1, in <module>
chalice.deploy.deployer.ChaliceDeploymentError: ERROR - While deploying:

 An error occurred (AccessDenied) when calling CreateRole
"""


def write_record(target: Target, account: str) -> None:
    """Write the record of a deployment to an account, as Chalice does."""
    arn = f"arn:aws:lambda:us-east-1:{account}:function:{target.app_name}-{STAGE}"
    api = {"rest_api_id": "abc", "rest_api_url": "https://abc.execute-api.us-east-1.amazonaws.com/api/"}
    resources = [
        {"name": "api_handler", "resource_type": "lambda_function", "lambda_arn": arn},
        {"name": "sweep-log-group", "resource_type": "log_group", "log_group_name": "/aws/lambda/other"},
        {"name": "rest_api", "resource_type": "rest_api", **api},
    ]
    record.file_of(target).parent.mkdir(exist_ok=True)
    record.file_of(target).write_text(json.dumps({"resources": resources, "schema_version": "2.0", "backend": "api"}))


def make_role(target: Target, name: str = "role") -> str:
    """Create a role, and return its ARN."""
    made: str = target.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    return made


def make_function(target: Target, suffix: str = "", **variables: str) -> str:
    """Create a function, without a record, and return its ARN. The default is the function of the HTTP API."""
    role = make_role(target, f"role{suffix}")
    made: str = target.client("lambda").create_function(
        FunctionName=f"{target.app_name}-{STAGE}{suffix}",
        Runtime="python3.11",
        Role=role,
        Handler="app.app",
        Code={"ZipFile": b"PK\x05\x06" + bytes(18)},
        Environment={"Variables": variables},
    )["FunctionArn"]
    return made


def print_as_chalice(monkeypatch: pytest.MonkeyPatch, text: str, code: int = 0) -> None:
    source = f"import sys; print({text!r}); sys.exit({code})"
    monkeypatch.setattr(functions, "CHALICE", (sys.executable, "-c", source))


def test_a_plan_is_shown_in_words() -> None:
    told = ["update function rooms-sweep", "add role rooms-role", "add the HTTP API"]
    assert list(functions.read_plan(PLAN.splitlines())) == told


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        (FAILURE, 1, "AccessDenied"),
        ("Could not install dependencies:\ncffi==2.1.1", 0, r"no wheel .* cffi"),
    ],
    ids=["error", "missing library"],
)
def test_a_failure_of_chalice_is_shown_with_its_reason(
    target: Target, monkeypatch: pytest.MonkeyPatch, text: str, code: int, said: str
) -> None:
    print_as_chalice(monkeypatch, text, code)

    with pytest.raises(DeployError, match=said) as failure:
        functions.run_chalice(target, lambda _: None, "deploy")

    assert "Traceback" not in str(failure.value)


def test_found_variables_are_added_to_the_configuration() -> None:
    config = {"stages": {"dev": {"environment_variables": {"PUBLIC_URL": "ours"}}, "prod": {}}}

    merged = add_variables(config, {"PUBLIC_URL": "found", "AUTH_SECRET": "secret"})["stages"]

    assert [merged[stage]["environment_variables"]["PUBLIC_URL"] for stage in ("dev", "prod")] == ["ours", "found"]
    for stage in merged.values():
        secret = {"environment_variables": {"AUTH_SECRET": "secret"}}
        assert stage["lambda_functions"] == {"api_handler": secret, "websocket_connect": secret}
        assert "AUTH_SECRET" not in stage["environment_variables"]


def test_a_secret_in_the_file_is_left_alone() -> None:
    config = {"stages": {"dev": {"environment_variables": {"AUTH_SECRET": "ours"}}}}

    assert add_variables(config, {"AUTH_SECRET": "found"}) == config


def break_off(target: Target, *done: Instruction) -> None:
    """Let Chalice execute only these instructions, and record that the deployment is unfinished."""
    awsclient = TypedAWSClient(target.session)
    executor = Executor(awsclient, UI())
    executor.execute(Plan([*done]))
    steps = ApplicationGraphBuilder(), DependencyBuilder(), BuildStage([]), NoopPlanner(), ResourceSweeper()
    record_unfinished(Deployer(*steps, executor, ResultsRecorder(OSUtils())), target.config, STAGE)


def test_the_record_of_an_unfinished_deployment_is_complete(target: Target, account: str) -> None:
    write_record(target, account)

    break_off(target, RecordResourceValue("websocket_api", "websocket_api", "websocket_api_id", "def"))

    assert record.find(target, "rest_api", "rest_api_id") == "abc"
    assert record.find(target, "websocket_api", "websocket_api_id") == "def"


def test_an_unfinished_first_deployment_leaves_no_partial_api(target: Target) -> None:
    make_function(target)

    break_off(
        target,
        RecordResourceValue("rest_api", "rest_api", "rest_api_id", "abc"),
        APICall("create_websocket_api", {"name": "half"}, output_var="websocket_api_id"),
    )
    record.fetch(target)

    assert record.find(target, "rest_api", "rest_api_id") == "abc"
    assert target.client("apigatewayv2").get_apis()["Items"] == []


def test_another_checkout_gets_an_unfinished_record(
    target: Target, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_record(target, account)
    print_as_chalice(monkeypatch, FAILURE, 1)
    monkeypatch.setattr(functions, "compile_imports", lambda _: None)

    with pytest.raises(DeployError):
        functions.deploy(target, lambda _: None)

    record.file_of(target).unlink()
    record.fetch(target)
    assert record.find(target, "rest_api", "rest_api_id") == "abc"


@pytest.mark.parametrize(
    ("deployed", "given", "provider", "found"),
    [
        (None, None, "", None),
        ("the old one", None, "", "the old one"),
        ("the old one", "the new one", "", "the new one"),
        (None, "unwanted", "https://id.example/keys", None),
    ],
    ids=["no secret by default", "the deployed one", "a new one", "no secret with a provider"],
)
def test_a_secret_comes_from_the_environment_or_the_stage(
    target: Target,
    monkeypatch: pytest.MonkeyPatch,
    deployed: str | None,
    given: str | None,
    provider: str,
    found: str | None,
) -> None:
    if deployed:
        make_function(target, AUTH_SECRET=deployed)
    if given:
        monkeypatch.setenv("AUTH_SECRET", given)
    target.found["AUTH_JWKS_URL"] = provider

    settings.find_secrets(target)

    assert target.variables.get("AUTH_SECRET") == found


def test_another_checkout_gets_a_record_until_it_is_deleted(target: Target, account: str) -> None:
    write_record(target, account)
    record.keep(target)
    record.file_of(target).unlink()

    record.fetch(target)
    assert record.find(target, "rest_api", "rest_api_id") == "abc"

    record.forget(target)
    record.forget(target)
    record.fetch(target)
    assert record.resources(target) == []


def deploy_from_elsewhere(target: Target, account: str) -> None:
    """Deploy again from another checkout."""
    write_record(target, account)
    record.keep(target)
    file = record.file_of(target)
    file.write_text(file.read_text("utf-8").replace("abc", "old"), "utf-8")


@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        (lambda target, _: write_record(target, "9" * 12), f"was deployed from here to us-east-1:{'9' * 12}"),
        (lambda target, _: make_function(target), "Another checkout deployed"),
        (lambda target, _: make_role(target, f"{target.app_name}-{STAGE}-sweep"), "Another region has a stage local"),
        (deploy_from_elsewhere, "are not those in this checkout's record"),
    ],
    ids=["another account", "no record", "another region", "another checkout"],
)
def test_a_deployment_of_another_checkout_is_not_changed(
    target: Target, account: str, prepare: Callable[[Target, str], None], said: str
) -> None:
    prepare(target, account)

    with pytest.raises(DeployError, match=said):
        record.fetch(target)


def test_without_a_deployment_the_record_is_empty(target: Target) -> None:
    record.fetch(target)

    assert record.resources(target) == []
    with pytest.raises(DeployError, match="has deployed no rest_api"):
        functions.api_url(target)


def test_addresses_and_logs_come_from_the_record(target: Target, account: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write_record(target, account)

    assert functions.list_logs(target) == [f"/aws/lambda/{target.app_name}-{STAGE}", "/aws/lambda/other"]
    assert functions.api_url(target) == f"{target.endpoint}/_aws/execute-api/abc/api", "the address of the emulator"
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    assert functions.api_url(target) == "https://abc.execute-api.us-east-1.amazonaws.com/api"


@pytest.fixture
def deployed(target: Target) -> Target:
    """A stage with two functions and a WebSocket API. Chalice's record names them."""
    arns = {name: make_function(target, f"-{name}") for name in ("websocket_connect", "sweep")}
    for name in arns:
        make_role(target, f"{target.app_name}-{STAGE}-{name}")
    resources = [{"name": name, "resource_type": "lambda_function", "lambda_arn": arn} for name, arn in arns.items()]
    api = {"websocket_api_id": "def", "websocket_api_url": "wss://def.execute-api.us-east-1.amazonaws.com/api/"}
    resources.append({"name": "websocket_api", "resource_type": "websocket_api", **api})
    record.file_of(target).parent.mkdir(exist_ok=True)
    record.file_of(target).write_text(json.dumps({"resources": resources, "schema_version": "2.0"}))
    return target


def test_only_functions_that_read_tokens_get_secrets(deployed: Target) -> None:
    deployed.found |= {"AUTH_SECRET": "s", "ORIGIN_SECRET": "o"}
    functions.find_address(deployed)

    assert settings.set_variables(deployed) == 2
    assert settings.set_variables(deployed) == 0, "a repetition changes nothing"

    given = {
        name: deployed.client("lambda").get_function_configuration(FunctionName=function)["Environment"]["Variables"]
        for name, function in record.functions(deployed).items()
    }
    assert given["websocket_connect"] == {"AUTH_SECRET": "s", "ORIGIN_SECRET": "o"} | given["sweep"]
    assert given["sweep"].keys() == {*deployed.config.environment_variables, "WEBSOCKET_URL"}
    assert given["sweep"]["WEBSOCKET_URL"] == f"{deployed.endpoint}/_aws/execute-api/def/api".replace("http", "ws", 1)


def test_the_address_of_the_cdn_comes_before_that_of_the_api(deployed: Target) -> None:
    deployed.found["WEBSOCKET_URL"] = "wss://cdn.example/ws"
    functions.find_address(deployed)
    assert deployed.found["WEBSOCKET_URL"] == "wss://cdn.example/ws"


def test_functions_post_only_to_their_own_api(deployed: Target) -> None:
    settings.narrow_permissions(deployed)

    role = f"{deployed.app_name}-{STAGE}-sweep"
    policy = deployed.client("iam").get_role_policy(RoleName=role, PolicyName=role)["PolicyDocument"]
    (posts,) = [one["Resource"] for one in policy["Statement"] if one["Sid"] == "OpenConnections"]
    assert posts == [f"arn:*:execute-api:*:*:def/api/{method}/@connections/*" for method in ("DELETE", "POST")]


def test_a_failed_sweep_is_not_repeated(deployed: Target) -> None:
    settings.end_retries(deployed)

    function = record.functions(deployed)["sweep"]
    found = deployed.client("lambda").get_function_event_invoke_config(FunctionName=function)
    assert (found["MaximumRetryAttempts"], found["MaximumEventAgeInSeconds"]) == (0, 60)


def test_the_http_function_has_the_usual_log_retention(target: Target) -> None:
    settings.keep_logs(target)
    settings.keep_logs(target)

    (group,) = target.client("logs").describe_log_groups()["logGroups"]
    assert group["logGroupName"] == f"/aws/lambda/{target.app_name}-{STAGE}"
    assert group["retentionInDays"] == target.config.log_retention_in_days
