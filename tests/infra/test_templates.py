"""The templates, deployed to an emulator of AWS and read back from it."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache, partial
from itertools import product
from pathlib import Path
from typing import Any, get_args

import botocore.session
import pytest
import yaml

from chalicelib.kernel.telemetry import DIMENSIONS, METRICS, SERVICE, Kind, UnexpectedError
from chalicelib.seats.leases import GRACE_MS
from infra.local.engine import CREDENTIALS, REGION, Engine
from infra.local.tables import TEMPLATE, Template, TemplateLoader
from infra.rehearse.emulator import Emulator
from tests.fakes.faults import Faults, Refused
from tests.fakes.functions import Functions, deployed_functions
from tests.fakes.log import keep_log

ROOT = Path(__file__).parents[2]
CONFIG = json.loads((ROOT / ".chalice" / "config.json").read_text("utf-8"))
STAGES = ("dev", "prod")

EDGE = {"ApiRegion": "eu-central-1", "OriginSecret": "known-to-the-CDN", "RateLimit": "10000"}

Metric = tuple[str, str, frozenset[tuple[str, str]]]
"""Namespace, name and dimensions."""


class Account:
    """An AWS account in which all three stacks of both stages are deployed."""

    def __init__(self, emulator: Emulator) -> None:
        self._session = botocore.session.Session()
        self._session.set_credentials(CREDENTIALS["AWS_ACCESS_KEY_ID"], CREDENTIALS["AWS_SECRET_ACCESS_KEY"])
        self._url = emulator.url
        self._clients: dict[str, Any] = {}
        for stage in STAGES:
            self._deploy(f"{stage}-tables", "tables", {"Prefix": prefix(stage), "Stage": stage})
            apis = {"Stage": stage, "WebSocketApiId": "sockets"}
            self._deploy(f"{stage}-alarms", "observability", {**apis, "Prefix": prefix(stage), "AlarmEmail": "a@b.org"})
            self._deploy(f"{stage}-edge", "edge", {**apis, "RestApiId": "rest", **EDGE})
        made = self.client("cloudformation").get_waiter("stack_create_complete")
        for stage, stack in product(STAGES, ("tables", "alarms", "edge")):
            made.wait(StackName=f"{stage}-{stack}", WaiterConfig={"Delay": 1, "MaxAttempts": 60})
        self.tables = {stage: list_tables(self.client("dynamodb"), stage) for stage in STAGES}

    def client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = self._session.create_client(service, region_name=REGION, endpoint_url=self._url)
        return self._clients[service]

    def _deploy(self, name: str, template: str, parameters: Mapping[str, str]) -> None:
        self.client("cloudformation").create_stack(
            StackName=name,
            TemplateBody=(ROOT / "infra" / f"{template}.yaml").read_text("utf-8"),
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            Capabilities=["CAPABILITY_AUTO_EXPAND"],
        )

    def outputs(self, name: str) -> dict[str, str]:
        (stack,) = self.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    def alarms(self, stage: str) -> list[dict[str, Any]]:
        pages = self.client("cloudwatch").get_paginator("describe_alarms").paginate()
        alarms = [alarm for page in pages for alarm in page["MetricAlarms"]]
        return [alarm for alarm in alarms if alarm["AlarmName"].startswith(f"coworking-rooms-{stage}-")]

    def widgets(self, stage: str) -> list[dict[str, Any]]:
        body = self.client("cloudwatch").get_dashboard(DashboardName=f"coworking-rooms-{stage}")["DashboardBody"]
        widgets: list[dict[str, Any]] = json.loads(body)["widgets"]
        return widgets


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    with Emulator(tmp_path_factory.mktemp("account")) as emulator:
        yield Account(emulator)


@pytest.fixture(params=STAGES)
def stage(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def alarms(account: Account, stage: str) -> list[dict[str, Any]]:
    return account.alarms(stage)


def prefix(stage: str) -> str:
    value: str = CONFIG["stages"][stage]["environment_variables"]["TABLE_PREFIX"]
    return value


@cache
def function_timeouts(stage: str) -> dict[str, int]:
    """The deployed names of the functions, and their timeouts in seconds."""
    return {function.function_name: function.timeout for function in deployed_functions(stage)}


def metric_of(alarm: Mapping[str, Any]) -> Metric:
    dimensions = frozenset((one["Name"], one["Value"]) for one in alarm["Dimensions"])
    return alarm["Namespace"], alarm["MetricName"], dimensions


def shown(widgets: list[dict[str, Any]]) -> Iterator[Metric]:
    """The metrics that a dashboard shows. A `.` repeats the word of the line before."""
    for widget in widgets:
        line: list[str] = []
        for entry in widget["properties"]["metrics"]:
            if isinstance(entry[0], dict):
                yield searched(entry[0]["expression"])
                continue
            words = [word for word in entry if isinstance(word, str)]
            line = [line[at] if word == "." else word for at, word in enumerate(words)]
            yield line[0], line[1], frozenset(zip(line[2::2], line[3::2], strict=True))


def searched(expression: str) -> Metric:
    """The metric of a search expression; `*` is any value of a dimension."""
    match = re.fullmatch(r"SUM\(SEARCH\('\{([\w/]+),([\w,]+)\} MetricName=\"(\w+)\"', 'Sum', 60\)\)", expression)
    assert match, expression
    return match[1], match[3], frozenset((name, "*") for name in match[2].split(","))


def list_tables(client: Any, stage: str) -> dict[str, list[str]]:
    """The tables of a stage, and their indexes."""
    names = [name for name in client.list_tables()["TableNames"] if name.startswith(prefix(stage))]
    tables = [client.describe_table(TableName=name)["Table"] for name in names]
    return {
        table["TableName"]: [index["IndexName"] for index in table.get("GlobalSecondaryIndexes", ())]
        for table in tables
    }


def missing_part(account: Account, stage: str, metric: Metric) -> str:
    """The missing part of a metric, such as its function or its table, or '' if the metric will have data."""
    namespace, name, pairs = metric
    dimensions = dict(pairs)
    match namespace:
        case "AWS/Lambda":
            return "" if dimensions.get("FunctionName") in function_timeouts(stage) else "function"
        case "AWS/DynamoDB":
            indexes = account.tables[stage].get(dimensions["TableName"])
            index = dimensions.get("GlobalSecondaryIndexName")
            return "" if indexes is not None and (index is None or index in indexes) else "table"
        case "AWS/ApiGateway":
            return "" if dimensions == {"ApiId": "sockets", "Stage": CONFIG["api_gateway_stage"]} else "API"
        case _:
            ours = CONFIG["stages"][stage]["environment_variables"]["POWERTOOLS_METRICS_NAMESPACE"]
            kinds = {"*", *get_args(Kind)}
            fits = dimensions.keys() == set(DIMENSIONS) and dimensions["service"] in {"*", SERVICE}
            return "" if namespace == ours and name in METRICS and fits and dimensions["kind"] in kinds else "metric"


def test_the_metrics_of_alarms_exist(account: Account, stage: str, alarms: list[dict[str, Any]]) -> None:
    wrong = {alarm["AlarmName"]: missing_part(account, stage, metric_of(alarm)) for alarm in alarms}
    assert wrong == dict.fromkeys(wrong, "")


def test_the_metrics_of_the_dashboard_exist(account: Account, stage: str) -> None:
    metrics = list(shown(account.widgets(stage)))
    assert len(metrics) > 50
    assert [(metric, wrong) for metric in metrics if (wrong := missing_part(account, stage, metric))] == []


def cause_all_metrics(functions: Functions) -> None:
    """Cause every metric: people join, talk and leave, and many calls fail."""
    room = functions.open_room()
    functions.rest("seats_join", "cyd", room_id=room)
    ada, ben = functions.enter(room, "ada", "ben")
    for connection in (ada, ben):
        functions.frame(connection, "sync")
    say = partial(functions.call, "chat_send_message", "ada", {"message_text": "hello"}, room_id=room)
    functions.gateway.next_statuses = iter([429])
    say()
    functions.gone.add(functions.connect("cyd", room).connection_id)
    functions.now += 60_000
    say()

    functions.gateway.status = 403
    say()
    functions.frame(ada, "message", text="hello")
    for _ in range(6):
        functions.connect("ada", room)
    functions.disconnect(ben)
    functions.now += GRACE_MS
    functions.sweep()

    with Faults(functions.store.connection) as faults:
        faults.plan("Query", Refused("ThrottlingException"))
        functions.frame(ada, "wave")
        for operation in ("GetItem", "PutItem", "UpdateItem", "Query", "TransactWriteItems"):
            faults.break_for_good(operation, Refused("ValidationException"))
        say()
        functions.frame(ada, "message", text="hello")
        with suppress(UnexpectedError):
            functions.connect("ada", room)


def test_all_watched_metrics_of_ours_are_written(account: Account, engine: Engine) -> None:
    with Functions(engine, websocket_url="wss://rooms.test") as functions, keep_log() as log:
        cause_all_metrics(functions)
    told = {(name, line["kind"]) for line in log.metrics for name in METRICS.keys() & line.keys()}
    told |= {(name, "*") for name, _ in told}
    watched = [*map(metric_of, account.alarms("dev")), *shown(account.widgets("dev"))]
    ours = {(name, dict(pairs)["kind"]) for space, name, pairs in watched if space.startswith("CoworkingRooms/")}
    assert len(ours) > 20
    assert ours - told == set()


def test_every_function_has_alarms_below_its_timeout(stage: str, alarms: list[dict[str, Any]]) -> None:
    watched = {
        (dict(metric_of(alarm)[2])["FunctionName"], alarm["MetricName"])
        for alarm in alarms
        if alarm["Namespace"] == "AWS/Lambda" and alarm["TreatMissingData"] == "notBreaching"
    }
    limits = function_timeouts(stage)
    assert watched == set(product(limits, ("Errors", "Throttles", "Duration")))
    slow = [alarm for alarm in alarms if alarm["MetricName"] == "Duration"]
    assert all(0 < alarm["Threshold"] < 1000 * limits[dict(metric_of(alarm)[2])["FunctionName"]] for alarm in slow)


def test_every_table_and_index_is_watched_for_throttling(
    account: Account, stage: str, alarms: list[dict[str, Any]]
) -> None:
    watched = {metric_of(alarm) for alarm in alarms if alarm["Namespace"] == "AWS/DynamoDB"}
    places: list[dict[str, str]] = []
    for table, indexes in account.tables[stage].items():
        places += [{"TableName": table}]
        places += [{"TableName": table, "GlobalSecondaryIndexName": index} for index in indexes]
    names = ("ReadThrottleEvents", "WriteThrottleEvents")
    assert watched == {("AWS/DynamoDB", name, frozenset(place.items())) for place in places for name in names}


def test_failed_posts_are_watched_for_every_kind_of_event(alarms: list[dict[str, Any]]) -> None:
    failed = [metric_of(alarm)[2] for alarm in alarms if alarm["MetricName"] == "Failed"]
    assert {dict(dimensions)["kind"] for dimensions in failed} == set(get_args(Kind))


def test_a_missing_sweep_is_noticed(stage: str, alarms: list[dict[str, Any]]) -> None:
    (alarm,) = [alarm for alarm in alarms if alarm["TreatMissingData"] == "breaching"]
    _, name, dimensions = metric_of(alarm)
    assert (name, dict(dimensions)) == ("Invocations", {"FunctionName": f"coworking-rooms-{stage}-sweep"})
    assert (alarm["ComparisonOperator"], alarm["Statistic"]) == ("LessThanThreshold", "Sum")
    assert 0 < alarm["Threshold"] < alarm["Period"] / 60


CALLS = {"": 30, "-websocket_connect": 5, "-websocket_message": 30, "-websocket_disconnect": 5, "-sweep": 5}
"""Calls in five minutes while three people sit in a room, and one of them comes back each minute."""
TROUBLE = {
    "Failed": 10,
    "ClientError": 300,
    "IntegrationError": 300,
    "ReadThrottleEvents": 300,
    "WriteThrottleEvents": 300,
}
"""Events in five minutes: one frame to ten people; one client, or one hot room, each second. Others: one."""


def samples_of(alarm: Mapping[str, Any], stage: str) -> int:
    """The samples of a metric in five minutes, at the least traffic that its alarm is meant for."""
    if alarm["Namespace"] == "AWS/Lambda":
        return CALLS[dict(metric_of(alarm)[2])["FunctionName"].removeprefix(f"coworking-rooms-{stage}")]
    return TROUBLE.get(alarm["MetricName"], 1)


def list_properties(node: Any, kind: str) -> Iterator[Mapping[str, Any]]:
    """The properties of all resources of a type in a template, each loop once."""
    if isinstance(node, dict) and node.get("Type") == kind:
        yield node["Properties"]
    elif isinstance(node, dict | list):
        for child in node.values() if isinstance(node, dict) else node:
            yield from list_properties(child, kind)


def ignored_metrics() -> set[str]:
    """Metrics whose alarms ignore percentiles of few samples. The emulator doesn't keep this property."""
    template = yaml.load((ROOT / "infra" / "observability.yaml").read_text("utf-8"), TemplateLoader)
    declared = list_properties(template["Resources"], "AWS::CloudWatch::Alarm")
    return {one["MetricName"] for one in declared if one.get("EvaluateLowSampleCountPercentile") == "ignore"}


def can_fire(alarm: Mapping[str, Any], samples: int) -> bool:
    """True if the statistic of so many samples in each period can pass the threshold."""
    threshold, periods = float(alarm["Threshold"]), int(alarm["EvaluationPeriods"])
    assert alarm["Period"] == 300
    if statistic := alarm.get("ExtendedStatistic"):
        # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/percentiles-with-low-samples.html
        rest = 1 - float(statistic.removeprefix("p")) / 100
        needed = 10 / max(rest, 1e-9) if alarm["MetricName"] in ignored_metrics() else 1
        return samples * periods >= needed
    if alarm["ComparisonOperator"] == "LessThanThreshold":
        return 0 < threshold <= samples and str(alarm["TreatMissingData"]) == "breaching"
    return samples >= threshold


def test_every_alarm_can_fire_at_the_traffic_it_is_for(stage: str, alarms: list[dict[str, Any]]) -> None:
    assert [alarm["AlarmName"] for alarm in alarms if not can_fire(alarm, samples_of(alarm, stage))] == []


def test_an_alarm_for_a_longest_call_sees_each_call(stage: str, alarms: list[dict[str, Any]]) -> None:
    """A 99th percentile of few calls is the longest one; of five calls, only p100 surely is."""
    slow = {alarm["AlarmName"]: alarm["ExtendedStatistic"] for alarm in alarms if alarm["MetricName"] == "Duration"}
    assert slow.pop(f"coworking-rooms-{stage}-slow-Sweep") == "p100"
    assert set(slow.values()) == {"p99"}


def test_all_failures_of_the_websocket_api_are_watched(alarms: list[dict[str, Any]]) -> None:
    watched = {alarm["MetricName"] for alarm in alarms if alarm["Namespace"] == "AWS/ApiGateway"}
    assert watched == {"ClientError", "IntegrationError", "ExecutionError"}


def test_all_alarms_go_to_one_topic_with_a_subscriber(
    account: Account, stage: str, alarms: list[dict[str, Any]]
) -> None:
    topic = account.outputs(f"{stage}-alarms")["Topic"]
    assert {(*alarm["AlarmActions"], *alarm["OKActions"]) for alarm in alarms} == {(topic, topic)}
    readers = account.client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert [reader["Endpoint"] for reader in readers] == ["a@b.org"]


def test_a_budget_tells_the_same_topic() -> None:
    """The default is no budget, so the emulator makes none."""
    template = yaml.load((ROOT / "infra" / "observability.yaml").read_text("utf-8"), TemplateLoader)
    (budget,) = list_properties(template["Resources"], "AWS::Budgets::Budget")
    assert budget["Budget"]["BudgetLimit"] == {"Amount": {"Ref": "MonthlyBudget"}, "Unit": "USD"}
    told = {
        one["Notification"]["NotificationType"]: one["Subscribers"] for one in budget["NotificationsWithSubscribers"]
    }
    subscribers = [{"SubscriptionType": "SNS", "Address": {"Ref": "Topic"}}]
    assert told == {"ACTUAL": subscribers, "FORECASTED": subscribers}


def test_tables_of_prod_are_backed_up_and_protected(account: Account, stage: str) -> None:
    client, kept = account.client("dynamodb"), stage == "prod"
    declared = Template(TEMPLATE.read_text("utf-8"), {"Prefix": prefix(stage), "Stage": stage}).tables()
    assert len(declared) == 8
    for table in declared:
        description = client.describe_table(TableName=table["TableName"])["Table"]
        assert description["DeletionProtectionEnabled"] is kept
        assert description["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
        # The emulator makes no backups.
        assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": kept}
        # AWS's own key, for which nobody pays. `SSEEnabled: true` would choose the key that KMS charges for.
        assert "SSESpecification" not in table


def test_one_hostname_leads_to_page_api_and_sockets(account: Account, stage: str) -> None:
    """Only requests for sockets are rewritten, and of the API's answers only the documents are cached."""
    outputs = account.outputs(f"{stage}-edge")
    found = account.client("cloudfront").get_distribution_config(Id=outputs["DistributionId"])["DistributionConfig"]
    origins = {origin["Id"]: origin["DomainName"] for origin in found["Origins"]["Items"]}
    assert origins["api"] == "rest.execute-api.eu-central-1.amazonaws.com"
    assert origins["sockets"] == "sockets.execute-api.eu-central-1.amazonaws.com"
    sent = {origin["Id"]: origin.get("CustomHeaders", {}).get("Items", []) for origin in found["Origins"]["Items"]}
    secret = [{"HeaderName": "X-Origin-Secret", "HeaderValue": EDGE["OriginSecret"]}]
    assert sent == {"page": [], "api": secret, "sockets": secret}
    assert found["DefaultCacheBehavior"]["TargetOriginId"] == "page"
    assert outputs["PublicUrl"] == f"{outputs['Url']}/api"
    assert outputs["WebSocketUrl"] == f"{outputs['Url']}/ws".replace("https:", "wss:")

    rules = found["CacheBehaviors"]["Items"]
    assert [(rule["PathPattern"], rule["TargetOriginId"], *functions_of(rule)) for rule in rules] == [
        ("/ws*", "sockets", f"coworking-rooms-{stage}-eu-central-1-sockets"),
        ("/api/ws/*", "sockets", f"coworking-rooms-{stage}-eu-central-1-sockets"),
        *((f"/api/{document}", "api") for document in ("openapi.json", "asyncapi.json", "docs")),
        ("/api/*", "api"),
    ]
    caching_disabled, all_but_host = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad", "b689b0a8-53d0-40ab-baf2-68738e2966ac"
    policies = {
        (rule["CachePolicyId"], rule["OriginRequestPolicyId"]) for rule in rules if rule["PathPattern"].endswith("*")
    }
    assert policies == {(caching_disabled, all_but_host)}


def functions_of(rule: dict[str, Any]) -> list[str]:
    """The functions that rewrite the requests of a cache behaviour."""
    associated = rule.get("FunctionAssociations", {}).get("Items", [])
    return [one["FunctionARN"].rpartition("/")[2] for one in associated]


def test_a_firewall_limits_each_address(account: Account, stage: str) -> None:
    firewalls = account.client("wafv2")
    names = {one["Name"]: one["Id"] for one in firewalls.list_web_acls(Scope="CLOUDFRONT")["WebACLs"]}
    name = f"coworking-rooms-{stage}-eu-central-1"
    (rule,) = firewalls.get_web_acl(Scope="CLOUDFRONT", Name=name, Id=names[name])["WebACL"]["Rules"]
    assert int(rule["Statement"]["RateBasedStatement"]["Limit"]) == 10000


def test_only_the_distribution_reads_the_bucket(account: Account, stage: str) -> None:
    outputs = account.outputs(f"{stage}-edge")
    client = account.client("s3")
    block = client.get_public_access_block(Bucket=outputs["PageBucket"])["PublicAccessBlockConfiguration"]
    policy = json.loads(client.get_bucket_policy(Bucket=outputs["PageBucket"])["Policy"])
    (allowed,) = [statement for statement in policy["Statement"] if statement["Effect"] == "Allow"]
    assert all(block.values())
    assert allowed["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    source = allowed["Condition"]["StringEquals"]["AWS:SourceArn"]
    assert source.endswith(f":distribution/{outputs['DistributionId']}")
