"""Has the logs of the function that answers HTTP forgotten in time, like those of the others.

Chalice sets `log_retention_in_days` of `.chalice/config.json` on a log group for each function, but on a wrong one for
this: it takes the function to be called `NAME-STAGE-api_handler`, and names it `NAME-STAGE`.
"""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

CONFIG = Path(__file__).parent.parent / ".chalice" / "config.json"


def forget_in_time(client: Any, stage: str) -> None:
    """Set how long the logs are kept, and make their group where the function hasn't yet. Can be done again.

    `client` is botocore's for `logs`.
    """
    config = json.loads(CONFIG.read_text("utf-8"))
    group = f"/aws/lambda/{config['app_name']}-{stage}"
    with suppress(client.exceptions.ResourceAlreadyExistsException):  # made by the function, or an earlier deployment
        client.create_log_group(logGroupName=group)
    days = config["stages"].get(stage, {}).get("log_retention_in_days", config["log_retention_in_days"])
    client.put_retention_policy(logGroupName=group, retentionInDays=days)
