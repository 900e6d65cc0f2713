"""MiniStack with all services that a deployment needs, and with permissions enforced. It keeps no data."""

from pathlib import Path

from infra.local.engine import CREDENTIALS, Engine
from infra.local.environment import OWN_ACCOUNT

SERVICES = (
    "apigateway,apigatewayv2,cloudformation,cloudfront,cloudwatch,dynamodb,events,iam,lambda,logs,s3,sns,ssm,sts,wafv2"
)
SOCKET_API_ID = "50c7e700"
"""MiniStack wants eight hexadecimal digits."""


class Emulator(Engine):
    """A running emulator of AWS. `environment` is its own, `account` that of its clients."""

    launcher = Path(__file__).with_name("emulator_launcher.py")

    def environment(self) -> dict[str, str]:
        """All services, no stored data, and permissions enforced."""
        told = {"SERVICES": SERVICES, "PERSIST_STATE": "0", "AUTH": "true", "SOCKET_API_ID": SOCKET_API_ID}
        return super().environment() | CREDENTIALS | told

    @property
    def connections(self) -> str:
        """The URL that functions post frames to."""
        return f"{self.url}/_aws/execute-api/{SOCKET_API_ID}/api"

    @property
    def account(self) -> dict[str, str]:
        """The environment in which AWS is this emulator."""
        return OWN_ACCOUNT | {"AWS_ENDPOINT_URL": self.url}
