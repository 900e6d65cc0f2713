"""Acts of moderators: what each does, who may do it, who hears of it, and that it holds."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.chat.history import get_entries
from chalicelib.chat.schemas import EntriesQuery
from chalicelib.chat.service import send_message
from chalicelib.contract import Context
from chalicelib.grants.table import DEPLOYMENT, FOREVER, PAGE, STANDINGS, get_standing, write_standing
from chalicelib.kernel.errors import BannedError, CoworkingError
from chalicelib.kernel.times import iso
from chalicelib.log import Event
from chalicelib.log import service as log_service
from chalicelib.moderation import service
from chalicelib.moderation.schemas import AuditQuery, BansQuery, Moderated, ModerationRequest
from chalicelib.moderation.service import KICK_SECONDS, get_audit, list_bans, moderate
from chalicelib.rooms.table import ROOMS
from chalicelib.seats.schemas import Caller
from chalicelib.seats.service import get_room_detail, join
from chalicelib.voice.schemas import MicToggleRequest, SpeakingStatusRequest
from chalicelib.voice.service import set_muted, set_speaking
from tests.fakes.backend import DAY, MINUTE, NOW, SECOND, Interrupt, World, code_of, read_log, user
from tests.fakes.faults import Faults, Refused
from tests.fakes.rooms import change_room

ROLES = {"owner": "owner", "mod": "moderator", "mod2": "moderator", "ann": None, "bob": None}
"""The people with a seat. Ann and Bob are members by their seats; Eve has none."""
ABOUT_USER = ("kick", "ban", "unban", "mute", "unmute")


@pytest.fixture
def room_id(world: World) -> str:
    made = world.open_room(made_by="owner")
    for user_id in ("mod", "mod2"):
        world.grant(user_id, made, "moderator")
    for user_id in ROLES:
        world.join(user_id, made)
    return made


def context(world: World, user_id: str, room_id: str, now: int = NOW) -> Context:
    made = world.context(user_id, room_id, now)
    made.is_admin = user_id == "root"
    return made


def act(world: World, room_id: str, action: str, user_id: str | None = None, **more: Any) -> Moderated:
    """Let a moderator act, or the user `by`, at the time `now`."""
    by, now = more.pop("by", "mod"), more.pop("now", NOW)
    request = ModerationRequest.model_validate({"action": action, "user_id": user_id, **more})
    return moderate(context(world, by, room_id, now), request)


def events(world: World, room_id: str) -> list[dict[str, Any]]:
    return [json.loads(one.data) for one in read_log(world.store, room_id) if isinstance(one, Event)]


def state(world: World, room_id: str) -> tuple[Any, ...]:
    """Everything that an act may change."""
    standings = [get_standing(world.store, room_id, user_id) for user_id in (*ROLES, "eve")]
    members = [world.member(user_id, room_id) for user_id in world.members(room_id)]
    return standings, members, world.room(room_id), read_log(world.store, room_id)


@pytest.mark.parametrize("action", [*ABOUT_USER, "mute_all", "lock", "unlock", "slow"])
@pytest.mark.parametrize("by", ["owner", "mod", "ann", "eve", "root"])
def test_people_act_on_those_below_them(world: World, room_id: str, by: str, action: str) -> None:
    """Where nothing is to be undone, an allowed act succeeds without an event."""
    below = {
        "root": {"owner", "mod", "mod2", "ann", "bob", "eve"},
        "owner": {"mod", "mod2", "ann", "bob", "eve"},
        "mod": {"ann", "bob", "eve"},
    }.get(by, set())
    targets: list[str | None] = [*ROLES, "eve"] if action in ABOUT_USER else [None]
    for user_id in targets:
        before = state(world, room_id)
        code = code_of(act, world, room_id, action, user_id, by=by, seconds=30)
        is_allowed = user_id in below if user_id else bool(below)
        assert code == ("" if is_allowed else "forbidden"), user_id
        if not is_allowed or action in ("unban", "unmute", "unlock"):
            assert state(world, room_id) == before, "nothing is written"
        else:
            assert events(world, room_id)[-1].items() >= {"action": action, "user_id": user_id, "by": by}.items()
    assert world.has_all_numbers(room_id)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        *(({"action": action}, "user_id") for action in ABOUT_USER),
        ({"action": "slow"}, "seconds"),
        ({"action": "slow", "seconds": 3601}, "seconds"),
        ({"action": "kick", "user_id": "ann", "seconds": 0}, "seconds"),
        ({"action": "ban", "user_id": "ann", "seconds": 0}, "seconds"),
    ],
)
def test_an_act_that_lacks_what_it_needs_is_refused(
    world: World, room_id: str, wrong: dict[str, Any], field: str
) -> None:
    before = state(world, room_id)
    with pytest.raises(CoworkingError) as refused:
        moderate(context(world, "mod", room_id), ModerationRequest.model_validate(wrong))
    assert refused.value.code == "invalid_request"
    assert refused.value.members()["errors"][0]["loc"] == [field]
    assert state(world, room_id) == before


@pytest.mark.parametrize(
    ("action", "seconds", "until"),
    [
        ("kick", None, NOW + KICK_SECONDS * SECOND),
        ("kick", 60, NOW + 60 * SECOND),
        ("ban", 90, NOW + 90 * SECOND),
        ("ban", None, FOREVER),
    ],
)
@pytest.mark.parametrize("user_id", ["ann", "eve"])
def test_a_removed_user_stays_out_until_the_end(
    world: World, room_id: str, user_id: str, action: str, seconds: int | None, until: int
) -> None:
    there = world.connect("bob", room_id)
    mine = [world.connect("ann", room_id) for _ in range(2)] if user_id == "ann" else []
    world.fanout.forget()

    answer = act(world, room_id, action, user_id, seconds=seconds, reason="loud")

    shown = iso(until) if until < FOREVER else None
    assert (answer.action, answer.user_id, answer.until) == (action, user_id, shown)
    assert user_id not in world.members(room_id)
    assert world.room(room_id).participant_count == len(world.members(room_id))
    told = {"action": action, "user_id": user_id, "by": "mod", "until": shown, "reason": None, "seconds": None}
    assert events(world, room_id) == [told]
    left = ["user_left", "user-left"] if user_id == "ann" else []
    assert world.fanout.types(there) == ["member_moderated", *left]
    if user_id == "ann":
        moderated, user_left = world.fanout.frames(there)[:2]
        assert user_left["seq"] == moderated["seq"] + 1
        assert user_left["data"]["reason"] == "removed"
        assert all(world.fanout.types(one) == ["member_moderated", "bye", "CLOSED"] for one in mine)
        assert world.fanout.frames(mine[0])[1]["data"]["action"] == "stop"

    for now in (NOW + 1, min(until - 1, NOW + DAY)):
        with pytest.raises(BannedError) as refused:
            world.join(user_id, room_id, now)
        assert refused.value.members() == {"until": shown}
    assert code_of(world.connect, "ann", room_id) == ("not_in_room" if user_id == "ann" else "")
    if until < FOREVER:
        world.join(user_id, room_id, until)
    else:
        act(world, room_id, "unban", user_id, by="mod2")
        world.join(user_id, room_id)
    assert world.has_all_numbers(room_id)


def test_a_kick_does_not_shorten_a_ban_and_a_new_ban_replaces_it(world: World, room_id: str) -> None:
    act(world, room_id, "ban", "eve", reason="spam")
    before = state(world, room_id)
    assert act(world, room_id, "kick", "eve", by="mod2").until is None
    assert act(world, room_id, "ban", "eve", reason="spam", by="mod2").until is None
    assert state(world, room_id) == before, "an act without an effect writes nothing"
    standing = get_standing(world.store, room_id, "eve")
    assert (standing.banned_until, standing.banned_by, standing.ban_reason) == (FOREVER, "mod", "spam")
    assert act(world, room_id, "ban", "eve", seconds=10).until == iso(NOW + 10 * SECOND)
    assert get_standing(world.store, room_id, "eve").ban_reason is None


@pytest.mark.parametrize("action", ["kick", "ban", "mute"])
def test_only_moderators_and_the_user_see_why_somebody_is_banned(world: World, room_id: str, action: str) -> None:
    names = ("ann", "bob", "mod2", "owner")
    connections = {name: world.connect(name, room_id) for name in names}
    world.fanout.forget()

    act(world, room_id, action, "ann", reason="loud and rude")

    live = {name: world.fanout.frames(connections[name])[0]["data"]["reason"] for name in names}
    assert live == dict.fromkeys(names, "loud and rude") | ({} if action == "mute" else {"bob": None})
    read = {}
    for name in ("bob", "mod2"):
        entries = get_entries(context(world, name, room_id), EntriesQuery()).entries
        (read[name],) = (one.data["reason"] for one in entries if one.type == "member_moderated")
    assert read == {name: live[name] for name in read}


def test_a_mute_holds_until_both_end_it(world: World, room_id: str) -> None:
    there = world.connect("bob", room_id)
    ann = context(world, "ann", room_id)
    unmute, speak = MicToggleRequest(is_muted=False), SpeakingStatusRequest(is_speaking=True)
    set_muted(ann, unmute)
    set_speaking(ann, speak)
    world.fanout.forget()

    act(world, room_id, "mute", "ann")

    assert world.fanout.types(there) == ["member_moderated", "mic_toggled", "speaking_changed"]
    assert [frame["from"] for frame in world.fanout.frames(there)] == ["mod", "ann", "ann"]
    for user_id in ("ann", "mod"):
        assert code_of(act, world, room_id, "mute", "ann", by=user_id if user_id == "mod" else "mod2") == ""
    assert len(events(world, room_id)) == 1, "the same again changes nothing"
    assert code_of(set_muted, ann, unmute) == "muted_by_moderator"
    set_muted(ann, MicToggleRequest(is_muted=True))
    assert code_of(set_speaking, ann, speak) == "muted"
    world.leave("ann", room_id)
    world.join("ann", room_id)
    assert (world.member("ann", room_id).muted_by, code_of(set_muted, ann, unmute)) == ("mod", "muted_by_moderator")

    act(world, room_id, "unmute", "ann", by="mod2")

    member = world.member("ann", room_id)
    assert (member.muted_by, member.is_muted) == (None, True), "nobody turns on another's microphone"
    set_muted(ann, unmute)
    assert not world.member("ann", room_id).is_muted
    assert [event["action"] for event in events(world, room_id)] == ["mute", "unmute"]


def test_a_user_without_a_seat_is_muted_when_they_come(world: World, room_id: str) -> None:
    act(world, room_id, "mute", "eve")
    world.join("eve", room_id)
    assert world.member("eve", room_id).muted_by == "mod"


@pytest.mark.parametrize("seats", [6, 50])
def test_all_but_moderators_are_muted_by_one_event(world: World, seats: int) -> None:
    """In a room of 50 seats, one transaction can't hold all standings. Each mute must hold after a return."""
    room_id = world.open_room(made_by="owner", seats=seats)
    world.grant("mod", room_id, "moderator")
    guests = [f"guest{number}" for number in range(seats - 1)]
    for user_id in ("mod", *guests):
        world.join(user_id, room_id)
    there = world.connect("guest0", room_id)
    set_muted(context(world, "guest1", room_id), MicToggleRequest(is_muted=False))
    world.fanout.forget()

    for _ in range(2):
        act(world, room_id, "mute_all")

    assert [event["action"] for event in events(world, room_id)] == ["mute_all"]
    assert world.fanout.types(there) == ["member_moderated", "mic_toggled"]
    for user_id in guests:
        member, standing = world.member(user_id, room_id), get_standing(world.store, room_id, user_id)
        assert (member.muted_by, member.is_muted, standing.muted_by) == ("mod", True, "mod"), user_id
    assert world.member("mod", room_id).muted_by is None


def test_an_unmute_during_mute_all_stays(world: World, just_before: Interrupt) -> None:
    room_id = world.open_room(made_by="owner", seats=50)
    guests = [f"guest{number:02}" for number in range(49)]
    for user_id in guests:
        world.join(user_id, room_id)
    just_before(service, "read_person", lambda: act(world, room_id, "unmute", "guest48", by="owner"))

    act(world, room_id, "mute_all", by="owner")

    muted = {user_id for user_id in guests if world.member(user_id, room_id).muted_by}
    assert muted == {*guests[:-1]}
    assert get_standing(world.store, room_id, "guest48").muted_by is None


def test_a_locked_room_keeps_its_members_and_nobody_new(world: World, room_id: str) -> None:
    there = world.connect("bob", room_id)
    for _ in range(2):
        act(world, room_id, "lock")
    assert code_of(world.join, "eve", room_id) == "room_locked"
    assert world.join("ann", room_id).message == "Already in this room"
    world.leave("ann", room_id)
    assert code_of(world.join, "ann", room_id) == "room_locked"
    for _ in range(2):
        act(world, room_id, "unlock", by="root")
    world.join("eve", room_id)
    assert [event["action"] for event in events(world, room_id)] == ["lock", "unlock"]
    assert world.fanout.types(there).count("member_moderated") == 2
    assert "room_updated" not in world.fanout.types(there)


def test_slow_messages_hold_for_all_but_moderators(world: World, room_id: str) -> None:
    def say(user_id: str, now: int, kind: Any = "text") -> str:
        return code_of(send_message, context(world, user_id, room_id, now), "\N{WAVING HAND SIGN}", kind, None)

    act(world, room_id, "slow", seconds=30)
    assert (world.room(room_id).slow_seconds, events(world, room_id)[0]["seconds"]) == (30, 30)
    said = [say("ann", NOW), say("bob", NOW), say("mod", NOW), say("mod", NOW), say("owner", NOW), say("owner", NOW)]
    assert said == [""] * 6
    before = world.last_number(room_id)
    assert [say("ann", NOW + 1), say("ann", NOW + 29 * SECOND, "emoji")] == ["rate_limited"] * 2
    assert world.last_number(room_id) == before, "no number is used"
    assert say("ann", NOW + 30 * SECOND, "emoji") == ""
    act(world, room_id, "slow", seconds=5)
    assert [say("ann", NOW + 31 * SECOND), say("ann", NOW + 35 * SECOND)] == ["", "rate_limited"]
    act(world, room_id, "slow", seconds=0)
    assert [say("ann", NOW + 36 * SECOND), say("ann", NOW + 36 * SECOND)] == ["", ""]


def test_a_message_that_fails_does_not_count_in_a_slow_room(world: World, room_id: str) -> None:
    act(world, room_id, "slow", seconds=3_600)
    ann = context(world, "ann", room_id)
    with Faults(world.store.connection) as faults:
        faults.break_for_good("TransactWriteItems", Refused("InternalServerError"))
        assert code_of(send_message, ann, "hello", "text", "key") == "unavailable"

    assert send_message(ann, "hello", "text", "key").text == "hello"
    assert code_of(send_message, ann, "again", "text", None) == "rate_limited"


def test_a_ban_from_all_rooms_suspends_a_role(world: World, room_id: str) -> None:
    change_room(world.store, room_id, {"visibility": "private"})
    world.leave("mod2", room_id)
    standing = get_standing(world.store, DEPLOYMENT, "mod2")
    assert world.store.transact([write_standing(standing, "mod2", NOW, banned_until=FOREVER)])

    assert code_of(get_room_detail, context(world, "mod2", room_id)) == "banned"


def test_no_ban_keeps_an_administrator_out(world: World, room_id: str) -> None:
    act(world, room_id, "ban", "root", by="owner")

    join(context(world, "root", room_id), user("root", is_admin=True))

    assert "root" in world.members(room_id)


def test_a_banned_moderator_can_not_act(world: World, room_id: str) -> None:
    act(world, room_id, "kick", "mod2", by="owner")
    for do in (
        lambda: act(world, room_id, "unban", "mod2", by="mod2"),
        lambda: act(world, room_id, "kick", "ann", by="mod2"),
        lambda: list_bans(context(world, "mod2", room_id), BansQuery()),
    ):
        assert code_of(do) == "banned"
    assert get_room_detail(context(world, "mod2", room_id)).you == Caller(role="moderator", can=[])
    act(world, room_id, "kick", "ann", by="mod2", now=NOW + 10 * MINUTE)
    assert "ann" not in world.members(room_id), "the role was only suspended"


def test_bans_and_acts_are_listed_for_moderators(world: World, room_id: str) -> None:
    act(world, room_id, "ban", "ann", reason="spam", now=NOW)
    act(world, room_id, "kick", "eve", seconds=5, now=NOW + 1)
    act(world, room_id, "slow", seconds=9, now=NOW + 2)
    for number in range(PAGE):
        world.grant(f"user{number}", room_id, "member")

    def read(by: str = "mod2") -> tuple[list[Any], list[Any]]:
        reader = context(world, by, room_id, NOW + 3)
        first = list_bans(reader, BansQuery())
        rest = list_bans(reader, BansQuery(cursor=first.cursor))
        newest = get_audit(reader, AuditQuery(limit=2))
        older = get_audit(reader, AuditQuery(cursor=newest.cursor))
        assert (rest.cursor, older.cursor) == (None, None)
        return [*first.bans, *rest.bans], [*newest.entries, *older.entries]

    bans, acts = read()
    shown = {one.user_id: (one.name, one.until, one.banned_by, one.reason) for one in bans}
    assert shown == {"ann": ("Ann", None, "mod", "spam"), "eve": (None, iso(NOW + 5001), "mod", None)}
    assert [(one.action, one.user_id, one.reason, one.seconds) for one in acts] == [
        ("slow", None, None, 9),
        ("kick", "eve", None, None),
        ("ban", "ann", "spam", None),
    ]
    assert code_of(read, "bob") == "forbidden"
    assert len(read("root")[1]) == 3


def test_a_ban_from_a_private_room_hides_what_it_holds(world: World, room_id: str) -> None:
    world.grant("ann", room_id, "member")
    world.store.update(ROOMS, room_id, [ROOMS.visibility.set("private")])
    act(world, room_id, "ban", "ann")
    assert code_of(get_room_detail, context(world, "ann", room_id)) == "banned"
    assert code_of(world.join, "ann", room_id) == "banned"


@pytest.mark.parametrize("action", ["kick", "ban", "mute"])
@pytest.mark.parametrize("meanwhile", ["leave", "join", "connect", "promotion", "demotion"])
def test_an_act_starts_again_if_something_has_changed(
    world: World, room_id: str, just_before: Interrupt, action: str, meanwhile: str
) -> None:
    user_id = "eve" if meanwhile == "join" else "ann"

    def promote() -> None:
        world.grant("ann", room_id, "moderator")

    def demote() -> None:
        key = (room_id, get_standing(world.store, room_id, "mod").kind_id)
        world.store.update(STANDINGS, key, [STANDINGS.role.remove()])

    acts: dict[str, Callable[[], object]] = {
        "leave": lambda: world.leave("ann", room_id),
        "join": lambda: world.join("eve", room_id),
        "connect": lambda: world.connect("ann", room_id),
        "promotion": promote,
        "demotion": demote,
    }
    just_before(log_service, "put_entry", acts[meanwhile])
    code = code_of(act, world, room_id, action, user_id)
    is_refused = meanwhile in ("promotion", "demotion")
    assert code == ("forbidden" if is_refused else "")
    standing = get_standing(world.store, room_id, user_id)
    assert bool(standing.muted_by if action == "mute" else standing.banned_until) is not is_refused
    if not is_refused:
        is_seated = meanwhile in ("join", "connect") and action == "mute"
        assert (user_id in world.members(room_id)) is is_seated
        assert not is_seated or world.member(user_id, room_id).muted_by == "mod"
        assert len(events(world, room_id)) == 1
    assert world.has_all_numbers(room_id)


def test_a_frame_does_the_same_with_the_senders_role(world: World, room_id: str) -> None:
    mod, ann = world.connect("mod", room_id), world.connect("ann", room_id)
    world.fanout.forget()
    (refused,) = world.send(ann, "moderate", id="x", data={"action": "kick", "user_id": "bob"})
    assert (refused["type"], refused["ref"], refused["data"]["code"]) == ("error", "x", "forbidden")
    frames = world.send(mod, "moderate", id="y", action="ban", user_id="ann", reason="spam")
    assert [frame["type"] for frame in frames] == ["ack", "member_moderated", "user_left", "user-left"]
    assert world.fanout.types(ann)[-3:] == ["member_moderated", "bye", "CLOSED"]
    (wrong,) = world.send(mod, "moderate", action="clear_hand", user_id="bob")
    assert wrong["data"]["code"] == "invalid_request"
    frames_under_way: tuple[tuple[str, dict[str, Any]], ...] = (
        ("message", {"text": "hello"}),
        ("moderate", {"action": "lock"}),
        ("wave", {}),
    )
    for kind, fields in frames_under_way:
        (late,) = world.send(ann, kind, **fields)
        assert late["data"]["code"] in ("not_in_room", "banned"), "a frame that was under way is refused"
