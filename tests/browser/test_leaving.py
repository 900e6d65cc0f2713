"""Users who enter and leave before the service answers. No seat is kept or lost by mistake."""

import pytest
from playwright.sync_api import Route, expect

from tests.fakes.clients import Api
from tests.fakes.socket_client import Scene
from tests.fakes.visitors import House

pytestmark = pytest.mark.proof


def test_a_return_during_a_leave_takes_a_new_seat(house: House, scene: Scene) -> None:
    ada = house.guest("Ada", scene.room_id)

    def return_during_leave(leaving: Route) -> None:
        ada.page.go_back()
        expect(ada.heading("Taking a seat…")).to_be_visible()
        leaving.continue_()

    ada.page.route("**/leave", return_during_leave)
    ada.leave()
    expect(ada.connection).to_have_text("Connected")
    expect(ada.lines).to_have_text(["Ada joined the room", "Ada left the room", "Ada joined the room"])


def test_a_user_who_goes_back_during_a_join_keeps_no_seat(house: House, scene: Scene, api: Api) -> None:
    ada = house.guest("Ada")
    expect(ada.heading("Ada")).to_be_visible()

    def go_back_during_join(joining: Route) -> None:
        answer = joining.fetch()
        ada.page.go_back()
        expect(ada.heading("Ada")).to_be_visible()
        joining.fulfill(response=answer)

    ada.page.route("**/join", go_back_during_join)
    with ada.page.expect_response("**/leave"):
        ada.page.goto(f"{ada.url}#/rooms/{scene.room_id}")
    assert api.person("Ben").see(scene.room_id)["participants"] == []
