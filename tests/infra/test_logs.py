"""How long logs are kept."""

import json
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from moto import mock_aws

from infra.local.engine import CREDENTIALS, REGION
from infra.logs import CONFIG, forget_in_time

DAYS = json.loads(CONFIG.read_text("utf-8"))["log_retention_in_days"]


@pytest.fixture
def logs() -> Iterator[Any]:
    """A client of CloudWatch Logs, in memory."""
    with mock_aws():
        session = botocore.session.Session()
        session.set_credentials(CREDENTIALS["AWS_ACCESS_KEY_ID"], CREDENTIALS["AWS_SECRET_ACCESS_KEY"])
        client = session.create_client("logs", region_name=REGION)
        yield client
        client.close()


def read_retention(logs: Any) -> dict[str, int | None]:
    groups = logs.describe_log_groups()["logGroups"]
    return {group["logGroupName"]: group.get("retentionInDays") for group in groups}


@pytest.mark.parametrize("times", [1, 2])
def test_logs_of_the_function_for_http_are_forgotten_in_time(logs: Any, times: int) -> None:
    for _ in range(times):
        forget_in_time(logs, "dev")

    assert read_retention(logs) == {"/aws/lambda/coworking-rooms-dev": DAYS}


def test_a_group_that_the_function_made_is_told_too(logs: Any) -> None:
    logs.create_log_group(logGroupName="/aws/lambda/coworking-rooms-prod")
    assert read_retention(logs) == {"/aws/lambda/coworking-rooms-prod": None}

    forget_in_time(logs, "prod")

    assert read_retention(logs) == {"/aws/lambda/coworking-rooms-prod": DAYS}
