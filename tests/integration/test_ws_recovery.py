"""Pushes that come late, twice or not at all, and how a client recovers."""

from collections.abc import Callable

from tests.fakes.socket_client import Frame, Scene, SocketClient


def texts(data: Frame) -> list[str]:
    return [message["text"] for message in data["messages"]]


def test_messages_missed_while_away_come_with_the_next_sync(scene: Scene, ada: SocketClient, ben: SocketClient) -> None:
    last_seq = ben.sync()["last_seq"]
    ben.close()
    ada.ask("message", text="one")
    ada.caller.say(scene.room_id, "two")
    ada.ask("emoji", emoji="\U0001f44b")
    data = scene.open(scene.ticket(ben.caller)["url"], caller=ben.caller).sync(last_seq)
    missed = [(message["seq"] - last_seq, message["text"]) for message in data["messages"]]
    assert missed == [(1, "one"), (2, "two"), (3, "\U0001f44b")]
    assert (data["recovered"], data["last_seq"]) == (True, last_seq + 3)


def test_a_lost_push_shows_in_pong_and_comes_with_sync(
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


def test_every_sequenced_event_comes_back_as_its_message(scene: Scene, ada: SocketClient) -> None:
    last_seq = ada.sync()["last_seq"]
    scene.member("Carl").leave(scene.room_id)
    ada.ask("emoji", emoji="\U0001f44b")
    pushed = [frame["data"].get("message", frame["data"]) for frame in ada.settle("emoji_reaction")]
    assert sorted(pushed, key=lambda message: int(message["seq"])) == ada.sync(last_seq)["messages"]


def test_frames_that_overtake_each_other_can_be_put_in_order(
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
    assert heard != by_seq, "no frame overtook another: the test proves nothing"
    assert ben.sync(2)["messages"] == [frame["data"] for frame in by_seq]


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
