"""Chalice's own command line, on a stage with variables that `.chalice/config.json` doesn't have.

    STAGE_VARIABLES='{"AUTH_SECRET": "..."}' python -m infra.deploy.chalice_command deploy --stage dev

A secret has no place in a file that is in git, and some addresses are known only once there is something there. What
the file does have goes first.
"""

import json
import os
import sys
from collections.abc import Mapping
from typing import Any
from unittest import mock

from chalice.cli import main
from chalice.cli.factory import CLIFactory


def add_variables(config: dict[str, Any], variables: Mapping[str, str]) -> dict[str, Any]:
    """A configuration of Chalice in which every stage has these variables too."""
    for stage in config.get("stages", {}).values():
        stage["environment_variables"] = {**variables, **stage.get("environment_variables", {})}
    return config


def run() -> int:
    """Run Chalice, and return its exit code."""
    variables = json.loads(os.environ.pop("STAGE_VARIABLES", "{}"))
    load = CLIFactory.load_project_config

    def load_with_variables(factory: CLIFactory) -> dict[str, Any]:
        return add_variables(load(factory), variables)

    with mock.patch.object(CLIFactory, "load_project_config", load_with_variables):
        code: int = main()
    return code


if __name__ == "__main__":
    sys.exit(run())
