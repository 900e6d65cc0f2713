"""Sign-in with an OpenID provider, as on a deployed page: the authorization code flow with PKCE."""

import uuid
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from infra.local.stack import LocalStack
from tests.fakes.clients import Api
from tests.fakes.provider import CLIENT_ID, NAME, Provider
from tests.fakes.visitors import CONNECTION_ERRORS, House, Visitor

pytestmark = pytest.mark.proof

CONFIG = {
    "api": "/api",
    "signIn": {
        "kind": "oidc",
        "authorizationEndpoint": f"{NAME}/authorize",
        "tokenEndpoint": f"{NAME}/token",
        "clientId": CLIENT_ID,
    },
}
EXPIRED = "Your sign-in has expired"
FAILED = "Signing in did not work. Try again."
PHISHING = "Your account was suspended. Call 555-1234"


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with Provider() as running:
        yield running


@pytest.fixture(scope="module")
def signed_stack(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """A stack that accepts the tokens of this provider."""
    environment = {"AUTH_JWKS_URL": provider.url, "AUTH_ISSUER": NAME, "AUTH_AUDIENCE": CLIENT_ID}
    with LocalStack(data_dir=tmp_path_factory.mktemp("signed"), environment=environment) as running:
        yield running


class Deployment:
    """A page with sign-in, and a room."""

    def __init__(self, house: House, provider: Provider) -> None:
        self.house = house
        self.provider = provider
        provider.user = {"sub": f"ada|{uuid.uuid4()}", "name": "Ada"}
        provider.sign_ins, provider.refreshes = 0, False
        with Api(house.stack) as api:
            self.room_id: str = api.bearer(provider.token(provider.user)).make_room("Quiet")["id"]

    def visitor(self) -> Visitor:
        visitor = self.house.visitor()
        self.provider.serve(visitor.context)
        visitor.page.route("**/config.json", lambda route: route.fulfill(json=CONFIG))
        return visitor


@pytest.fixture
def deployment(browser: Browser, signed_stack: LocalStack, provider: Provider) -> Iterator[Deployment]:
    with House(browser, signed_stack) as house:
        yield Deployment(house, provider)
    assert house.unexpected_errors == []


def sign_in(visitor: Visitor, button: str = "Sign in") -> None:
    visitor.page.get_by_role("button", name=button).click()
    visitor.page.get_by_role("link", name="Yes").click()


def test_a_sign_in_leads_to_the_link_and_lasts(deployment: Deployment) -> None:
    ada = deployment.visitor()
    ada.open(deployment.room_id)
    sign_in(ada)
    expect(ada.connection).to_have_text("Connected")
    expect(ada.people).to_have_text(["Ada"])
    assert ada.page.url == f"{ada.url}#/rooms/{deployment.room_id}"
    ada.page.reload()
    expect(ada.connection).to_have_text("Connected")
    assert deployment.provider.sign_ins == 1


def test_a_user_is_warned_and_can_sign_in_again(deployment: Deployment) -> None:
    ada = deployment.visitor()
    ada.open(deployment.room_id)
    ada.page.clock.install()
    sign_in(ada)
    expect(ada.connection).to_have_text("Connected")
    ada.page.clock.fast_forward("08:00")
    expect(ada.page.get_by_role("alert")).to_contain_text("Your sign-in ends soon")
    ada.page.clock.fast_forward("03:00")
    ada.expects(*CONNECTION_ERRORS)
    deployment.house.stack.cut()
    expect(ada.heading(EXPIRED)).to_be_focused()
    sign_in(ada, "Sign in again")
    expect(ada.connection).to_have_text("Connected")


def test_a_long_session_is_renewed(deployment: Deployment) -> None:
    deployment.provider.refreshes = True
    ada = deployment.visitor()
    ada.open(deployment.room_id)
    ada.page.clock.install()
    sign_in(ada)
    expect(ada.connection).to_have_text("Connected")
    ada.expects(*CONNECTION_ERRORS)
    for _ in range(2):
        with ada.page.expect_response(f"{NAME}/token"):
            ada.page.clock.fast_forward("11:00")
        deployment.house.stack.cut()
        expect(ada.connection).not_to_have_text("Connected")
        expect(ada.connection).to_have_text("Connected")
    assert deployment.provider.sign_ins == 1


def test_another_answer_changes_no_sign_in(deployment: Deployment) -> None:
    ada = deployment.visitor()
    address = f"?state=guessed&code=stolen&error_description={PHISHING}"
    ada.page.goto(ada.url + address)
    expect(ada.page.get_by_role("main")).to_contain_text(FAILED)
    expect(ada.page.locator("body")).not_to_contain_text("suspended")
    assert (ada.page.url, deployment.provider.sign_ins) == (ada.url, 0)
    sign_in(ada)
    expect(ada.page.get_by_role("link", name="Quiet").first).to_be_visible()
    ada.page.goto(ada.url + address)
    expect(ada.page.get_by_role("link", name="Quiet").first).to_be_visible()


def test_the_page_shows_no_sentences_of_strangers(deployment: Deployment) -> None:
    """Neither the provider's, nor those of a proxy before the service."""
    ada = deployment.visitor()
    ada.expects("status of 4")
    ada.open()
    ada.page.get_by_role("button", name="Sign in").click()
    ada.page.get_by_role("link", name="No").click()
    expect(ada.page.get_by_role("main")).to_contain_text(FAILED)
    ada.page.route(f"{NAME}/token", lambda route: route.fulfill(status=400, body=PHISHING))
    sign_in(ada)
    expect(ada.page.get_by_role("main")).to_contain_text(FAILED)
    ada.page.unroute(f"{NAME}/token")
    sign_in(ada)
    expect(ada.page.get_by_role("link", name="Quiet").first).to_be_visible()
    ada.page.route("**/join", lambda route: route.fulfill(status=403, json={"message": PHISHING}))
    ada.open(deployment.room_id)
    expect(ada.heading("That did not work")).to_be_focused()
    expect(ada.page.get_by_role("main")).to_contain_text("Something went wrong")
