"""The upload of the page to its bucket, and the CDN in front of it."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from infra.deploy import page, record, settings, steps
from infra.deploy.target import ROOT, DeployError, Target
from tests.fakes.issuer import Answer, Issuer

pytestmark = pytest.mark.proof

PROVIDER = {"clientId": "rooms", "authorizationEndpoint": "https://id/authorize", "tokenEndpoint": "https://id/token"}


class Discovery(Issuer):
    """An OpenID provider that publishes its sign-in addresses."""

    def respond(self, method: str, target: str, body: bytes, /) -> Answer:
        if target == "/.well-known/openid-configuration":
            told = {"authorization_endpoint": "https://id/authorize", "token_endpoint": "https://id/token"}
            return 200, {}, json.dumps(told).encode()
        return super().respond(method, target, body)


def bucket(target: Target) -> str:
    """The name of a bucket; it is unique to the account."""
    account: str = target.client("sts").get_caller_identity()["Account"]
    return f"page-{account}"


def configure(target: Target, **settings: Any) -> None:
    """Change the settings of the stage in `.chalice/config.json`."""
    file = target.root / ".chalice" / "config.json"
    config = json.loads(file.read_text())
    config["stages"][target.stage] |= settings
    file.write_text(json.dumps(config))


@pytest.fixture
def site(target: Target) -> Target:
    """A stage with a page and its bucket."""
    shutil.copytree(ROOT / "web", target.root / "web")
    configure(target, page=PROVIDER)
    target.client("s3").create_bucket(Bucket=bucket(target))
    return target


def upload(target: Target) -> dict[str, str]:
    """Upload the page; returns the content types of the files in the bucket."""
    page.upload(target, bucket(target), lambda _: None)
    client = target.client("s3")
    keys = [entry["Key"] for entry in client.list_objects_v2(Bucket=bucket(target))["Contents"]]
    return {key: client.head_object(Bucket=bucket(target), Key=key)["ContentType"] for key in keys}


def test_the_files_of_the_page_have_their_content_types(site: Target) -> None:
    types = upload(site)

    expected = {
        "index.html": "text/html; charset=utf-8",
        "app/main.js": "text/javascript; charset=utf-8",
        "app/style.css": "text/css; charset=utf-8",
        "app/icon.svg": "image/svg+xml",
        "config.json": "application/json",
    }
    assert types.items() >= expected.items()
    assert not [key for key in types if key.endswith((".ts", ".md"))]
    read = json.load(site.client("s3").get_object(Bucket=bucket(site), Key="config.json")["Body"])
    assert read == {"api": "/api", "signIn": {"kind": "oidc", **PROVIDER}}


def test_pages_are_uploaded_last_and_old_files_deleted(site: Target) -> None:
    told: list[str] = []
    page.upload(site, bucket(site), told.append)
    assert told[-1] == "index.html"

    (site.root / "web" / "index.html").rename(site.root / "web" / "welcome.html")
    types = upload(site)

    assert "welcome.html" in types
    assert "index.html" not in types


def test_the_sign_in_addresses_come_from_the_provider(target: Target) -> None:
    with Discovery() as provider:
        issuer = provider.url.removesuffix("/.well-known/jwks.json")
        configure(target, page={"clientId": "rooms", "scope": "openid profile"})
        target.found["AUTH_ISSUER"] = issuer

        told = page.configure(target)["signIn"]

    assert told == {"kind": "oidc", **PROVIDER, "scope": "openid profile"}


def test_ice_servers_are_configured_beside_sign_in(target: Target) -> None:
    rtc = {"iceServers": [{"urls": "stun:stun.example.com"}]}
    configure(target, page=PROVIDER | {"rtc": rtc})

    assert page.configure(target) == {"api": "/api", "signIn": {"kind": "oidc", **PROVIDER}, "rtc": rtc}


@pytest.mark.parametrize("issuer", ["", "http://127.0.0.1:9"])
def test_missing_sign_in_addresses_are_an_error(target: Target, issuer: str) -> None:
    configure(target, page={"clientId": "rooms"})
    target.found["AUTH_ISSUER"] = issuer

    with pytest.raises(DeployError, match="has no sign-in addresses"):
        page.configure(target)


def test_the_functions_get_the_address_of_a_new_cdn(site: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    apis = [
        {"resource_type": "rest_api", "rest_api_id": "rest", "rest_api_url": "https://rest/api/"},
        {"resource_type": "websocket_api", "websocket_api_id": "socket", "websocket_api_url": "wss://socket/api/"},
    ]
    record.file_of(site).parent.mkdir()
    record.file_of(site).write_text(json.dumps({"resources": apis, "schema_version": "2.0"}))
    deployed: list[dict[str, str]] = []
    monkeypatch.setattr(settings, "set_variables", lambda target: deployed.append(dict(target.variables)))

    for _ in range(2):
        steps.deploy_edge(site, lambda _: None)
    said = steps.upload_page(site, lambda _: None)

    outputs = steps.find_edge(site)
    variables, again = deployed
    assert variables == again
    assert variables["PUBLIC_URL"] == outputs["PublicUrl"]
    assert variables["WEBSOCKET_URL"] == outputs["WebSocketUrl"]
    assert said == f"{len(page.list_files(site.root / 'web')) + 1} files"
    assert site.client("s3").list_objects_v2(Bucket=outputs["PageBucket"])["KeyCount"] > 5


def test_the_page_and_its_cdn_are_optional(target: Target) -> None:
    assert steps.plan_page(target) == steps.upload_page(target, lambda _: None) == steps.NO_PAGE
    assert steps.list_steps(target, with_edge=False) == (*steps.DEPLOY, *steps.TRY)
    with_edge = (*steps.DEPLOY, *steps.EDGE, *steps.TRY)
    assert steps.list_steps(target, with_edge=True) == with_edge
    configure(target, page=PROVIDER)
    assert steps.list_steps(target, with_edge=False) == with_edge


def test_only_files_for_browsers_are_uploaded(tmp_path: Path) -> None:
    for name in ("index.html", "app.js", "types.d.ts", "README.md", "config.json", ".hidden"):
        (tmp_path / name).touch()

    assert page.list_files(tmp_path) == [Path("app.js"), Path("index.html")]
