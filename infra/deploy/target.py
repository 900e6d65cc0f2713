"""The target of a deployment: a stage of a checkout, in an account and a region."""

import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from chalice.cli.factory import CLIFactory

ROOT = Path(__file__).parent.parent.parent
PROD = "prod"
SECRETS = ("AUTH_SECRET", "ORIGIN_SECRET")
"""Variables of the functions that read tokens, and of no other function."""
READERS = ("api_handler", "websocket_connect")


class DeployError(Exception):
    """A step failed; `advice` says what to do."""

    def __init__(self, reason: str, advice: str = "Fix that, and run the command again") -> None:
        super().__init__(reason)
        self.advice = advice


class Target:
    """One stage. Clients, credentials and region come from the environment and AWS's own files."""

    def __init__(self, stage: str, root: Path = ROOT) -> None:
        self.stage = stage
        self.root = root
        self.found: dict[str, str] = {}
        """Variables that `.chalice/config.json` need not have: a secret that is kept elsewhere, addresses of a CDN."""
        self._clients: dict[tuple[str, str], Any] = {}

    @cached_property
    def config(self) -> Any:
        """The stage as Chalice reads it; raises DeployError if there is no such stage."""
        factory = CLIFactory(str(self.root))
        stages = factory.load_project_config().get("stages", {})
        if self.stage not in stages:
            raise DeployError(
                f".chalice/config.json has no stage {self.stage!r}",
                f"Choose an existing one (STAGE={' or STAGE='.join(stages)}), or add one as docs/operations.md says",
            )
        return factory.create_config_obj(chalice_stage_name=self.stage)

    @property
    def settings(self) -> Mapping[str, Any]:
        """The stage in `.chalice/config.json`, including our own keys."""
        settings: Mapping[str, Any] = CLIFactory(str(self.root)).load_project_config()["stages"][self.stage]
        return settings

    @property
    def variables(self) -> Mapping[str, str]:
        """The functions' environment. The file's values win over those that were found."""
        return {**self.found, **self.config.environment_variables}

    def variables_of(self, function: str) -> dict[str, str]:
        """The environment of one function, by its name in Chalice."""
        found = {name: value for name, value in self.found.items() if name not in SECRETS or function in READERS}
        return {**found, **self.config.scope(self.stage, function).environment_variables}

    @property
    def app_name(self) -> str:
        return str(self.config.app_name)

    @property
    def prefix(self) -> str:
        """The prefix of the names of tables and stacks."""
        prefix = self.variables.get("TABLE_PREFIX", "")
        if not prefix:
            raise DeployError(
                f"The stage {self.stage} has no TABLE_PREFIX, and would share tables with other stages",
                f'Give it "TABLE_PREFIX": "coworking-{self.stage}-" in .chalice/config.json',
            )
        return prefix

    @cached_property
    def session(self) -> Any:
        return botocore.session.Session()

    @property
    def region(self) -> str:
        """The region; raises DeployError if none is set."""
        region: str | None = self.session.get_config_variable("region")
        if not region:
            raise DeployError("No region is set", "Set AWS_DEFAULT_REGION, for example to eu-central-1")
        return region

    @property
    def endpoint(self) -> str | None:
        """The emulator's address, if AWS is emulated."""
        return os.environ.get("AWS_ENDPOINT_URL")

    @property
    def edge_region(self) -> str:
        """The region of the CDN's stack: only there has CloudFront firewalls and logs without queries."""
        return "us-east-1" if self.session.get_partition_for_region(self.region) == "aws" else self.region

    def client(self, service: str, region: str = "") -> Any:
        """A client of a service, made once. The default is the stage's region."""
        key = (service, region or self.region)
        if key not in self._clients:
            config = Config(retries={"mode": "standard", "total_max_attempts": 5})
            self._clients[key] = self.session.create_client(service, region_name=key[1], config=config)
        return self._clients[key]

    def close(self) -> None:
        """Close the clients."""
        for client in self._clients.values():
            client.close()


def explain(error: Exception) -> DeployError:
    """The DeployError for an error of AWS or botocore; raises any other error again."""
    if isinstance(error, DeployError):
        return error
    advice = "Fix that, and run the command again: it goes on where it stopped"
    if isinstance(error, ClientError):
        code = error.response["Error"]["Code"]
        if "AccessDenied" in code or "Unauthorized" in code:
            advice = "Grant the permission to the deploying identity, and run the command again"
        elif "Expired" in code or "InvalidClientToken" in code or "UnrecognizedClient" in code:
            advice = "Sign in to AWS again, and run the command again"
    elif not isinstance(error, (BotoCoreError, OSError)):
        raise error
    return DeployError(str(error), advice)
