"""The page's files, in the bucket that the CDN reads, with a `config.json` for the stage."""

import json
import mimetypes
import urllib.request
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.error import URLError

from infra.deploy.target import DeployError, Target
from infra.minified import read

Tell = Callable[[str], None]

CONFIG = "config.json"
LEFT_OUT = {".ts", ".md"}
TYPES = {".js": "text/javascript", ".svg": "image/svg+xml", ".json": "application/json"}
"""What this machine might call otherwise, or not know."""
SECONDS = 20


def list_files(web: Path) -> list[Path]:
    """What a browser asks for, in a directory of the page's sources."""
    found = sorted(path.relative_to(web) for path in web.rglob("*") if path.is_file())
    return [path for path in found if path.suffix not in LEFT_OUT and path.name != CONFIG and path.name[0] != "."]


def content_type(path: Path) -> str:
    kind = TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind


def upload(target: Target, bucket: str, tell: Tell) -> int:
    """Put the files there and take away what else is there; returns how many they are.

    What refers to others goes last, so that nobody gets a page whose parts aren't there.
    """
    web, client = target.root / "web", target.client("s3")
    files = sorted(list_files(web), key=lambda path: path.suffix == ".html")
    client.put_object(Bucket=bucket, Key=CONFIG, Body=json.dumps(configure(target)), ContentType="application/json")
    for path in files:
        tell(str(path))
        key, kind = path.as_posix(), content_type(path)
        client.put_object(Bucket=bucket, Key=key, Body=read(web / path), ContentType=kind)
    empty(target, bucket, keep={CONFIG, *(path.as_posix() for path in files)})
    return len(files) + 1


def empty(target: Target, bucket: str, keep: set[str] | frozenset[str] = frozenset()) -> None:
    """Delete what is in the bucket, but for some of it."""
    client = target.client("s3")
    for listed in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for entry in listed.get("Contents", []):
            if entry["Key"] not in keep:
                client.delete_object(Bucket=bucket, Key=entry["Key"])


def invalidate(target: Target, distribution: str) -> None:
    """Have the CDN forget the files that it has."""
    batch = {"Paths": {"Quantity": 1, "Items": ["/*"]}, "CallerReference": str(uuid.uuid4())}
    target.client("cloudfront").create_invalidation(DistributionId=distribution, InvalidationBatch=batch)


def configure(target: Target) -> dict[str, Any]:
    """What the page reads of the stage: where the API is, how people sign in, and what helps browsers to connect.

    Raises:
        DeployError: nothing says how.
    """
    sign_in = {"kind": "oidc"} | dict(target.settings["page"])
    rtc = sign_in.pop("rtc", None)
    if not {"authorizationEndpoint", "tokenEndpoint"} <= sign_in.keys():
        sign_in = discover(target.variables) | sign_in
    return {"api": "/api", "signIn": sign_in} | ({"rtc": rtc} if rtc else {})


def discover(variables: Mapping[str, str]) -> dict[str, str]:
    """Where the provider signs people in, as it tells itself (OpenID Connect Discovery).

    Raises:
        DeployError: it doesn't.
    """
    advice = 'Give "authorizationEndpoint" and "tokenEndpoint" in the stage\'s "page", or mend AUTH_ISSUER'
    url = f"{variables.get('AUTH_ISSUER', '').rstrip('/')}/.well-known/openid-configuration"
    try:
        with urllib.request.urlopen(url, timeout=SECONDS) as answer:
            told = json.load(answer)
        return {
            "authorizationEndpoint": told["authorization_endpoint"],
            "tokenEndpoint": told["token_endpoint"],
        }
    except (URLError, OSError, ValueError, KeyError) as error:
        raise DeployError(f"{url} doesn't tell where people sign in: {error}", advice) from error
