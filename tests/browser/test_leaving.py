"""Whoever comes and goes faster than the service answers: seats are neither left behind nor lost."""

import pytest
from playwright.sync_api import Route, expect

from tests.fakes.clients import Api
from tests.fakes.socket_client import Scene
from tests.fakes.visitors import House

pytestmark = pytest.mark.proof


def test_who_comes_straight_back_has_a_seat(house: House, scene: Scene) -> None:
    ada = house.guest("Ada", scene.room_id)

    def return_meanwhile(leaving: Route) -> None:
        ada.page.go_back()
        expect(ada.heading("Taking a seat…")).to_be_visible()
        leaving.continue_()

    ada.page.route("**/leave", return_meanwhile)
    ada.leave()
    expect(ada.connection).to_have_text("Connected")
    expect(ada.lines).to_have_text(["Ada joined the room", "Ada left the room", "Ada joined the room"])


def test_who_turns_back_at_the_door_takes_no_seat(house: House, scene: Scene, api: Api) -> None:
    ada = house.guest("Ada")
    expect(ada.heading("Ada")).to_be_visible()

    def turn_back(joining: Route) -> None:
        answer = joining.fetch()
        ada.page.go_back()
        expect(ada.heading("Ada")).to_be_visible()
        joining.fulfill(response=answer)

    ada.page.route("**/join", turn_back)
    with ada.page.expect_response("**/leave"):
        ada.page.goto(f"{ada.url}#/rooms/{scene.room_id}")
    assert api.person("Ben").see(scene.room_id)["participants"] == []
