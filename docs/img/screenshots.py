"""Takes the screenshots of the page: `make screenshots`.

It starts its own stack. People enter and talk, and Ada opens every screen on a desktop and on a phone, in light and in
dark mode. People, messages and clock are the same each time, so a picture changes only if the page changes.
"""

import base64
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from PIL import Image, ImageChops
from playwright.sync_api import Browser, ViewportSize, expect

from chalicelib.features import FRAMES
from infra.local.stack import LocalStack
from tests.fakes.chromium import MISSING, find_chromium, launch
from tests.fakes.clients import Api, Caller
from tests.fakes.socket_client import SocketClient, open_socket
from tests.fakes.visitors import House, Visitor

HERE = Path(__file__).parent
SIZES: dict[str, ViewportSize] = {
    "desktop": {"width": 1280, "height": 800},
    "phone": {"width": 390, "height": 844},
}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
WHOLE = ("lobby", "room")
"""These screens have a file for each size and colour scheme. The other screens share sheets."""
SHEETS = {
    "screens-in": ("welcome", "new-room", "profile", "devices"),
    "screens-out": ("microphone", "full", "closed", "expired"),
}
SHEET = """
<style>
    body {{ margin: 0 }}
    main {{ display: inline-grid; gap: 12px; padding: 12px; background: #8884 }}
    div {{ display: flex; gap: 12px }}
    img {{ zoom: 0.28; border-radius: 24px }}
</style>
<main>{rows}</main>
"""
SEATED = {"Focus Zone": 4, "Creative Studio": 2, "Study Hall": 7, "Coffee Break": 3, "Phone Booth": 1}
TALK = (
    ("Grace", "Morning! I'm on the compiler chapter until eleven."),
    ("Linus", "Same desk, other book. The notes are at https://example.com/notes"),
    ("Margaret", "Quiet hour, then tea at ten?"),
    ("Grace", "Yes, please"),
    ("Ada", "I'll put the kettle on 🫖"),
)
SAME_ADA = """
    crypto.randomUUID = () => "ada";
    navigator.mediaDevices.enumerateDevices = async () =>
        ["audioinput", "audiooutput"].map((kind) => ({ kind, deviceId: kind, label: "Headset" }));
"""
SAME_CLOCK = """() => {
    const minutes = (place) => String(12 + place).padStart(2, "0");
    document.querySelectorAll("time").forEach((time, place) => (time.textContent = `9:${minutes(place)}`));
    const today = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" }).format();
    for (const line of document.querySelectorAll("li"))
        if (line.textContent === today) line.textContent = "Monday 2 March";
}"""
SAME_SHADE = 16
Shots = dict[tuple[str, str, str], bytes]


class Town:
    """The users and the rooms."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.root = self.person("Root", admin=True)
        self.rooms = {room["name"]: room["id"] for room in self.root.get("/coworking/rooms").json()}
        self.sockets: dict[str, SocketClient] = {}

    def person(self, name: str, *, admin: bool = False) -> Caller:
        """A user with a fixed id."""
        user_id = name.lower()
        token = self.api.stack.token(user_id, name, roles=["admin"] if admin else [])
        return self.api.bearer(token, user_id, name)

    def fill_rooms(self) -> None:
        booth = self.root.make_room("Phone Booth", description="For one, with the door shut", max_participants=1)
        self.rooms["Phone Booth"] = booth["id"]
        for name, people in SEATED.items():
            for number in range(people):
                self.person(f"{name} {number}").join(self.rooms[name])

    def open_room(self) -> str:
        """Open a room with users who are connected."""
        looks = {"description": "Long chapters, short words", "color": "bg-green", "max_participants": 8}
        room = self.root.make_room("Deep Work", **looks)["id"]
        for name in ("Grace", "Linus", "Margaret", "Alan"):
            socket = self.sockets[name] = open_socket(self.person(name).join(room)["websocket"]["url"])
            socket.sync()
        self.sockets["Grace"].ask("mic", is_muted=False)
        self.sockets["Grace"].ask("speaking", **FRAMES["speaking"].example)
        self.sockets["Linus"].ask("mic", is_muted=False)
        return str(room)

    def talk(self, ada: Visitor) -> None:
        for name, text in TALK:
            if name == "Ada":
                ada.say(text)
                self.sockets["Grace"].wait(lambda frame: frame["type"] == "message_sent" and frame["from"] == "ada")
            else:
                self.sockets[name].ask("message", text=text)
        self.sockets["Margaret"].ask("emoji", emoji="👏")

    def toggle(self, room: str) -> None:
        self.root.patch(f"/coworking/admin/rooms/{room}/status")

    def close(self) -> None:
        for socket in self.sockets.values():
            socket.close()


class Camera:
    """Takes screenshots in light and in dark mode."""

    def __init__(self, shots: Shots, visitor: Visitor, size: str) -> None:
        self._shots = shots
        self.visitor = visitor
        self._page = visitor.page
        self._size = size

    def take(self, screen: str) -> None:
        self._page.evaluate(SAME_CLOCK)
        for scheme in SCHEMES:
            self._page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            self._shots[screen, self._size, scheme] = self._page.screenshot(animations="disabled", caret="hide")


def take_all(house: House, town: Town, shots: Shots) -> None:
    """Take all screens, on both devices."""
    room = town.open_room()
    cameras = [arrive(house, size, shots) for size in SIZES]
    for camera in cameras:
        take_lobby(camera.visitor, camera)
    for camera in cameras:
        camera.visitor.open(room)
        expect(camera.visitor.connection).to_have_text("Connected")
    town.talk(cameras[0].visitor)
    for camera in cameras:
        take_room(camera.visitor, town, camera)
    for camera in cameras:
        take_ends(camera.visitor, town, camera)


def arrive(house: House, size: str, shots: Shots) -> Camera:
    ada = house.visitor(viewport=SIZES[size], permissions=[], locale="en-GB", timezone_id="UTC")
    ada.page.add_init_script(SAME_ADA)
    camera = Camera(shots, ada, size)
    ada.open()
    expect(ada.page.get_by_label("Your name")).to_be_visible()
    camera.take("welcome")
    ada.introduce("Ada")
    return camera


def take_room(ada: Visitor, town: Town, camera: Camera) -> None:
    expect(ada.lines.last).to_have_text("👏")
    expect(ada.page.locator(".float")).to_have_count(0)
    town.sockets["Linus"].send("typing", is_typing=True)
    expect(ada.person("Linus")).to_contain_text("typing…")
    camera.take("room")
    ada.page.get_by_role("button", name="Unmute").click()
    expect(ada.page.get_by_role("dialog")).to_be_visible()
    camera.take("microphone")
    ada.page.keyboard.press("Escape")
    ada.page.get_by_role("button", name="Microphone and sound").click()
    expect(ada.page.get_by_role("dialog")).to_be_visible()
    camera.take("devices")
    ada.page.keyboard.press("Escape")


def take_lobby(ada: Visitor, camera: Camera) -> None:
    expect(ada.page.get_by_role("link", name="Focus Zone")).to_be_visible()
    camera.take("lobby")
    ada.page.get_by_role("button", name="name and looks").click()
    camera.take("profile")
    ada.page.keyboard.press("Escape")
    ada.page.get_by_role("button", name="New room").click()
    camera.take("new-room")
    ada.page.keyboard.press("Escape")


def take_ends(ada: Visitor, town: Town, camera: Camera) -> None:
    """Take the screens of a closed room, a full room and an expired sign-in."""
    room = town.rooms["Sprint Room"]
    ada.open(room)
    expect(ada.connection).to_have_text("Connected")
    town.toggle(room)
    expect(ada.heading("This room has closed")).to_be_visible()
    camera.take("closed")
    town.toggle(room)
    ada.open(town.rooms["Phone Booth"])
    expect(ada.heading("Every seat is taken")).to_be_visible()
    camera.take("full")
    ada.page.route("**/api/**", lambda route: route.fulfill(status=401, json={"code": "unauthorized"}))
    ada.open()
    expect(ada.heading("Your sign-in has expired")).to_be_visible()
    camera.take("expired")


def lay_out(browser: Browser, shots: Shots, screens: tuple[str, ...]) -> bytes:
    """A sheet with a row for each screen. From left to right: desktop and phone, each in light and dark mode."""
    rows = ["".join(_image(shots[screen, size, scheme]) for size in SIZES for scheme in SCHEMES) for screen in screens]
    page = browser.new_page(viewport={"width": 2000, "height": 1000})
    page.set_content(SHEET.format(rows="".join(f"<div>{row}</div>" for row in rows)))
    sheet = page.locator("main").screenshot()
    page.close()
    return sheet


def _image(shot: bytes) -> str:
    return f"<img src='data:image/png;base64,{base64.b64encode(shot).decode()}'>"


def keep(name: str, shot: bytes) -> None:
    """Write a picture in 256 colours, which is a third of the size. If the stored picture looks the same, keep that."""
    file = HERE / f"{name}.png"
    picture = Image.open(BytesIO(shot)).convert("RGB").quantize(256, kmeans=1)
    if not (file.exists() and look_alike(picture, Image.open(file))):
        picture.save(file, optimize=True)


def look_alike(one: Image.Image, other: Image.Image) -> bool:
    """True if the pictures look the same. Gradients differ a little in each run."""
    if one.size != other.size:
        return False
    shades = ImageChops.difference(one.convert("RGB"), other.convert("RGB")).convert("L").histogram()
    return sum(shades[SAME_SHADE:]) <= one.width * one.height / 5000


@contextmanager
def open_town() -> Iterator[tuple[LocalStack, Town]]:
    with ExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory()))
        local = stack.enter_context(LocalStack(data_dir=directory))
        town = Town(stack.enter_context(Api(local)))
        stack.callback(town.close)
        yield local, town


def main() -> None:
    executable = find_chromium()
    if executable is None:
        raise SystemExit(f"error: {MISSING}")
    shots: Shots = {}
    with open_town() as (local, town), launch(executable) as browser, House(browser, local) as house:
        town.fill_rooms()
        take_all(house, town, shots)
        for (screen, size, scheme), shot in shots.items():
            if screen in WHOLE:
                keep(f"{screen}-{size}-{scheme}", shot)
        for name, screens in SHEETS.items():
            keep(name, lay_out(browser, shots, screens))


if __name__ == "__main__":
    main()
