"""The `guards` table: tickets, receipts, rate windows, the secret."""

from concurrent.futures import ThreadPoolExecutor
from itertools import combinations

import pytest

from chalicelib.settings import Limit
from chalicelib.store import guards
from chalicelib.store.guards import Claim, ClaimedError, Receipt
from chalicelib.store.messages import row_of
from chalicelib.store.tables import GuardRow, MessageRow, bound_connection
from tests.fakes.backend import DAY, NOW, SECOND, World, interrupt
from tests.fakes.counting import Counter
from tests.fakes.records import make_message

LIMIT = Limit(3, 10)


def row(seq: int = 1) -> MessageRow:
    return row_of(make_message("room", seq), 90)


def use_up(subject: str = "ada", now: int = NOW) -> None:
    for _ in range(LIMIT.count):
        assert guards.admit(subject, LIMIT, now) == 0


def test_a_ticket_opens_one_connection(store: World) -> None:
    assert guards.use_ticket("t1", "c1", NOW)
    assert not guards.use_ticket("t1", "c2", NOW)
    assert guards.use_ticket("t2", "c2", NOW)


def test_a_ticket_is_used_again_for_the_same_connection(store: World) -> None:
    assert guards.use_ticket("t1", "c1", NOW)
    assert guards.use_ticket("t1", "c1", NOW + SECOND)


def test_a_used_ticket_is_remembered_for_longer_than_tickets_live(store: World) -> None:
    guards.use_ticket("t1", "c1", NOW)

    assert GuardRow.get("ticket#t1").expires_at >= (NOW + 60 * SECOND) // 1000
    assert not guards.use_ticket("t1", "c2", NOW + 60 * SECOND)


def test_what_was_never_claimed_is_not_found(store: World) -> None:
    assert guards.find_claim(Receipt("room", "ada", "key"), NOW) is None


def test_a_claim_is_found_for_a_day(store: World) -> None:
    receipt = Receipt("room", "ada", "key")
    guards.claim(receipt, row(), NOW, room_id="room", seq=1)

    assert guards.find_claim(receipt, NOW + DAY - SECOND) == Claim("room", 1)
    assert guards.find_claim(receipt, NOW + DAY) is None


def test_what_is_claimed_is_not_claimed_again_before_it_is_forgotten(store: World) -> None:
    receipt = Receipt("room", "ada", "key")
    guards.claim(receipt, row(), NOW, room_id="room", seq=1)

    with pytest.raises(ClaimedError):
        guards.claim(receipt, row(2), NOW + DAY - SECOND, room_id="room", seq=2)
    guards.claim(receipt, row(2), NOW + DAY, room_id="room", seq=2)

    assert guards.find_claim(receipt, NOW + DAY) == Claim("room", 2)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *combinations(
            [
                Receipt("room", "ada", "key"),
                Receipt("room", "bob", "key"),
                Receipt("room", "ada", "another"),
                Receipt("another", "ada", "key"),
                Receipt("room", "bob#ada", "key"),
                Receipt("room", "ada", "key#bob"),
                Receipt("room", "", "key#bob#ada"),
            ],
            2,
        ),
    ],
)
def test_no_two_users_rooms_or_keys_share_a_receipt(one: Receipt, other: Receipt) -> None:
    assert one.key != other.key


def test_the_secret_is_made_once_and_is_long_enough(store: World) -> None:
    first = guards.secret("signing")

    assert len(first) >= 32
    assert guards.secret("signing") == first
    assert guards.secret("another") != first


def test_whoever_needs_the_secret_first_makes_it_for_all(engine_world: World) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(guards.secret, ["signing"] * 8))

    assert len(found) == 1


def test_a_limit_holds_from_the_first_act_on(store: World) -> None:
    use_up()

    assert guards.admit("ada", LIMIT, NOW) == 10
    assert guards.admit("ada", LIMIT, NOW + 1) == 10
    assert guards.admit("ada", LIMIT, NOW + 9 * SECOND) == 1
    assert guards.admit("ada", LIMIT, NOW + 10 * SECOND - 1) == 1


def test_a_window_opens_anew_when_the_last_is_over(store: World) -> None:
    use_up()
    use_up(now=NOW + 10 * SECOND)

    assert guards.admit("ada", LIMIT, NOW + 10 * SECOND) == 10


def test_a_window_that_closes_while_somebody_counts_is_opened_anew(store: World) -> None:
    use_up()
    guards._open_windows["rate#ada"] = NOW + 60 * SECOND  # another process had it open for longer

    assert guards.admit("ada", LIMIT, NOW + 10 * SECOND) == 0


def test_a_window_that_somebody_else_opens_at_the_same_moment_is_counted_in(
    store: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt(monkeypatch, guards, "_open_window", lambda: guards.admit("ada", LIMIT, NOW))

    assert guards.admit("ada", LIMIT, NOW) == 0
    assert guards.admit("ada", LIMIT, NOW) == 0
    assert guards.admit("ada", LIMIT, NOW) == 10


def test_a_window_that_somebody_else_opens_anew_at_the_same_moment_is_counted_in(
    store: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_up()
    later = NOW + 10 * SECOND
    interrupt(monkeypatch, guards, "_read_window", lambda: guards.admit("ada", LIMIT, later))
    guards._open_windows["rate#ada"] = later + SECOND

    assert [guards.admit("ada", LIMIT, later) for _ in range(3)] == [0, 0, 10]


def test_a_window_that_somebody_else_opens_anew_right_before_it_would_be_is_counted_in(
    store: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_up()
    later = NOW + 10 * SECOND
    guards._open_windows["rate#ada"] = later + SECOND

    def open_anew() -> None:
        guards._open_windows.clear()
        assert guards.admit("ada", LIMIT, later) == 0

    interrupt(monkeypatch, guards, "_open_window", open_anew)

    assert [guards.admit("ada", LIMIT, later) for _ in range(3)] == [0, 0, 10]


def test_everybody_has_limits_of_their_own(store: World) -> None:
    use_up("ada")

    assert guards.admit("bob", LIMIT, NOW) == 0


def test_a_process_that_has_not_seen_a_window_counts_in_it_all_the_same(store: World) -> None:
    use_up()
    guards._open_windows.clear()

    assert guards.admit("ada", LIMIT, NOW + SECOND) == 9


def test_a_window_that_was_forgotten_by_the_table_is_opened_anew(store: World) -> None:
    use_up()
    GuardRow("rate#ada").delete()

    assert guards.admit("ada", LIMIT, NOW + SECOND) == 0


def test_an_act_within_the_limit_costs_one_write(engine_world: World) -> None:
    with Counter(bound_connection()) as counter:
        use_up()

    assert counter.write_units == LIMIT.count
    assert counter.read_units == 0


def test_a_process_remembers_so_many_windows_and_no_more(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guards, "_REMEMBERED_WINDOWS", 2)

    for subject in ("ada", "bob", "cyd"):
        guards.admit(subject, LIMIT, NOW)

    assert list(guards._open_windows) == ["rate#bob", "rate#cyd"]
    assert [guards.admit("ada", LIMIT, NOW) for _ in range(3)] == [0, 0, 10]


def test_of_many_at_once_as_many_are_admitted_as_the_limit_says(engine_world: World) -> None:
    with ThreadPoolExecutor(12) as pool:
        waits = list(pool.map(lambda _: guards.admit("ada", LIMIT, NOW), range(12)))

    assert sorted(waits) == [0] * 3 + [10] * 9
