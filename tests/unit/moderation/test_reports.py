"""Members report messages, and administrators decide."""

from typing import Any

import pytest

from chalicelib.account.export import export_data
from chalicelib.account.schemas import ExportQuery
from chalicelib.account.service import erase_account
from chalicelib.chat.edits import edit_message
from chalicelib.chat.service import send_message
from chalicelib.contract import Context, Request
from chalicelib.kernel.times import iso
from chalicelib.lifecycle.service import delete_room
from chalicelib.moderation import reports
from chalicelib.moderation.everywhere import lift_ban
from chalicelib.moderation.reports import decide, list_reports, report_message
from chalicelib.moderation.schemas import ReportDecision, ReportsQuery, ReportView
from chalicelib.seats.deletions import delete_message
from tests.fakes.backend import DAY, NOW, Interrupt, World, code_of

SPAM, WHY = "Buy my course!", "xyzzy"
SAID, EMOJI = 4, 5


@pytest.fixture
def room_id(world: World, monkeypatch: pytest.MonkeyPatch) -> str:
    """A room in which Mallory has advertised."""
    monkeypatch.setattr(world.store.connection, "sleep", lambda _: None)
    made = world.open_room()
    for user_id in ("mallory", "ada", "bob"):
        world.join(user_id, made)
    send_message(world.context("mallory", made), SPAM, "text", None)
    send_message(world.context("mallory", made), "🎉", "emoji", None)
    return made


def root(world: World, now: int = NOW) -> Request:
    return world.request("root", now)


def reported(world: World, **query: Any) -> list[ReportView]:
    return list_reports(root(world), ReportsQuery(**query)).reports


def deciding(world: World, state: Any, report_id: str = "") -> str:
    report_id = report_id or reported(world)[0].id
    return code_of(decide, root(world), report_id, ReportDecision(state=state))


def test_a_report_keeps_the_message_as_it_was(world: World, room_id: str) -> None:
    for _ in range(2):
        report_message(world.context("ada", room_id), SAID, WHY)
    report_message(world.context("bob", room_id, NOW + 1), SAID, None)
    edit_message(world.context("mallory", room_id, NOW + 2), SAID, "Hello", None, None)
    report_message(world.context("ada", room_id, NOW + 3), SAID, "again")

    shown = [(one.text, one.reason, one.reported_by, one.created_at) for one in reported(world)]
    assert shown == [
        ("Hello", "again", "ada", iso(NOW + 3)),
        (SPAM, None, "bob", iso(NOW + 1)),
        (SPAM, WHY, "ada", iso(NOW)),
    ]
    first = reported(world)[-1]
    assert (first.room_id, first.seq, first.user_id, first.user, first.state) == (
        room_id,
        SAID,
        "mallory",
        "Mallory",
        "open",
    )
    page = list_reports(root(world), ReportsQuery(limit=2))
    assert [one.id for one in page.reports] + [one.id for one in reported(world, cursor=page.cursor)] == [
        one.id for one in reported(world)
    ]


@pytest.mark.parametrize(
    ("by", "seq", "code"),
    [
        ("ada", EMOJI, ""),
        ("mallory", SAID, "forbidden"),
        ("ada", 1, "forbidden"),
        ("ada", 99, "message_not_found"),
        ("stranger", SAID, "not_in_room"),
    ],
)
def test_members_report_messages_of_others(world: World, room_id: str, by: str, seq: int, code: str) -> None:
    assert code_of(report_message, world.context(by, room_id), seq, WHY) == code
    assert len(reported(world)) == (code == "")


def test_a_deleted_message_is_not_reported(world: World, room_id: str, just_before: Interrupt) -> None:
    just_before(reports, "make_report", lambda: delete_message(world.context("mallory", room_id), SAID))

    for _ in range(2):
        assert code_of(report_message, world.context("ada", room_id), SAID, WHY) == "message_deleted"

    assert reported(world) == []


def test_a_report_names_the_text_that_was_there(world: World, room_id: str, just_before: Interrupt) -> None:
    mallory = world.context("mallory", room_id)
    just_before(reports, "make_report", lambda: edit_message(mallory, SAID, "Hello", None, None))

    report_message(world.context("ada", room_id), SAID, WHY)

    assert [one.text for one in reported(world)] == ["Hello"]


def test_a_user_makes_ten_reports_a_day(world: World, room_id: str) -> None:
    ada = world.context("ada", room_id)
    spam = [send_message(world.context("mallory", room_id), SPAM, "text", None).seq for _ in range(11)]

    codes = [code_of(report_message, ada, seq, WHY) for seq in (spam[0], *spam)]

    assert codes == [*[""] * 11, "rate_limited"], "the same report again does not count"
    assert code_of(report_message, world.context("bob", room_id), spam[-1], WHY) == ""


@pytest.mark.parametrize(
    ("state", "text", "joins"), [("dismissed", SPAM, ""), ("removed", "", ""), ("banned", "", "banned")]
)
def test_a_report_is_decided_once(world: World, room_id: str, state: str, text: str, joins: str) -> None:
    bob = world.connect("bob", room_id)
    report_message(world.context("ada", room_id), SAID, WHY)

    assert [deciding(world, state) for _ in range(2)] == ["", ""]

    others = {"dismissed", "removed", "banned"} - {state}
    assert {deciding(world, other) for other in others} == {"report_decided"}
    (report,) = reported(world)
    assert (report.state, report.decided_by, report.decided_at, report.text) == (state, "root", iso(NOW), SPAM)
    assert [message.text for message in world.log(room_id) if message.seq == SAID] == [text]
    assert code_of(world.join, "mallory", room_id) == joins
    deleted = [frame["data"] for frame in world.fanout.frames(bob) if frame["type"] == "message_deleted"]
    assert deleted == [{"target_seq": SAID, "by": "root", "reason": None}] * (state != "dismissed")
    assert (len(reported(world, state="open")), len(reported(world, state=state))) == (0, 1)


def test_a_decision_does_not_ban_again(world: World, room_id: str) -> None:
    report_message(world.context("ada", room_id), SAID, WHY)
    deciding(world, "banned")
    lift_ban(root(world), "mallory")

    assert deciding(world, "banned") == ""

    assert code_of(world.join, "mallory", room_id) == ""


def test_an_interrupted_decision_goes_on(world: World, room_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    report_message(world.context("ada", room_id), SAID, WHY)
    with monkeypatch.context() as broken:
        broken.setattr(reports, "delete_message", None)
        with pytest.raises(TypeError):
            deciding(world, "removed")

    assert deciding(world, "removed") == ""

    assert [message.text for message in world.log(room_id) if message.seq == SAID] == [""]


def test_a_report_outlives_its_room(world: World, room_id: str) -> None:
    report_message(world.context("ada", room_id), SAID, WHY)
    delete_room(Context(world.backend, room_id, "root", NOW))

    assert deciding(world, "banned") == ""

    assert code_of(world.join, "mallory", world.open_room()) == "banned"


@pytest.mark.parametrize("report_id", ["x", "001795300869102-5d0c7a1e", "x" * 2000])
def test_an_unknown_report_is_not_decided(world: World, report_id: str) -> None:
    assert deciding(world, "removed", report_id) == "report_not_found"


def test_administrators_do_not_ban_themselves(world: World, room_id: str) -> None:
    world.join("root", room_id)
    send_message(world.context("root", room_id), SPAM, "text", None)
    report_message(world.context("ada", room_id), 7, WHY)

    assert deciding(world, "banned") == "forbidden"
    assert reported(world)[0].state == "open"


def exported(world: World, user_id: str) -> list[tuple[str, dict[str, Any]]]:
    items = export_data(world.request(user_id), ExportQuery()).items
    return [(item.kind, item.data) for item in items if item.kind in {"report", "decision"}]


def test_only_who_made_a_report_exports_it(world: World, room_id: str) -> None:
    report_message(world.context("ada", room_id), SAID, WHY)
    deciding(world, "dismissed")

    assert exported(world, "mallory") == []
    ((kind, data),) = exported(world, "ada")
    assert (kind, data["in_room"], data["seq"], data["reason"]) == ("report", room_id, SAID, WHY)
    ((kind, data),) = exported(world, "root")
    assert (kind, data["state"], data["yours"]) == ("decision", "dismissed", ["decided_by"])


@pytest.mark.parametrize(
    ("user_id", "left"),
    [("ada", [(SPAM, None, None, "root")]), ("mallory", []), ("root", [(SPAM, WHY, "ada", None)])],
)
def test_an_erasure_takes_its_user_from_reports(world: World, room_id: str, user_id: str, left: list[Any]) -> None:
    report_message(world.context("ada", room_id), SAID, WHY)
    deciding(world, "dismissed")

    for _ in range(2):
        erase_account(world.request(user_id, NOW + DAY))

    assert [(one.text, one.reason, one.reported_by, one.decided_by) for one in reported(world)] == left
