"""Voice between real browsers. The fake microphone beeps once a second."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from infra.local.stack import LocalStack
from tests.fakes.clients import Api
from tests.fakes.socket_client import Scene
from tests.fakes.visitors import House, Visitor

pytestmark = pytest.mark.proof

LISTEN = """
    window.connections = [];
    window.RTCPeerConnection = class extends RTCPeerConnection {
        history = [];
        constructor(...options) {
            super(...options);
            connections.push(this);
            this.addEventListener("connectionstatechange", () => this.history.push(this.connectionState));
        }
    };
    window.heard = [];
    setInterval(async () => {
        const heard = [];
        for (const connection of connections.filter(({ connectionState }) => connectionState === "connected"))
            for (const [, report] of await connection.getStats())
                if (report.type === "inbound-rtp")
                    heard.push({ packets: report.packetsReceived, energy: report.totalAudioEnergy });
        window.heard = heard;
        document.documentElement.dataset.voices = heard.filter(({ energy }) => energy > 0.1).length;
    }, 100);
    window.tone = (gain) => {
        const context = new AudioContext();
        const destination = context.createMediaStreamDestination();
        const oscillator = new OscillatorNode(context);
        oscillator.connect(new GainNode(context, { gain })).connect(destination);
        oscillator.start();
        return Object.assign(new EventTarget(), {
            getUserMedia: async () => destination.stream,
            enumerateDevices: async () => [],
        });
    };
"""

ENTER = """async ([token, roomId, deps]) => {
    const { Coworking } = await import("/sdk/index.js");
    const { Voice } = await import("/sdk/voice.js");
    const coworking = new Coworking({ api: "/api", token: () => token });
    window.room = await coworking.enter(roomId);
    window.voice = new Voice(room, {}, deps);
}"""

HEARS = """([others, before]) => {
    const isMore = ({ packets, energy }, index) =>
        packets > (before[index]?.packets ?? 0) + 25 && energy > (before[index]?.energy ?? 0) + 0.1;
    return heard.length === others && heard.every(isMore);
}"""

SILENCE = """() => {
    const [now] = heard;
    window.quiet ??= now;
    if (now.energy > quiet.energy + 0.01) window.quiet = now;
    return now.packets > quiet.packets + 100;
}"""
"""True after two seconds of received silence. With sound, there would be two beeps."""

DISOBEY = 'Object.defineProperty(MediaStreamTrack.prototype, "enabled", { get: () => true, set() {} })'
"""From now on, nothing silences the microphone of the page."""

METER = """async () => {
    const context = new AudioContext();
    const analyser = context.createAnalyser();
    const [{ track }] = connections[0].getReceivers();
    context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
    const samples = new Float32Array(2048);
    window.loudest = 0;
    setInterval(() => {
        analyser.getFloatTimeDomainData(samples);
        window.loudest = Math.max(loudest, ...samples);
    }, 20);
}"""
"""Measures what the page plays."""

SENT = """async () => {
    for (const [, report] of await connections[0].getStats())
        if (report.type === "media-source") return report.totalAudioEnergy;
}"""
"""The sound that the page has sent."""

SPEAKS = """expected => JSON.stringify(expected) === JSON.stringify(
    room.state.participants.filter(({ is_you }) => !is_you).map((one) => [one.id, one.is_muted, one.is_speaking]))"""


class Talker:
    """A user with voice in a room, through the client library."""

    def __init__(self, visitor: Visitor, token: str, room: str) -> None:
        self.page = visitor.page
        self.context = visitor.context
        self._arguments = [token, room]
        self.context.route("**/favicon.ico", lambda route: route.fulfill(status=204))
        self.page.goto(f"{visitor.url}config.json")

    def enter(self) -> None:
        """Start to enter the room. `voice` exists when the seat is taken."""
        self.page.evaluate(f"args => void ({ENTER})(args)", self._arguments)

    def talk(self) -> None:
        """Switch the microphone on when the seat is taken."""
        self.waits("window.voice && (voice.start(), true)")

    def hears(self, others: int) -> None:
        """Wait until this many others are heard, from now on."""
        before = self.page.evaluate("heard")
        self.page.wait_for_function(HEARS, arg=[others, before])

    def waits(self, condition: str, argument: object = None) -> Any:
        """Wait until an expression is true. Returns its value."""
        return self.page.wait_for_function(condition, arg=argument).json_value()

    def does(self, script: str, argument: object = None) -> Any:
        """Run a script. Returns its value."""
        return self.page.evaluate(script, argument)


Invite = Callable[..., Talker]
Pair = tuple[Talker, Talker]


@pytest.fixture
def invite(house: House, api: Api, stack: LocalStack) -> Invite:
    """A new room: `invite("ada")` is a user in it. It is deleted when the browsers are closed, so no seat stays."""
    admin = api.admin()
    room = admin.make_room("Voices")["id"]
    house.callback(admin.delete, f"/coworking/rooms/{room}")

    def come(name: str, **options: Any) -> Talker:
        visitor = house.visitor(script=LISTEN, bypass_csp=True, **options)
        talker = Talker(visitor, stack.token(name, name.title()), room)
        talker.enter()
        return talker

    return come


@pytest.fixture
def pair(invite: Invite) -> Pair:
    """Two users who hear each other."""
    ada, grace = invite("ada"), invite("grace")
    for talker in (ada, grace):
        talker.talk()
    for talker in (ada, grace):
        talker.hears(1)
    return ada, grace


def test_two_users_hear_each_other_unless_one_is_muted(pair: Pair) -> None:
    ada, grace = pair
    ada.does("voice.setMuted(true)")
    grace.waits(SILENCE)
    ada.hears(1)
    ada.does("voice.setMuted(false)")
    grace.hears(1)


def test_a_muted_user_is_not_heard_whatever_the_page_sends(pair: Pair) -> None:
    ada, grace = pair
    grace.does(METER)
    grace.waits("loudest > 0.1")
    ada.does(f"void {DISOBEY}")
    ada.does("voice.setMuted(true)")
    grace.waits(SPEAKS, [["ada", True, False]])
    grace.does("new Promise((done) => setTimeout(done, 100)).then(() => void (loudest = 0))")
    sent = ada.does(SENT)
    grace.waits("before => heard[0].packets > before + 100", grace.does("heard[0].packets"))  # two beeps
    assert ada.does(SENT) > sent + 0.1
    assert grace.does("loudest") == 0
    ada.does("voice.setMuted(false)")
    grace.waits("loudest > 0.1")


def test_a_third_user_is_connected_with_both(invite: Invite, pair: Pair) -> None:
    linus = invite("linus")
    linus.talk()
    for talker in (*pair, linus):
        talker.hears(2)
    assert [talker.does("connections.length") for talker in (*pair, linus)] == [2, 2, 2]


def test_a_cut_socket_does_not_interrupt_the_voices(pair: Pair, stack: LocalStack) -> None:
    ada, grace = pair
    before = ada.does("room.state.you.connection_id")
    stack.cut(before)
    after = ada.waits("old => room.state.you.connection_id !== old && room.state.you.connection_id", before)
    grace.waits("id => voice.state.peers[0].connectionId === id", after)
    for talker in pair:
        talker.hears(1)
        assert talker.does("connections.map(({ history }) => history.at(-1))") == ["connected"]
        assert talker.does("connections[0].history.includes('disconnected')") is False


def test_voice_returns_after_a_reload_and_ends_with_the_page(pair: Pair) -> None:
    ada, grace = pair
    grace.page.reload()
    ada.waits("voice.state.peers.length === 0")
    grace.enter()
    grace.talk()
    for talker in pair:
        talker.hears(1)
    grace.context.close()
    ada.waits("voice.state.peers.length === 0")
    assert ada.does("connections.map(({ connectionState }) => connectionState)") == ["closed", "closed"]


def test_both_sides_can_restart_ice_at_the_same_time(pair: Pair) -> None:
    fragment = "connections[0].localDescription.sdp.match(/ice-ufrag:(.*)/)[1]"
    before = [talker.does(fragment) for talker in pair]
    for talker in pair:
        talker.does("connections[0].restartIce()")
    for talker, old in zip(pair, before, strict=True):
        talker.waits(f"old => connections[0].signalingState === 'stable' && {fragment} !== old", old)
        talker.hears(1)
        assert talker.does("connections.length") == 1


def test_late_and_repeated_frames_still_connect_all(invite: Invite, stack: LocalStack) -> None:
    talkers = [invite("ada"), invite("grace"), invite("linus")]
    stack.plan_faults(frame_delay=[0, 700], run_twice=0.3)
    try:
        for talker in talkers:
            talker.talk()
        for talker in talkers:
            talker.hears(2)
    finally:
        stack.plan_faults()


def test_a_user_without_a_microphone_still_hears(invite: Invite) -> None:
    ada, grace = invite("ada"), invite("grace", permissions=[])
    ada.talk()
    grace.waits("window.voice")
    refusal = grace.does("voice.start().catch(({ name, code }) => [name, code])")
    assert refusal == ["MicrophoneError", "denied"]
    grace.hears(1)
    assert grace.does("[voice.state.status, voice.state.muted]") == ["listening", True]


def test_new_devices_need_no_new_negotiation(pair: Pair) -> None:
    ada, _ = pair
    devices = ada.does("voice.devices()")
    wanted = next(device["id"] for device in devices["inputs"] if device["id"] != ada.does("voice.state.input"))
    described = ada.does("connections[0].localDescription.sdp")
    ada.does("id => voice.useInput(id)", wanted)
    ada.does("id => voice.useOutput(id)", devices["outputs"][-1]["id"])
    assert ada.does("voice.state.input") == wanted
    for talker in pair:
        talker.hears(1)
    assert ada.does("connections[0].localDescription.sdp.split('a=candidate')[0]") == described.split("a=candidate")[0]


def test_all_see_who_speaks_and_muting_ends_it(invite: Invite) -> None:
    ada, grace = invite("ada"), invite("grace")
    for talker in (ada, grace):
        talker.waits("window.voice")
    ada.does("window.voice = new voice.constructor(room, {}, { media: tone(0.3) })")
    grace.does("voice.listen()")
    ada.talk()
    grace.waits("voice.state.peers[0]?.speaking")
    grace.waits(SPEAKS, [["ada", False, True]])
    ada.does("voice.setMuted(true)")
    grace.waits("!voice.state.peers[0].speaking")
    grace.waits(SPEAKS, [["ada", True, False]])


def test_two_users_talk_on_the_page(house: House, scene: Scene) -> None:
    ada, grace = (house.guest(name, scene.room_id, script=LISTEN) for name in ("Ada", "Grace"))
    for visitor in (ada, grace):
        visitor.unmute()
    for visitor in (ada, grace):
        expect(visitor.page.locator("html")).to_have_attribute("data-voices", "1")
    expect(ada.person("Grace")).to_contain_text("microphone on")
    grace.page.get_by_role("button", name="Mute", exact=True).click()
    expect(ada.person("Grace")).to_contain_text("muted")
    ada.leave()
    expect(grace.page.locator("html")).to_have_attribute("data-voices", "0")
