"""axe-core checks every screen, in light and dark mode, on a desktop and on a phone."""

from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from tests.fakes.clients import Api
from tests.fakes.socket_client import Scene
from tests.fakes.visitors import House

pytestmark = pytest.mark.proof

AXE = Path(__file__).parent.parent / "web" / "node_modules" / "axe-core" / "axe.min.js"
RUN = "axe.run({resultTypes: ['violations'], rules: {'target-size': {enabled: true}}})"
SEVERE = {"serious", "critical"}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
SIZES: dict[str, ViewportSize] = {
    "desktop": {"width": 1280, "height": 800},
    "phone": {"width": 360, "height": 740},
}


def find_violations(page: Page) -> list[str]:
    """The serious and critical violations on the current page, in light and in dark mode."""
    found = []
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        if page.evaluate("typeof axe") == "undefined":
            page.evaluate(AXE.read_text("utf-8"))
        results = page.evaluate(RUN)
        assert results["testEngine"]["name"] == "axe-core"
        severe = [one for one in results["violations"] if one["impact"] in SEVERE]
        nodes = [(one["id"], node) for one in severe for node in one["nodes"]]
        found += [f"{scheme}: {name} at {node['target']}: {node['failureSummary']}" for name, node in nodes]
    return found


@pytest.fixture(params=SIZES.values(), ids=list(SIZES))
def size(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_a_missing_label_is_found(house: House) -> None:
    ada = house.visitor()
    ada.open()
    expect(ada.page.get_by_label("Your name")).to_be_visible()
    ada.page.evaluate("document.querySelector('label').replaceWith(...document.querySelectorAll('input'))")
    assert [violation for violation in find_violations(ada.page) if violation.startswith("dark: label at ['input']")]


def test_the_lobby_is_accessible(house: House, size: ViewportSize) -> None:
    ada = house.visitor(viewport=size)
    page = ada.page
    ada.open()
    expect(page.get_by_label("Your name")).to_be_visible()
    assert find_violations(page) == []
    ada.introduce("Ada")
    expect(page.get_by_role("link", name="Focus Zone")).to_be_visible()
    assert find_violations(page) == []
    page.get_by_role("button", name="New room").click()
    assert find_violations(page) == []
    page.keyboard.press("Escape")
    page.get_by_role("button", name="name and looks").click()
    assert find_violations(page) == []
    page.keyboard.press("Escape")
    ada.expects("status of 401")
    page.route("**/api/**", lambda route: route.fulfill(status=401, json={"code": "unauthorized", "detail": "Expired"}))
    page.reload()
    expect(ada.heading("Your sign-in has expired")).to_be_visible()
    assert find_violations(page) == []


def test_a_room_is_accessible(house: House, api: Api, size: ViewportSize) -> None:
    with Scene(api, name="A long name for a room that some people sit in", max_participants=4) as scene:
        ben, cleo = scene.enter("Ben"), scene.enter("Cleo")
        ben.ask("message", text="Have you seen https://example.com/tea?")
        ada = house.guest("Ada", scene.room_id, viewport=size, permissions=[])
        page = ada.page
        ada.say("Not yet")
        ben.ask("emoji", emoji="🍵")
        cleo.ask("mic", is_muted=False)
        cleo.ask("speaking", is_speaking=True)
        expect(page.locator(".float")).to_have_count(1)
        expect(page.locator(".float")).to_have_count(0)  # it has low contrast while it fades
        cleo.send("typing", is_typing=True)
        expect(ada.person("Cleo")).to_contain_text("typing…")
        assert find_violations(page) == []
        page.get_by_role("button", name="React").click()
        assert find_violations(page) == []
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Volume of Ben").click()
        assert find_violations(page) == []
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Microphone and sound").click()
        expect(page.get_by_role("dialog")).to_be_visible()
        assert find_violations(page) == []
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Unmute").click()
        expect(page.get_by_role("dialog", name="You can still listen")).to_be_visible()
        assert find_violations(page) == []
        page.keyboard.press("Escape")
        ada.expects("WebSocket connection to .* failed")
        page.context.set_offline(True)
        api.stack.cut()
        expect(ada.connection).not_to_have_text("Connected")
        assert find_violations(page) == []
        page.context.set_offline(False)


def test_the_screens_after_a_room_are_accessible(house: House, api: Api, size: ViewportSize) -> None:
    with Scene(api, max_participants=1) as scene:
        ada = house.guest("Ada", scene.room_id, viewport=size)
        page = ada.page
        admin = api.admin()
        admin.patch(f"/coworking/admin/rooms/{scene.room_id}/status")
        expect(ada.heading("This room has closed")).to_be_visible()
        assert find_violations(page) == []
        admin.patch(f"/coworking/admin/rooms/{scene.room_id}/status")
        scene.member("Ben")
        ada.expects("status of 409", "status of 404")
        page.get_by_role("button", name="Try again").click()
        expect(ada.heading("Every seat is taken")).to_be_visible()
        assert find_violations(page) == []
        page.goto(f"{ada.url}#/rooms/none")
        expect(ada.heading("There is no such room")).to_be_visible()
        assert find_violations(page) == []
