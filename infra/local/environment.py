"""The functions' environment: as on AWS, with all services on this machine."""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from infra.local.engine import CREDENTIALS, REGION
from infra.local.options import CONNECTIONS_PATH, OWN_HOST
from infra.local.process import StackError

DEFAULTS = {
    "TABLE_PREFIX": "coworking-local-",
    "CORS_ALLOW_ORIGIN": "*",
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
    "POWERTOOLS_SERVICE_NAME": "coworking-rooms",
    "POWERTOOLS_METRICS_NAMESPACE": "CoworkingRooms",
    "POWERTOOLS_METRICS_DISABLED": "true",
    "POWERTOOLS_TRACE_DISABLED": "true",
}
"""Values for what the user hasn't set."""

OWN_ACCOUNT = {
    **CREDENTIALS,
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""With our own engine, the user's AWS account isn't used."""


def build_environment(base: Mapping[str, str], *, port: int, data_dir: Path, engine_url: str | None) -> dict[str, str]:
    """The environment of the gateway, and so of the functions, which run in its process.

    Without `engine_url`, the user's own endpoint, region and credentials are used.
    """
    environment = dict(base)
    if engine_url is not None:
        for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
            environment.pop(name, None)
        environment |= OWN_ACCOUNT | {"AWS_ENDPOINT_URL_DYNAMODB": engine_url}
    for name, value in DEFAULTS.items():
        environment.setdefault(name, value)
    environment.setdefault("WEBSOCKET_URL", f"ws://{OWN_HOST}/ws")
    environment.setdefault("AUTH_SECRET", read_secret(data_dir))
    environment.pop("PUBLIC_URL", None)
    return environment | {
        "PORT": str(port),
        "CONNECTIONS_ENDPOINT": f"http://127.0.0.1:{port}{CONNECTIONS_PATH}",
        "PYTHONUNBUFFERED": "1",
    }


def read_secret(data_dir: Path) -> str:
    """The secret that signs local tokens; created at the first start."""
    file = data_dir / "auth-secret"
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _read(file)
    with os.fdopen(descriptor, "w") as writer:
        writer.write(secret := secrets.token_urlsafe(48))
    return secret


def _read(file: Path) -> str:
    try:
        secret = file.read_text("utf-8").strip()
    except OSError as error:
        raise StackError(f"{file} can't be read ({error.strerror}): change its permissions, or delete it") from error
    if not secret:
        raise StackError(f"{file} is empty: delete it, and a new one is made")
    return secret
