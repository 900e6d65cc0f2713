"""A deleted account leaves nothing in any table, wherever the process dies. The data of others stays as it was."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

import pytest
from pydantic import BaseModel

from chalicelib import log
from chalicelib.access.table import KNOCKS, make_knock
from chalicelib.account import service
from chalicelib.account.export import export_data
from chalicelib.account.schemas import ExportItem, ExportQuery
from chalicelib.account.sweep import sweep_erasures
from chalicelib.chat.service import send_message
from chalicelib.grants.audit import AuditLine, new_line_id, put_lines
from chalicelib.grants.invites import INVITES
from chalicelib.grants.table import DEPLOYMENT, FOREVER, STANDINGS, get_standing
from chalicelib.identity.accounts import list_erasures
from chalicelib.identity.profiles import PROFILES, Profile, get_profile
from chalicelib.kernel.errors import AccountClosingError
from chalicelib.kernel.fingerprints import fingerprint
from chalicelib.lifecycle.sweep import sweep
from chalicelib.log import EventDraft
from chalicelib.log.table import MESSAGES
from chalicelib.moderation.reports import decide, report_message
from chalicelib.moderation.schemas import ReportDecision
from chalicelib.moderation.table import page_reports
from chalicelib.profiles.schemas import ProfileUpdate
from chalicelib.profiles.service import choose_profile
from chalicelib.roles.table import make_offer, put_offer
from chalicelib.rooms.schemas import RoomCreate
from chalicelib.rooms.service import create_room
from chalicelib.rooms.table import NOBODY, ROOMS
from chalicelib.seats.table import PARTICIPANTS, list_participants
from chalicelib.store.tables import TABLES
from infra.local.engine import Engine
from tests.fakes.backend import MINUTE, NOW, PLENTY, World, on_engine, read_log
from tests.fakes.counting import refuse_scan
from tests.fakes.records import make_invite, make_standing

ADA = "auth0|ada-of-the-tests"
NAME = "Countess"
TEXT = "lovely words"
TRACES = (ADA, NAME, TEXT)
Item = dict[str, Any]


class Told(BaseModel):
    """The data of an event of any kind."""

    user_id: str
    name: str
    by: str
    others: list[str]


@dataclass
class Scene:
    """Rooms with traces of Ada."""

    world: World
    reader: Any
    """A client that may scan tables. The service may not."""
    visited: str
    handed_on: str
    """Ada's room with moderators. The oldest of them is Mia."""
    closed: str
    """Ada's room without moderators. Ben sits in it."""
    foreign: str
    """A room where others have noted something about Ada, who never came."""

    def erase(self, now: int = NOW) -> str:
        return service.erase_account(self.world.request(ADA, now)).state

    def sweep(self, now: int) -> None:
        sweep(self.world.backend, lambda: now)
        sweep_erasures(self.world.backend, lambda: now)

    def erase_to_the_end(self) -> None:
        """Begin if that was lost, and sweep until nothing is left to do."""
        if not is_pending(self.world):
            self.erase()
        for minute in range(1, 10):
            self.sweep(NOW + minute * MINUTE)
            if not is_pending(self.world):
                return
        raise AssertionError("the erasure does not end")

    def items(self) -> dict[str, list[Item]]:
        """Everything in every table."""
        return {name: self.reader.scan(TableName=self.world.store.prefix + name)["Items"] for name in TABLES}


def is_pending(world: World) -> bool:
    return bool(list(list_erasures(world.store)))


def make_reader(engine: Engine) -> Any:
    client = engine.client()
    client.meta.events.unregister("before-call.dynamodb.Scan", refuse_scan)
    return client


def furnish(world: World, reader: Any) -> Scene:
    scene = Scene(world, reader, *(open_room(world, owner) for owner in ("olga", ADA, ADA, "olga")))
    world.store.put(PROFILES, Profile(ADA, NAME, "/ada.png"))
    for room_id in (scene.visited, scene.handed_on, scene.closed):
        world.enter(ADA, room_id)
        world.enter("ben", room_id)
    talk(world, scene.visited)
    tell(world, scene.visited)
    for room_id, user_id, notes in (
        (scene.visited, ADA, {"role": "moderator", "granted_at": NOW, "granted_by": "olga"}),
        (scene.visited, "ben", {"muted_by": ADA, "granted_by": ADA, "banned_by": ADA, "ban_reason": TEXT}),
        (scene.handed_on, "max", {"role": "moderator", "granted_at": NOW + 2}),
        (scene.handed_on, "mia", {"role": "moderator", "granted_at": NOW + 1, "granted_by": ADA}),
        (scene.foreign, ADA, {"name": NAME, "banned_until": FOREVER, "banned_by": "olga", "ban_reason": TEXT}),
    ):
        note(world, room_id, user_id, **notes)
    for by, user_id in ((ADA, "ben"), ("olga", ADA), ("olga", "ben")):
        name, reason = NAME if user_id == ADA else "Ben", TEXT if ADA in (by, user_id) else "rude"
        line = AuditLine(scene.visited, new_line_id(NOW), "ban", by, NOW, user_id=user_id, name=name, reason=reason)
        offer = make_offer(world.room(scene.visited), user_id, by, NOW)
        assert world.store.transact([*put_lines(line), put_offer(offer)])
    world.store.put(KNOCKS, make_knock(scene.foreign, Profile(ADA, NAME, None), NOW))
    world.store.put(INVITES, make_invite(scene.visited, "token", user_id=ADA))
    world.store.update(PARTICIPANTS, (scene.visited, "ben"), [PARTICIPANTS.muted_by.set(ADA)])
    world.store.update(
        ROOMS, scene.foreign, [ROOMS.reserved.set(json.dumps({fingerprint(scene.foreign, ADA): NOW + MINUTE}))]
    )
    return scene


def note(world: World, room_id: str, user_id: str, **notes: Any) -> None:
    world.store.put(STANDINGS, replace(make_standing(room_id, user_id, **notes), user_id=user_id))


def open_room(world: World, owner: str) -> str:
    return create_room(world.request(owner), RoomCreate(name="Focus")).id


def talk(world: World, room_id: str) -> None:
    """Messages of Ada and about Ada, with mentions, answers, reactions and reports."""
    ada, ben = world.context(ADA, room_id), world.context("ben", room_id)
    sent = send_message(ada, TEXT, "text", "key", mentions=["ben"])
    answer = send_message(ben, "So true", "text", None, reply_to=sent.seq, mentions=[ADA, "mia"])
    send_message(ada, "\N{PARTY POPPER}", "emoji", None)
    report_message(ben, sent.seq, "rude")
    report_message(ada, answer.seq, TEXT)
    decided = next(one for one in page_reports(world.store, 10, None)[0] if one.user_id == "ben")
    decide(world.request(ADA), decided.report_id, ReportDecision(state="dismissed"))
    reactions = {f"\N{PARTY POPPER} {fingerprint(room_id, one)}" for one in (ADA, "ben")}
    for seq in (sent.seq, answer.seq):
        world.store.update(MESSAGES, (room_id, seq), [MESSAGES.reactions.set(reactions), MESSAGES.edit_keys.set("key")])


def tell(world: World, room_id: str) -> None:
    """Events by Ada, about Ada, and about others."""
    for by, about in ((ADA, "ben"), ("olga", ADA), ("olga", "ben")):
        data = Told(user_id=about, name=NAME if about == ADA else about, by=by, others=[by, about])
        reason = {"reason": TEXT if ADA in (by, about) else "rude", "by": by}
        log.commit(world.context(by, room_id), EventDraft("told", data, private=reason, about_id=about), [])


@pytest.fixture
def scene(engine: Engine) -> Iterator[Scene]:
    with on_engine(engine, rooms_limit=PLENTY) as world:
        yield furnish(world, make_reader(engine))


def test_nothing_of_a_user_is_left(scene: Scene) -> None:
    assert {table for table, items in named(scene).items() if items} == TABLES.keys() - {"guards"}
    others = strangers(scene)

    assert [scene.erase(), scene.erase()] == ["started", "under_way"]
    assert {item["kind_id"]["S"].partition("#")[0] for item in named(scene)["grants"]} == {"person", "erase"}
    scene.sweep(NOW + MINUTE)

    assert not is_pending(scene.world)
    assert traces(scene) == 0
    assert scene.world.room(scene.foreign).reserved is None
    assert others <= strangers(scene)


def traces(scene: Scene) -> int:
    return sum(map(len, named(scene).values()))


def named(scene: Scene) -> dict[str, list[Item]]:
    """The items that name Ada, or quote her."""
    return {
        table: [item for item in items if any(trace in json.dumps(item, default=list) for trace in TRACES)]
        for table, items in scene.items().items()
    }


def strangers(scene: Scene) -> set[str]:
    """What the log and the grants have about others."""
    items = scene.items()
    texts = {json.dumps(item, default=sorted, sort_keys=True) for item in items["messages"] + items["grants"]}
    return {text for text in texts if '"last_seq"' not in text and '"mia' not in text and ADA not in text}


def test_messages_stay_as_those_of_a_deleted_user(scene: Scene) -> None:
    before = {entry.seq: entry for entry in read_log(scene.world.store, scene.visited)}
    scene.erase()
    after = {entry.seq: entry for entry in read_log(scene.world.store, scene.visited)}

    assert list(after)[: len(before)] == list(before)
    shown = [(one.user, one.text, sorted(one.mentions)) for one in log.messages_of(after.values())]
    assert shown == [
        ("System", "Deleted user joined the room", []),
        ("System", "Ben joined the room", []),
        ("Deleted user", "", []),
        ("Ben", "So true", ["mia"]),
        ("Deleted user", "", []),
        ("System", "Deleted user left the room", []),
    ]
    kept = [(one.user, len(one.reactions)) for one in log.messages_of(after.values()) if one.reactions or one.edit_keys]
    assert kept == [("Ben", 2)], "Ada's reaction stays as a fingerprint"
    events = [one for one in after.values() if isinstance(one, log.Event)]
    assert [(json.loads(one.data), one.private) for one in events] == [
        ({"user_id": "ben", "name": "ben", "by": None, "others": ["ben"]}, None),
        ({"user_id": None, "name": "Deleted user", "by": "olga", "others": ["olga"]}, None),
        (
            {"user_id": "ben", "name": "ben", "by": "olga", "others": ["olga", "ben"]},
            '{"reason": "rude", "by": "olga"}',
        ),
    ]


def test_owned_rooms_are_handed_on_or_closed(scene: Scene) -> None:
    scene.erase()
    handed_on, closed = (scene.world.room(room_id) for room_id in (scene.handed_on, scene.closed))

    assert (handed_on.owner_id, handed_on.created_by, handed_on.status) == ("mia", None, "active")
    assert get_standing(scene.world.store, scene.handed_on, "mia").role is None
    event = next(one for one in read_log(scene.world.store, scene.handed_on) if isinstance(one, log.Event))
    assert (event.kind, event.user_id, json.loads(event.data)["user_id"]) == ("role_changed", None, "mia")

    assert (closed.owner, closed.owner_id, closed.created_by, closed.status) == (NOBODY, None, None, "inactive")
    assert scene.world.members(scene.closed) == []
    assert replace(closed, status="active").is_unused_since(NOW), "it is not one of the service's own rooms"


def test_bans_and_mutes_stay(scene: Scene) -> None:
    world, ban = scene.world, {"banned_until": FOREVER, "banned_at": NOW, "ban_reason": TEXT}
    note(world, DEPLOYMENT, ADA, **ban)
    scene.erase_to_the_end()

    for room_id in (scene.foreign, DEPLOYMENT):
        standing = get_standing(world.store, room_id, ADA)
        assert (standing.banned_until, standing.user_id, standing.ban_reason) == (FOREVER, None, None)
    assert get_standing(world.store, scene.visited, "ben").muted_by
    (ben,) = (one for one in list_participants(world.store, scene.visited) if one.user_id == "ben")
    assert ben.muted_by not in (None, ADA)


def test_until_the_end_nothing_new_is_stored_then_one_may_return(scene: Scene) -> None:
    world = scene.world
    acts: list[Callable[[int], object]] = [
        lambda now: world.join(ADA, scene.visited, now),
        lambda now: create_room(world.request(ADA, now), RoomCreate(name="Mine")),
        lambda now: create_room(world.request(ADA, now, key="key"), RoomCreate(name="Mine")),
        lambda now: choose_profile(world.request(ADA, now), ProfileUpdate(name=NAME)),
    ]
    scene.erase()
    for act in acts:
        with pytest.raises(AccountClosingError):
            act(NOW + 1)
    assert scene.world.members(scene.visited) == ["ben"]

    scene.erase_to_the_end()
    assert get_profile(world.store, ADA) is None
    for act in acts:
        act(NOW + MINUTE)


def test_a_long_log_takes_several_parts(scene: Scene) -> None:
    """A part reads a bounded number of pages. The next part goes on where it ended."""
    for number in range(250):
        send = log.Draft(f"{TEXT} {number}", "text", ADA, NAME)
        log.commit(scene.world.context(ADA, scene.visited), send, [])

    with patch.object(service, "CALL_PAGES", 1), patch.object(service, "SWEEP_PAGES", 3):
        scene.erase()
        (erasure,) = list_erasures(scene.world.store)
        assert erasure.at_room
        assert traces(scene) > 150
        scene.erase_to_the_end()
    assert traces(scene) == 0


def test_an_erasure_that_fails_does_not_stop_the_others(scene: Scene) -> None:
    real = service.work_on
    scene.erase()
    service.erase_account(scene.world.request("zoe"))

    def fail(backend: Any, erasure: Any, *rest: Any) -> bool:
        if erasure.user_id == ADA:
            raise RuntimeError("broken")
        return real(backend, erasure, *rest)

    with patch("chalicelib.account.sweep.work_on", fail), pytest.raises(RuntimeError, match="1 erasures failed"):
        sweep_erasures(scene.world.backend, lambda: NOW + MINUTE)
    assert [one.user_id for one in list_erasures(scene.world.store)] == [ADA]


def test_an_export_has_everything_page_by_page(scene: Scene) -> None:
    whole = export(scene)
    with patch("chalicelib.account.export.MAX_ANSWER_BYTES", 3_500):
        assert export(scene) == whole

    counts = Counter(item.kind for item in whole)
    assert counts == {
        "profile": 1,
        "room": 2,
        "seat": 3,
        "standing": 3,
        "actor": 2,
        "report": 1,
        "decision": 1,
        "audit": 2,
        "invite": 1,
        "knock": 1,
        "offer": 1,
    } | {
        "marker": 1,
        "message": 5,
        "event": 2,
        "mention": 1,
        "reaction": 2,
    }
    text = " ".join(item.model_dump_json() for item in whole)
    assert all(trace in text for trace in TRACES)
    assert "rude" not in text
    bans = [item.data["banned_until"] for item in whole if item.data.get("is_banned")]
    assert bans == [None], "a ban without an end"

    scene.erase_to_the_end()
    assert export(scene) == []


def export(scene: Scene) -> list[ExportItem]:
    """All pages."""
    request, cursor = scene.world.request(ADA), None
    items = []
    while True:
        page = export_data(request, ExportQuery(cursor=cursor))
        items += page.items
        if (cursor := page.next) is None:
            return items
