"""Users of the page enter rooms, talk, read and leave."""

import re
import uuid
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Locator, Response, expect

from tests.fakes.clients import Api
from tests.fakes.socket_client import Scene
from tests.fakes.visitors import House, Visitor

pytestmark = pytest.mark.proof

WEB = Path(__file__).parent.parent.parent / "web"
MAX_BYTES = 80_000
FOCUS_PAGE = "dispatchEvent(new Event('focus'))"
"""The lobby loads the rooms again every ten seconds, and at once when it gets the focus."""
PHONE = {"width": 360, "height": 740}
PLACES = """link => {
    const range = document.createRange(), { firstChild: text } = link.querySelector("bdi");
    return [...text.data].map((_, place) => {
        range.setStart(text, place);
        range.setEnd(text, place + 1);
        return range.getBoundingClientRect().left;
    });
}"""
"""Where each character of a link is, in pixels from the left."""


def test_a_reload_is_neither_a_leave_nor_a_join(house: House, scene: Scene) -> None:
    ben = scene.enter("Ben")
    ada = house.guest("Ada", scene.room_id)
    ada.say("Back in a second")
    ben.settle("user-joined", "message_sent")
    ada.page.reload()
    expect(ada.texts).to_have_text(["Back in a second"])
    expect(ada.connection).to_have_text("Connected")
    expect(ada.people).to_have_text(["Ada", "Ben"])
    told = [frame["type"] for frame in ben.settle("user-left", "user-joined")]
    assert not {"user_joined", "user_left"} & set(told)


def test_others_see_a_new_room_and_its_taken_seats(house: House) -> None:
    ada, ben = house.guest("Ada"), house.guest("Ben")
    name = f"Night Owls {uuid.uuid4()}"
    ada.page.get_by_role("button", name="New room").click()
    dialog = ada.page.get_by_role("dialog", name="New room")
    dialog.get_by_label("Name").fill(name)
    dialog.get_by_label("Seats").fill("2")
    dialog.get_by_label("Purple").check()
    dialog.get_by_role("button", name="Make room").click()
    expect(ada.heading(name)).to_be_focused()
    card = ben.page.get_by_role("listitem").filter(has_text=name)
    ben.page.evaluate(FOCUS_PAGE)
    expect(card).to_contain_text("1 of 2 seats taken")
    card.get_by_role("link").click()
    expect(ben.connection).to_have_text("Connected")
    ben.page.go_back()
    expect(ada.people).to_have_text(["Ada"])
    ben.page.evaluate(FOCUS_PAGE)
    expect(card).to_contain_text("1 of 2 seats taken")


def test_a_new_name_is_kept(house: House) -> None:
    ada = house.guest("Ada")
    ada.page.get_by_role("button", name="name and looks").click()
    ada.page.get_by_role("textbox", name="Name").fill("Ada Lovelace")
    ada.page.get_by_role("button", name="Save").click()
    expect(ada.heading("Ada Lovelace")).to_be_visible()
    ada.page.reload()
    expect(ada.heading("Ada Lovelace")).to_be_visible()


def test_a_new_message_does_not_scroll_a_reader_down(house: House, scene: Scene) -> None:
    people = [scene.member(name) for name in ("Ben", "Cleo", "Dan", "Eve")]
    for number in range(80):
        people[number % 4].say(scene.room_id, f"line {number}.")
    ada = house.guest("Ada", scene.room_id)
    expect(ada.texts.last).to_be_in_viewport()
    newest = ada.texts.all_text_contents()
    assert 0 < len(newest) < 80
    ada.page.get_by_role("log").evaluate("log => (log.scrollTop = 0)")
    expect(ada.texts).to_have_text([f"line {number}." for number in range(80)])
    expect(ada.texts.get_by_text(newest[0])).to_be_in_viewport()
    people[0].say(scene.room_id, "Anybody?")
    expect(ada.page).to_have_title("(1) Room")
    expect(ada.texts.last).not_to_be_in_viewport()
    ada.page.get_by_role("button", name="1 new").click()
    expect(ada.texts.last).to_be_in_viewport()
    expect(ada.page).to_have_title("Room")


HOSTILE = [
    "<img src=x onerror=\"document.title='owned'\">",
    "<script>document.title='owned'</script>",
    "</p></li></ol><h1>owned</h1>",
    "&lt;b&gt; &amp; &#60;",
    "javascript:document.title='owned'",
    "[tea](javascript:alert(1)) data:text/html,<script>alert(1)</script> vbscript:x",
    'https://example.com/"onmouseover="alert(1)\' http://javascript:alert(1)@example.com/ https://[::::/',
    "x" * 4000,
    "\U0001f469\u200d\U0001f4bb" * 1333,
    "שלום \u202eevil\u202c \u2067مرحبا\u2069 \u200f!",
    "\U0001f469\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466\U0001f3f3\ufe0f\u200d\U0001f308\U0001f1eb\U0001f1ee",
    "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘",
    "${alert(1)} {{constructor.constructor('alert(1)')()}} %00 \u2028 '; DROP TABLE rooms; --",
]


USER = "javascript:alert(1)@"
"""Addresses are shown without a user name: it looks like a host."""
MARKS = re.compile("([\u0300-\u036f]{8})[\u0300-\u036f]+")
"""At most eight marks on one character are shown."""


def test_hostile_texts_are_shown_as_they_are(house: House, api: Api) -> None:
    name = "<b onclick=alert(1)>Ada"
    with Scene(api, name=HOSTILE[0], description=HOSTILE[1]) as scene:
        ada = house.guest(name, scene.room_id, viewport=PHONE)
        ben = scene.member("Ben")
        for text in HOSTILE:
            ben.say(scene.room_id, text)
        expect(ada.texts).to_have_count(len(HOSTILE))
        assert ada.texts.all_text_contents() == [MARKS.sub(r"\1", text.replace(USER, "")) for text in HOSTILE]
        expect(ada.page.locator(".event .who")).to_have_text([name, "Ben"])
        expect(ada.heading(HOSTILE[0])).to_be_visible()
        assert ada.people.all_text_contents() == [name, "Ben"]
        assert ada.page.title() in {HOSTILE[0], f"(1) {HOSTILE[0]}"}
        assert ada.page.locator("cr-room").locator("img, script, b, [onclick], [onmouseover]").count() == 0
        links = ada.page.get_by_role("log").get_by_role("link")
        assert {urlsplit(str(link.get_attribute("href"))).scheme for link in links.all()} <= {"http", "https"}
        assert ada.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        ada.leave()
        expect(ada.page.get_by_role("link", name=HOSTILE[0])).to_be_visible()
        expect(ada.page.get_by_role("heading", level=1)).to_contain_text(name)


def test_a_message_is_shown_without_harm_to_others(house: House, scene: Scene) -> None:
    """A link is shown from left to right, also after a bidi control. A long message shows 100 lines, and no name floats
    as a sentence over the room."""
    ada, ben = house.guest("Ada", scene.room_id), scene.member("Ben")
    ben.say(scene.room_id, "\u202eSee https://example.com/moc.knab")
    link = ada.page.get_by_role("log").get_by_role("link", name="https://example.com/moc.knab")
    expect(link).to_have_attribute("rel", "noopener noreferrer")
    places = link.evaluate(PLACES)
    assert places == sorted(places)
    for text in ("\n".join("x" * 1000), "W" * 4000):
        ben.say(scene.room_id, text)
        last = ada.texts.last
        expect(last).to_have_text(text)
        shown = last.evaluate("text => text.clientHeight")
        assert shown <= 100 * 24
        ada.page.get_by_role("button", name="More").click()
        expect(ada.page.get_by_role("button", name="More")).to_have_count(0)
        assert last.evaluate("text => text.clientHeight") > shown
    scene.enter("YOUR SESSION HAS EXPIRED. Sign in again at site.example").ask("emoji", emoji="🍵")
    assert ada.page.locator(".float bdi").evaluate("name => name.offsetWidth") <= 150


def test_a_full_room_can_be_entered_when_a_seat_is_free(house: House, api: Api) -> None:
    with Scene(api, max_participants=1) as scene:
        ben = scene.member("Ben")
        ada = house.visitor()
        ada.expects("status of 409")
        ada.open(scene.room_id)
        ada.introduce("Ada")
        expect(ada.heading("Every seat is taken")).to_be_focused()
        ben.leave(scene.room_id)
        ada.page.get_by_role("button", name="Try again").click()
        expect(ada.connection).to_have_text("Connected")


def test_a_closed_room_can_be_entered_when_it_opens_again(house: House, scene: Scene) -> None:
    admin = scene.api.admin()
    ada = house.guest("Ada", scene.room_id)
    admin.patch(f"/coworking/admin/rooms/{scene.room_id}/status")
    expect(ada.heading("This room has closed")).to_be_focused()
    ada.expects("status of 409")
    ada.page.get_by_role("button", name="Try again").click()
    expect(ada.heading("This room is closed")).to_be_focused()
    admin.patch(f"/coworking/admin/rooms/{scene.room_id}/status")
    ada.page.get_by_role("button", name="Try again").click()
    expect(ada.connection).to_have_text("Connected")


def test_a_removed_user_is_told_and_learns_when_to_come_back(house: House, scene: Scene) -> None:
    admin = scene.api.admin()
    ada = house.guest("Ada", scene.room_id)
    path = f"/coworking/rooms/{scene.room_id}"
    (member,) = admin.get(path).json()["participants"]
    act = {"action": "kick", "user_id": member["id"]}
    assert admin.post(f"{path}/moderation", act).status_code == 200
    expect(ada.heading("You were removed from this room")).to_be_focused()
    ada.expects("status of 403")
    ada.page.get_by_role("button", name="Try again").click()
    expect(ada.heading("You are kept out of this room")).to_be_focused()
    expect(ada.page.get_by_text("You can come back after")).to_be_visible()


def test_leaving_on_one_device_ends_the_room_on_the_other(house: House, scene: Scene) -> None:
    ada = house.guest("Ada", scene.room_id)
    phone = house.visitor(storage_state=ada.context.storage_state())
    phone.open(scene.room_id)
    expect(phone.connection).to_have_text("Connected")
    phone.leave()
    expect(ada.heading("You have left this room")).to_be_focused()
    ada.page.get_by_role("button", name="Come back").click()
    expect(ada.connection).to_have_text("Connected")


def test_a_link_to_an_unknown_room_leads_to_the_lobby(house: House) -> None:
    ada = house.visitor()
    ada.expects("status of 404")
    ada.open(str(uuid.uuid4()))
    ada.introduce("Ada")
    expect(ada.heading("There is no such room")).to_be_focused()
    ada.page.get_by_role("link", name="All rooms").click()
    expect(ada.page.get_by_role("link", name="Focus Zone")).to_be_visible()


def test_a_user_without_a_microphone_can_listen_and_write(house: House, scene: Scene) -> None:
    ada = house.guest("Ada", scene.room_id, permissions=[])
    ada.page.get_by_role("button", name="Unmute").click()
    dialog = ada.page.get_by_role("dialog", name="You can still listen")
    expect(dialog).to_contain_text("allow it for this page")
    dialog.get_by_role("button", name="Just listen").click()
    ada.say("I'll write, then")
    expect(ada.texts).to_have_text(["I'll write, then"])


def press_until(visitor: Visitor, key: str, target: Locator) -> None:
    """Press a key until the target has the focus."""
    expect(target).to_be_visible()
    for _ in range(60):
        if target.evaluate("node => node === document.activeElement"):
            return
        visitor.page.keyboard.press(key)
    raise AssertionError(f"{target} cannot be reached with {key}")


def test_a_keyboard_is_enough(house: House) -> None:
    ada = house.visitor()
    ada.open()
    keyboard = ada.page.keyboard
    press_until(ada, "Tab", ada.page.get_by_label("Your name"))
    keyboard.type("Ada")
    keyboard.press("Enter")
    press_until(ada, "Tab", ada.page.get_by_role("button", name="New room"))
    keyboard.press("Enter")
    dialog = ada.page.get_by_role("dialog", name="New room")
    press_until(ada, "Tab", dialog.get_by_label("Name"))
    keyboard.press("Escape")
    expect(dialog).not_to_be_visible()
    press_until(ada, "Tab", ada.page.get_by_role("link", name="Focus Zone"))
    keyboard.press("Enter")
    expect(ada.heading("Focus Zone")).to_be_focused()
    press_until(ada, "Tab", ada.composer)
    text = f"No mouse {uuid.uuid4()}"
    keyboard.type(text)
    keyboard.press("Enter")
    expect(ada.texts.last).to_have_text(text)
    press_until(ada, "Tab", ada.page.get_by_role("button", name="React"))
    keyboard.press("Enter")
    press_until(ada, "Tab", ada.page.get_by_role("button", name="🎉"))
    keyboard.press("Enter")
    expect(ada.lines.last).to_have_text("🎉")
    keyboard.press("Escape")
    press_until(ada, "Shift+Tab", ada.page.get_by_role("link", name="Leave"))
    keyboard.press("Enter")
    expect(ada.heading("Ada")).to_be_focused()


def test_page_and_library_are_small_and_have_one_origin(house: House, scene: Scene) -> None:
    ada = house.visitor()
    served: list[Response] = []
    ada.context.on("response", lambda response: served.append(response))
    ada.open(scene.room_id)
    ada.introduce("Ada")
    expect(ada.connection).to_have_text("Connected")
    assert {urlsplit(response.url).netloc for response in served} == {urlsplit(house.url).netloc}
    files = {urlsplit(response.url).path: response for response in served}
    files = {path: response for path, response in files.items() if not path.startswith(("/api/", "/dev/"))}
    assert {f"/{file.relative_to(WEB)}" for file in WEB.rglob("*.js")} <= set(files)
    sizes = {path: len(response.body()) for path, response in files.items() if not path.endswith(".svg")}
    assert sum(sizes.values()) < MAX_BYTES, sizes


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_chosen_theme_stays(house: House, scheme: str) -> None:
    other = "light" if scheme == "dark" else "dark"
    ada = house.guest("Ada", color_scheme=other)
    ada.page.get_by_role("button", name="name and looks").click()
    ada.page.get_by_label("Theme").select_option(scheme)
    ada.page.get_by_role("button", name="Save").click()
    ada.page.reload()
    expect(ada.page.locator("html")).to_have_css("color-scheme", scheme)
