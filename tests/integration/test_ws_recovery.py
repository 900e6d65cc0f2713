"""Order, loss and repetition: what clients can count on when pushes come late, twice or not at all."""

import time
import uuid
from collections.abc import Callable
from functools import partial

import pytest

from infra.local.environment import DEFAULTS
from tests.fakes.socket_client import Frame, Scene, SocketClient, at_once, settle_all

MESSAGES = f"{DEFAULTS['TABLE_PREFIX']}messages"


def seqs(data: Frame) -> list[int]:
    return [message["seq"] for message in data["messages"]]


def texts(data: Frame) -> list[str]:
    return [message["text"] for message in data["messages"]]


# Loss


def test_what_was_said_while_away_comes_with_the_next_sync(scene: Scene, ada: SocketClient, ben: SocketClient) -> None:
    last_seq = ben.sync()["last_seq"]
    ben.close()
    ada.ask("message", text="one")
    ada.caller.say(scene.room_id, "two")
    ada.ask("emoji", emoji="\U0001f44b")
    back = scene.open(scene.ticket(ben.caller)["url"], caller=ben.caller)
    data = back.sync(last_seq)
    assert (texts(data), data["recovered"]) == (["one", "two", "\U0001f44b"], True)
    assert seqs(data) == [last_seq + 1, last_seq + 2, last_seq + 3]
    assert data["last_seq"] == last_seq + 3


def test_a_client_without_a_past_gets_the_last_messages_and_no_promise(scene: Scene, ada: SocketClient) -> None:
    ada.ask("message", text="before")
    data = scene.open(scene.ticket(ada.caller)["url"]).sync(None)
    assert (texts(data), data["recovered"]) == (["Ada joined the room", "before"], False)


def test_a_client_that_has_everything_gets_nothing_and_the_promise(ada: SocketClient) -> None:
    last_seq = ada.ask("message", text="hello")["data"]["seq"]
    data = ada.sync(last_seq)
    assert (data["messages"], data["recovered"], data["last_seq"]) == ([], True, last_seq)


def test_a_push_that_is_lost_shows_in_the_next_pong_and_comes_with_sync(
    scene: Scene, ada: SocketClient, ben: SocketClient, faults: Callable[..., None]
) -> None:
    last_seq = ben.sync()["last_seq"]
    faults(post_status={"410": 1.0})
    ada.caller.say(scene.room_id, "unheard")
    faults()
    assert ben.ask("ping")["data"]["last_seq"] == last_seq + 1
    assert ben.take() == []
    data = ben.sync(last_seq)
    assert (texts(data), data["recovered"]) == (["unheard"], True)


def test_a_sequenced_event_of_any_kind_comes_back_as_its_message(scene: Scene, ada: SocketClient) -> None:
    last_seq = ada.sync()["last_seq"]
    scene.member("Carl").leave(scene.room_id)
    ada.ask("emoji", emoji="\U0001f44b")
    pushed = [frame["data"].get("message", frame["data"]) for frame in ada.settle("emoji_reaction")]
    assert sorted(pushed, key=lambda message: int(message["seq"])) == ada.sync(last_seq)["messages"]


def test_beyond_300_missed_messages_come_the_last_50_and_a_word_that_they_are_not_all(
    scene: Scene, ada: SocketClient
) -> None:
    write_log(scene, 302)
    for last_seq, count, recovered in ((1, 50, False), (2, 300, True), (302, 0, True), (0, 50, False)):
        data = ada.sync(last_seq)
        assert (seqs(data), data["recovered"]) == ([*range(303 - count, 303)], recovered)
        assert data["last_seq"] == 302
        ada.take()


def write_log(scene: Scene, last_seq: int) -> None:
    """Let so much have been said long ago: by the rules it would take some people some time."""
    now = time.time_ns() // 1_000_000 - 3_600_000
    client = scene.stack.engine.client()
    for first in range(2, last_seq + 1, 25):
        items = [
            {
                "room_id": {"S": scene.room_id},
                "seq": {"N": str(seq)},
                "message_id": {"S": str(uuid.UUID(int=seq))},
                "type": {"S": "text"},
                "user_id": {"S": "olga"},
                "user": {"S": "Olga"},
                "text": {"S": f"message {seq}"},
                "created_at": {"N": str(now)},
            }
            for seq in range(first, min(first + 25, last_seq + 1))
        ]
        client.batch_write_item(RequestItems={MESSAGES: [{"PutRequest": {"Item": item}} for item in items]})
    head = {"room_id": {"S": scene.room_id}, "seq": {"N": "0"}}
    head |= {"last_seq": {"N": str(last_seq)}, "allocated_at": {"N": str(now)}}
    client.put_item(TableName=MESSAGES, Item=head)
    client.close()


def test_an_acknowledged_message_is_in_every_later_sync_and_in_the_history(
    scene: Scene, ada: SocketClient, ben: SocketClient
) -> None:
    start = ben.sync()["last_seq"]
    acknowledged = []
    for count in range(10):
        acknowledged.append(ada.ask("message", text=str(count))["data"])
        assert ben.sync(start)["messages"] == acknowledged
    assert ada.caller.history(scene.room_id, after_seq=start)["messages"] == acknowledged


# Order


def test_numbers_rise_in_the_order_in_which_messages_were_stored_whoever_speaks(
    scene: Scene, ada: SocketClient, ben: SocketClient
) -> None:
    answers = at_once(
        *[partial(client.ask, "message", text="by frame") for client in (ada, ben)],
        *[partial(client.caller.say, scene.room_id, "by call") for client in (ada, ben) for _ in range(3)],
    )
    stored = [answer.get("data", answer) for answer in answers]
    assert sorted(message["seq"] for message in stored) == [*range(3, 11)]
    log = ada.caller.history(scene.room_id)["messages"]
    assert log[2:] == sorted(stored, key=lambda message: int(message["seq"]))


def test_frames_that_overtake_each_other_make_a_whole(
    ada: SocketClient, ben: SocketClient, faults: Callable[..., None]
) -> None:
    faults(seed=7, frame_delay=[0, 60])
    for count in range(12):
        ada.send("message", text=f"message {count}")
    heard = [ben.wait("message_sent") for _ in range(12)]
    faults()
    assert {frame["data"]["text"] for frame in heard} == {f"message {count}" for count in range(12)}
    by_seq = sorted(heard, key=lambda frame: int(frame["seq"]))
    assert [frame["seq"] for frame in by_seq] == [*range(3, 15)]
    assert heard != by_seq, "nothing overtook anything: this proves too little"
    assert ben.sync(2)["messages"] == [frame["data"] for frame in by_seq]


# Repetition


@pytest.mark.parametrize(("kind", "field"), [("message", "text"), ("emoji", "emoji")])
def test_the_same_id_again_stores_nothing_and_gets_the_same_answer(
    scene: Scene, ada: SocketClient, ben: SocketClient, kind: str, field: str
) -> None:
    first = ada.ask(kind, id="again", **{field: "\U0001f44b"})
    second = ada.ask(kind, id="again", **{field: "\U0001f600"})
    assert (second["type"], second["ref"], second["data"]) == ("ack", "again", first["data"])
    assert len(ben.settle("message_sent" if kind == "message" else "emoji_reaction")) == 1
    assert len(ada.caller.history(scene.room_id)["messages"]) == 3


def test_the_same_id_at_the_same_moment_from_two_connections_stores_one_message(
    scene: Scene, ada: SocketClient, ben: SocketClient
) -> None:
    second = scene.connect(ada.caller)
    settle_all(ada, ben)
    for attempt in range(5):
        name = f"attempt {attempt}"
        one, other = at_once(*[partial(client.ask, "message", id=name, text=name) for client in (ada, second)])
        assert one["type"] == "ack"
        assert one["data"] == other["data"]
    heard = ben.settle(*[lambda frame, name=f"attempt {n}": frame["data"].get("text") == name for n in range(5)])
    assert [frame["type"] for frame in heard].count("message_sent") == 5
    assert texts(ada.caller.history(scene.room_id))[2:] == [f"attempt {attempt}" for attempt in range(5)]


def test_an_id_of_a_frame_and_an_idempotency_key_are_one_and_the_same(scene: Scene, ada: SocketClient) -> None:
    stored = ada.ask("message", id="both ways", text="hello")["data"]
    assert ada.caller.say(scene.room_id, "hello", key="both ways") == stored


def test_the_same_id_of_two_users_or_in_two_rooms_is_not_the_same(
    scene: Scene, ada: SocketClient, ben: SocketClient
) -> None:
    with Scene(scene.api) as elsewhere:
        ada.caller.join(elsewhere.room_id)
        there = elsewhere.connect(ada.caller)
        stored = [client.ask("message", id="1", text="hello")["data"]["id"] for client in (ada, ben, there)]
    assert len(set(stored)) == 3


def test_a_frame_that_is_handled_twice_is_stored_once(
    scene: Scene, ada: SocketClient, ben: SocketClient, faults: Callable[..., None]
) -> None:
    faults(run_twice=1.0)
    ada.send("message", id="once", text="hello")
    first, second = (ada.wait(lambda frame: frame.get("ref") == "once") for _ in range(2))
    faults()
    assert first["data"] == second["data"]
    assert texts(ada.caller.history(scene.room_id))[2:] == ["hello"]
    assert len(ben.settle("message_sent")) == 1


def test_a_frame_without_an_id_is_a_message_each_time(scene: Scene, ada: SocketClient, ben: SocketClient) -> None:
    for _ in range(2):
        ada.send("message", text="hello")
    assert {ben.wait("message_sent")["seq"], ben.wait("message_sent")["seq"]} == {3, 4}
