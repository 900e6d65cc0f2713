"""The page during outages: lost connections, restarted servers, clients that disappear."""

import time
from contextlib import suppress

import pytest
from playwright.sync_api import expect

from infra.local.stack import LocalStack
from tests.fakes.clients import Caller
from tests.fakes.socket_client import Scene, SocketClient
from tests.fakes.visitors import CONNECTION_ERRORS, House, Visitor

pytestmark = pytest.mark.proof

OUTAGE_SECONDS = 20
RETURN_MS = 60_000
"""The page reconnects after random delays of up to 30 seconds. A lost seat is free after at most 90 seconds."""


def connection_of(peer: SocketClient) -> str:
    """The connection id of the next user who enters."""
    connection: str = peer.wait("user-joined")["connection"]
    return connection


def assert_shows_whole_log(visitor: Visitor, member: Caller, room_id: str) -> None:
    """The page shows each entry of the log once, in order."""
    expect(visitor.connection).to_have_text("Connected", timeout=RETURN_MS)
    expect(visitor.lines).to_have_text([entry["text"] for entry in member.history(room_id)["messages"]])


def test_20_seconds_offline_lose_no_message(house: House, scene: Scene, stack: LocalStack) -> None:
    """Ben's browser knows that it is offline, Cleo's does not. Both send messages, and may lose their seats."""
    ada = scene.enter("Ada")
    ben, his = house.guest("Ben", scene.room_id), connection_of(ada)
    cleo, hers = house.guest("Cleo", scene.room_id), connection_of(ada)
    ben.context.set_offline(True)
    cleo.context.route("**/api/**", lambda route: route.abort("internetdisconnected"))
    for visitor, connection in ((ben, his), (cleo, hers)):
        visitor.expects(*CONNECTION_ERRORS, "status of 403")
        stack.cut(connection)
        expect(visitor.connection).not_to_have_text("Connected")
        visitor.say("Anybody there?")
    ends = time.monotonic() + OUTAGE_SECONDS
    while time.monotonic() < ends:
        ada.ask("message", text=f"{ends - time.monotonic():.0f} seconds to go")
        ben.page.wait_for_timeout(500)
    for visitor in (ben, cleo):
        expect(visitor.connection).not_to_have_text("Connected")
        expect(visitor.texts).to_have_text(["Anybody there?"])
    ben.context.set_offline(False)
    cleo.context.unroute("**/api/**")
    expect(ben.texts.filter(has_text="Anybody there?")).to_have_count(2, timeout=RETURN_MS)
    expect(cleo.texts.filter(has_text="Anybody there?")).to_have_count(2, timeout=RETURN_MS)
    for visitor in (ben, cleo):
        assert_shows_whole_log(visitor, ada.caller, scene.room_id)


def test_an_unmute_without_a_line_can_be_taken_back_and_lapses(house: House, scene: Scene, stack: LocalStack) -> None:
    ada = house.guest("Ada", scene.room_id)
    microphone = ada.page.locator(".mic")
    ada.page.clock.install()
    ada.expects(*CONNECTION_ERRORS)
    ada.context.set_offline(True)
    stack.cut()
    expect(ada.connection).not_to_have_text("Connected")
    for label in ("Unmuting…", "Unmute", "Unmuting…"):
        microphone.click()
        expect(microphone).to_have_text(label)
        assert "muted" not in ada.connection.inner_text(), "it has not lapsed"
    ada.page.clock.fast_forward("00:05")
    expect(microphone).to_have_text("Unmute")
    expect(ada.connection).to_contain_text("Not connected, so you stay muted")
    expect(ada.page.get_by_role("dialog")).to_have_count(0)


def test_a_restart_of_the_stack_loses_no_message(house: House, scene: Scene, stack: LocalStack) -> None:
    ada = scene.member("Ada")
    ben, cleo = house.guest("Ben", scene.room_id), house.guest("Cleo", scene.room_id)
    ben.say("Before")
    expect(cleo.texts).to_have_text(["Before"])
    for visitor in (ben, cleo):
        visitor.expects(*CONNECTION_ERRORS, "status of 50")
    stack.stop()
    expect(ben.connection).to_have_text("Reconnecting…")
    ben.say("Meanwhile")
    stack.start()
    ada.say(scene.room_id, "Afterwards")
    expect(cleo.texts.filter(has_text="Meanwhile")).to_have_count(1, timeout=RETURN_MS)
    expect(ben.texts).to_have_count(3, timeout=RETURN_MS)
    for visitor in (ben, cleo):
        assert_shows_whole_log(visitor, ada, scene.room_id)


def test_a_user_who_closes_the_page_is_away_and_then_gone(house: House, scene: Scene, stack: LocalStack) -> None:
    ada, ben = house.guest("Ada", scene.room_id), house.guest("Ben", scene.room_id)
    expect(ada.person("Ben")).not_to_contain_text("away")
    ben.page.close()
    expect(ada.person("Ben")).to_contain_text("away")
    for _ in range(RETURN_MS // 1_000):  # the schedule alone runs once a minute
        stack.sweep()
        with suppress(AssertionError):
            expect(ada.people).to_have_text(["Ada"], timeout=1_000)
            break
    expect(ada.lines.last).to_have_text("Ben left the room")
