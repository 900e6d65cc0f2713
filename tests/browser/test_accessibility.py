"""axe-core looks at every screen: light and dark, on a desktop and on a phone."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from tests.fakes.clients import Api
from tests.fakes.socket_client import Scene
from tests.fakes.visitors import House

pytestmark = pytest.mark.proof

AXE = Path(__file__).parent.parent / "web" / "node_modules" / "axe-core" / "axe.min.js"
RUN = "axe.run({resultTypes: ['violations'], rules: {'target-size': {enabled: true}}})"
GRAVE = {"serious", "critical"}
SIZES: dict[str, ViewportSize] = {
    "desktop": {"width": 1280, "height": 800},
    "phone": {"width": 360, "height": 740},
}


class Inspector:
    """Notes what is wrong with the screens it is shown."""

    def __init__(self, page: Page) -> None:
        self.found: list[str] = []
        self._page = page

    def look(self, screen: str) -> None:
        """Look at the page as it is, in the light and in the dark."""
        for scheme in ("light", "dark"):
            self._page.emulate_media(color_scheme="light" if scheme == "light" else "dark", reduced_motion="reduce")
            if self._page.evaluate("typeof axe") == "undefined":
                self._page.evaluate(AXE.read_text("utf-8"))
            results = self._page.evaluate(RUN)
            assert results["testEngine"]["name"] == "axe-core"
            self.found += [f"{screen}, {scheme}: {text}" for one in results["violations"] for text in describe(one)]


def describe(violation: dict[str, Any]) -> list[str]:
    """What is wrong, and where; nothing of what axe itself takes lightly."""
    if violation["impact"] not in GRAVE:
        return []
    return [f"{violation['id']} at {node['target']}: {node['failureSummary']}" for node in violation["nodes"]]


@pytest.fixture(params=SIZES)
def size(request: pytest.FixtureRequest) -> ViewportSize:
    name: str = request.param
    return SIZES[name]


def test_the_inspector_sees_what_is_wrong(house: House) -> None:
    ada = house.visitor()
    ada.open()
    expect(ada.page.get_by_label("Your name")).to_be_visible()
    ada.page.evaluate("document.querySelector('label').replaceWith(...document.querySelectorAll('input'))")
    inspector = Inspector(ada.page)
    inspector.look("spoilt")
    assert [text for text in inspector.found if text.startswith("spoilt, dark: label at ['input']")]


def test_nothing_is_wrong_with_the_lobby(house: House, size: ViewportSize) -> None:
    ada = house.visitor(viewport=size)
    page, inspector = ada.page, Inspector(ada.page)
    ada.open()
    expect(page.get_by_label("Your name")).to_be_visible()
    inspector.look("welcome")
    ada.introduce("Ada")
    expect(page.get_by_role("link", name="Focus Zone")).to_be_visible()
    inspector.look("lobby")
    page.get_by_role("button", name="New room").click()
    inspector.look("new room")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="name and looks").click()
    inspector.look("name and looks")
    page.keyboard.press("Escape")
    ada.expects("status of 401")
    page.route("**/api/**", lambda route: route.fulfill(status=401, json={"code": "unauthorized", "detail": "Expired"}))
    page.reload()
    expect(ada.heading("Your sign-in has expired")).to_be_visible()
    inspector.look("expired")
    assert inspector.found == []


def test_nothing_is_wrong_with_a_room(house: House, api: Api, size: ViewportSize) -> None:
    with Scene(api, name="A long name for a room that some people sit in", max_participants=4) as scene:
        ben, cleo = scene.enter("Ben"), scene.enter("Cleo")
        ben.ask("message", text="Have you seen https://example.com/tea?")
        ada = house.guest("Ada", scene.room_id, viewport=size, permissions=[])
        page, inspector = ada.page, Inspector(ada.page)
        ada.say("Not yet")
        ben.ask("emoji", emoji="🍵")
        cleo.ask("mic", is_muted=False)
        cleo.ask("speaking", is_speaking=True)
        expect(page.locator(".float")).to_have_count(1)
        expect(page.locator(".float")).to_have_count(0)  # while it fades away nobody has to read it
        cleo.send("typing", is_typing=True)
        expect(ada.person("Cleo")).to_contain_text("typing…")
        inspector.look("room")
        page.get_by_role("button", name="React").click()
        inspector.look("reactions")
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Volume of Ben").click()
        inspector.look("volume")
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Microphone and sound").click()
        expect(page.get_by_role("dialog")).to_be_visible()
        inspector.look("devices")
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Unmute").click()
        expect(page.get_by_role("dialog", name="You can still listen")).to_be_visible()
        inspector.look("microphone denied")
        page.keyboard.press("Escape")
        ada.expects("WebSocket connection to .* failed")
        page.context.set_offline(True)
        api.stack.cut()
        expect(ada.line).not_to_have_text("Connected")
        inspector.look("offline")
        page.context.set_offline(False)
        assert inspector.found == []


def test_nothing_is_wrong_with_the_screens_that_end_a_room(house: House, api: Api, size: ViewportSize) -> None:
    with Scene(api, max_participants=1) as scene:
        ada = house.guest("Ada", scene.room_id, viewport=size)
        inspector = Inspector(ada.page)
        admin = api.admin()
        admin.patch(f"/coworking/admin/rooms/{scene.room_id}/status")
        expect(ada.heading("This room has closed")).to_be_visible()
        inspector.look("closed")
        admin.patch(f"/coworking/admin/rooms/{scene.room_id}/status")
        scene.member("Ben")
        ada.expects("status of 409", "status of 404")
        ada.page.get_by_role("button", name="Try again").click()
        expect(ada.heading("Every seat is taken")).to_be_visible()
        inspector.look("full")
        ada.page.goto(f"{ada.url}#/rooms/none")
        expect(ada.heading("There is no such room")).to_be_visible()
        inspector.look("no room")
        assert inspector.found == []
