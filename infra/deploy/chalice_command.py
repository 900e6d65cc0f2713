"""Chalice's command line, with two additions.

    STAGE_VARIABLES='{"PUBLIC_URL": "..."}' python -m infra.deploy.chalice_command deploy --stage dev

It adds environment variables that aren't in `.chalice/config.json`: secrets don't belong in git, and some addresses are
known only after the first deployment. The file's own values win. Only the functions that read tokens get the secrets.

It records a deployment that fails halfway. Chalice itself writes its record only at the end. Without this, the next
deployment would create a second pair of APIs.
"""

import json
import os
import sys
from collections.abc import Mapping
from typing import Any
from unittest import mock

from chalice.cli import main
from chalice.cli.factory import CLIFactory
from chalice.config import Config
from chalice.deploy.deployer import Deployer
from chalice.deploy.executor import Executor

from infra.deploy.target import READERS, SECRETS

SOCKET_API = "websocket_api_id"
"""The variable in which Chalice keeps the API's id; it goes into the record when the API is complete."""


def add_variables(config: dict[str, Any], variables: Mapping[str, str]) -> dict[str, Any]:
    """Add these variables to each stage of a Chalice configuration."""
    for stage in config.get("stages", {}).values():
        own = stage.get("environment_variables", {})
        shared = {name: value for name, value in variables.items() if name not in SECRETS}
        secrets = {name: value for name, value in variables.items() if name in SECRETS and name not in own}
        stage["environment_variables"] = {**shared, **own}
        for function in READERS if secrets else ():
            settings = stage.setdefault("lambda_functions", {}).setdefault(function, {})
            settings["environment_variables"] = {**secrets, **settings.get("environment_variables", {})}
    return config


def record_unfinished(deployer: Deployer, config: Config, stage: str) -> None:
    """Record what exists after a failed deployment: what it created, and what was there before."""
    executor, before = deployer._executor, config.deployed_resources(stage)
    if not isinstance(executor, Executor) or not executor.resource_values:
        return
    known = {name: before.resource_values(name) for name in before.resource_names()}
    made = {resource["name"]: resource for resource in executor.resource_values}
    found = [known.get(name, {}) | made.get(name, {}) for name in {**known, **made}]
    results = {"resources": found, "schema_version": "2.0", "backend": deployer.BACKEND_NAME}
    deployer._recorder.record_results(results, stage, config.project_dir)
    api_id = executor.variables.get(SOCKET_API)
    if api_id and all(resource.get(SOCKET_API) != api_id for resource in found):
        executor._client.delete_websocket_api(api_id)  # half made: Chalice would neither finish nor find it


def run() -> int:
    """Run Chalice, and return its exit code."""
    variables = json.loads(os.environ.pop("STAGE_VARIABLES", "{}"))
    load, deploy = CLIFactory.load_project_config, Deployer.deploy

    def load_with_variables(factory: CLIFactory) -> dict[str, Any]:
        return add_variables(load(factory), variables)

    def deploy_on_record(deployer: Deployer, config: Config, chalice_stage_name: str) -> Any:
        try:
            return deploy(deployer, config, chalice_stage_name)
        except BaseException:
            record_unfinished(deployer, config, chalice_stage_name)
            raise

    with (
        mock.patch.object(CLIFactory, "load_project_config", load_with_variables),
        mock.patch.object(Deployer, "deploy", deploy_on_record),
    ):
        code: int = main()
    return code


if __name__ == "__main__":
    sys.exit(run())
