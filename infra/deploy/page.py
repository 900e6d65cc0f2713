"""The page's files in the CDN's bucket, with a `config.json` for the stage."""

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
"""Types that this machine may not know, or may name otherwise."""
SECONDS = 20


def list_files(web: Path) -> list[Path]:
    """The files of the page that a browser asks for."""
    found = sorted(path.relative_to(web) for path in web.rglob("*") if path.is_file())
    return [path for path in found if path.suffix not in LEFT_OUT and path.name != CONFIG and path.name[0] != "."]


def content_type(path: Path) -> str:
    kind = TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind


def upload(target: Target, bucket: str, tell: Tell) -> int:
    """Upload the files, delete all others from the bucket, and return their number.

    HTML files go last, so that no visitor gets a page whose parts are missing.
    """
    web, client = target.root / "web", target.client("s3", target.edge_region)
    files = sorted(list_files(web), key=lambda path: path.suffix == ".html")
    client.put_object(Bucket=bucket, Key=CONFIG, Body=json.dumps(configure(target)), ContentType="application/json")
    for path in files:
        tell(str(path))
        key, kind = path.as_posix(), content_type(path)
        client.put_object(Bucket=bucket, Key=key, Body=read(web / path), ContentType=kind)
    empty(target, bucket, keep={CONFIG, *(path.as_posix() for path in files)})
    return len(files) + 1


def empty(target: Target, bucket: str, keep: set[str] | frozenset[str] = frozenset()) -> None:
    """Delete all objects of a bucket but those to `keep`."""
    client = target.client("s3", target.edge_region)
    for listed in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for entry in listed.get("Contents", []):
            if entry["Key"] not in keep:
                client.delete_object(Bucket=bucket, Key=entry["Key"])


def invalidate(target: Target, distribution: str) -> None:
    """Make the CDN drop its cached files."""
    batch = {"Paths": {"Quantity": 1, "Items": ["/*"]}, "CallerReference": str(uuid.uuid4())}
    target.client("cloudfront").create_invalidation(DistributionId=distribution, InvalidationBatch=batch)


def configure(target: Target) -> dict[str, Any]:
    """The page's `config.json`: the API's path, sign-in and WebRTC settings; raises DeployError without a sign-in."""
    sign_in = {"kind": "oidc"} | dict(target.settings["page"])
    rtc = sign_in.pop("rtc", None)
    if not {"authorizationEndpoint", "tokenEndpoint"} <= sign_in.keys():
        sign_in = discover(target.variables) | sign_in
    return {"api": "/api", "signIn": sign_in} | ({"rtc": rtc} if rtc else {})


def discover(variables: Mapping[str, str]) -> dict[str, str]:
    """The provider's sign-in addresses, by OpenID Connect Discovery; raises DeployError if it doesn't tell them."""
    advice = 'Give "authorizationEndpoint" and "tokenEndpoint" in the stage\'s "page", or correct AUTH_ISSUER'
    url = f"{variables.get('AUTH_ISSUER', '').rstrip('/')}/.well-known/openid-configuration"
    try:
        with urllib.request.urlopen(url, timeout=SECONDS) as answer:
            told = json.load(answer)
        return {
            "authorizationEndpoint": told["authorization_endpoint"],
            "tokenEndpoint": told["token_endpoint"],
        }
    except (URLError, OSError, ValueError, KeyError) as error:
        raise DeployError(f"{url} has no sign-in addresses: {error}", advice) from error
