"""The microphone on the page, and devices that fail."""

import pytest
from playwright.sync_api import expect

from tests.fakes.socket_client import Scene
from tests.fakes.visitors import House

pytestmark = pytest.mark.proof

ICE_SERVER = "stun:127.0.0.1:9"

RECORD_ICE_SERVERS = """
    window.RTCPeerConnection = class extends RTCPeerConnection {
        constructor(options) {
            super(options);
            document.documentElement.dataset.iceServers = options.iceServers.map(({ urls }) => urls);
        }
    };
"""

FAILING_DEVICES = """
    const { mediaDevices } = navigator;
    const ask = mediaDevices.getUserMedia.bind(mediaDevices);
    const refuse = async () => { throw new DOMException("Taken", "NotReadableError"); };
    mediaDevices.getUserMedia = (wishes) => (wishes.audio.deviceId ? refuse() : ask(wishes));
    HTMLMediaElement.prototype.setSinkId = refuse;
"""

PENDING_PERMISSION = """
    navigator.mediaDevices.getUserMedia = () => new Promise((_, reject) => {
        window.refuse = () => reject(new DOMException("No", "NotAllowedError"));
    });
"""


def test_the_ice_servers_come_from_the_settings(house: House, scene: Scene) -> None:
    settings = {"api": "/api", "signIn": {"kind": "local"}, "rtc": {"iceServers": [{"urls": ICE_SERVER}]}}
    house.guest("Ben", scene.room_id)
    ada = house.visitor(script=RECORD_ICE_SERVERS)
    ada.page.route("**/config.json", lambda route: route.fulfill(json=settings))
    ada.open(scene.room_id)
    ada.introduce("Ada")
    expect(ada.page.locator("html")).to_have_attribute("data-ice-servers", ICE_SERVER)


def test_a_browser_without_webrtc_says_that_it_has_no_voice(house: House, scene: Scene) -> None:
    ada = house.visitor(script="delete window.RTCPeerConnection")
    ada.open(scene.room_id)
    ada.introduce("Ada")
    expect(ada.connection).to_have_text("Connected. This browser can't do voice: it has no WebRTC")
    expect(ada.page.get_by_role("button", name="No voice")).to_be_disabled()


def test_a_failed_device_is_reported_and_can_be_changed(house: House, scene: Scene) -> None:
    ada = house.guest("Ada", scene.room_id, script=FAILING_DEVICES)
    ada.unmute()
    house.guest("Ben", scene.room_id).unmute()
    expect(ada.person("Ben")).to_contain_text("microphone on")
    ada.page.get_by_role("button", name="Microphone and sound").click()
    dialog = ada.page.get_by_role("dialog", name="Microphone and sound")
    dialog.get_by_label("Microphone").select_option(index=1)
    expect(dialog.get_by_role("alert")).to_have_text("Another program uses the microphone. Close it to speak.")
    dialog.get_by_label("Speaker").select_option(index=1)
    expect(dialog.get_by_role("alert")).to_have_text("This device can't be used.")
    dialog.get_by_role("button", name="Done").click()
    expect(ada.page.get_by_role("button", name="Mute", exact=True)).to_be_visible()


def test_a_second_tab_shows_its_own_microphone_as_off(house: House, scene: Scene) -> None:
    ada = house.guest("Ada", scene.room_id)
    ada.unmute()
    other = ada.context.new_page()
    other.goto(ada.page.url)
    expect(other.locator("cr-people li").first).to_contain_text("microphone on")
    expect(other.get_by_role("button", name="Unmute")).to_be_visible()


def test_a_late_refusal_after_leaving_opens_no_dialog(house: House, scene: Scene) -> None:
    ada = house.guest("Ada", scene.room_id, script=PENDING_PERMISSION)
    ada.page.get_by_role("button", name="Unmute").click()
    ada.leave()
    expect(ada.heading("Ada")).to_be_focused()
    ada.page.evaluate("refuse(), new Promise((done) => requestAnimationFrame(done))")
    expect(ada.page.get_by_role("dialog")).to_have_count(0)
