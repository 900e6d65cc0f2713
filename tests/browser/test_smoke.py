"""The only browser test of `make test`: users meet in a room, talk and leave."""

from playwright.sync_api import expect

from tests.fakes.socket_client import Scene
from tests.fakes.visitors import House


def test_users_enter_a_room_talk_and_leave(house: House, scene: Scene) -> None:
    ada, ben = house.guest("Ada", scene.room_id), house.guest("Ben", scene.room_id)
    ada.say("Chapter three, then tea?")
    expect(ben.texts).to_have_text(["Chapter three, then tea?"])
    ben.say("With milk")
    cleo = house.guest("Cleo", scene.room_id)
    for person, names in ((ada, ["Ada", "Ben", "Cleo"]), (ben, ["Ben", "Ada", "Cleo"]), (cleo, ["Cleo", "Ada", "Ben"])):
        expect(person.people).to_have_text(names)
        expect(person.texts).to_have_text(["Chapter three, then tea?", "With milk"])
    ben.leave()
    expect(ben.heading("Ben")).to_be_visible()
    for person, names in ((ada, ["Ada", "Cleo"]), (cleo, ["Cleo", "Ada"])):
        expect(person.people).to_have_text(names)
        expect(person.lines.last).to_have_text("Ben left the room")
