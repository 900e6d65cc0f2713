"""Limits of frames on the local stack: size, rate and validity.

`FUZZ_FRAMES` and `FUZZ_SEED` set the number and the seed of the frames in the last test.
"""

import json
import os
import random
import string
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from infra.local.stack import LocalStack
from tests.fakes.clients import Api
from tests.fakes.socket_client import TYPE, Frame, Scene, SocketClient

FRAMES = int(os.environ.get("FUZZ_FRAMES", "1000"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))
CODES = {
    *("invalid_frame", "too_large", "reserved_type", "peer_unavailable", "rate_limited", "invalid_request", "muted"),
}
ANSWERS = {"ack", "error", "pong", "snapshot"}
SIGNS_OF_FAILURE = ['"level":"ERROR"', '"level":"CRITICAL"', "Traceback", " failed", "took longer"]
NO_FRAMES = [
    *("", "hello", "null", "7", '"wave"', "[]", '[{"type": "wave"}]', "{}", '{"type": null}', '{"type": "wa ve"}'),
    *('{"type": "' + "w" * 65 + '"}', '{"type": "wave"', '{"type": "wave", "n": NaN}', '{"type": "wave", "n": 1e999}'),
    '{"type": "wave", "s": "\\ud800"}',
]


def code_of(frame: Frame) -> str:
    assert frame["type"] == "error", frame
    return str(frame["data"]["code"])


def of_size(size: int) -> str:
    """A frame with this number of bytes of UTF-8, few of them ASCII."""
    bare = '{"type": "offer", "id": "1", "text": ""}'
    count, rest = divmod(size - len(bare), len("\u2603".encode()))
    return bare.replace('""', '"' + "x" * rest + "\u2603" * count + '"')


def test_a_frame_has_at_most_32000_bytes(ada: SocketClient, ben: SocketClient) -> None:
    largest = of_size(32_000)
    assert len(largest.encode()) == 32_000
    ada.send_text(largest)
    assert ada.wait("ack")["ref"] == "1"
    assert ben.wait("offer")["text"] == json.loads(largest)["text"]
    for size in (32_001, 131_072):
        ada.send_text(of_size(size))
        assert code_of(ada.wait("error")) == "too_large"
    assert ada.settle() == ben.settle() == []


def test_invalid_frames_are_refused_and_the_connection_stays(ada: SocketClient, ben: SocketClient) -> None:
    for text in NO_FRAMES:
        ada.connection.send(text)
        assert code_of(ada.wait("error")) == "invalid_frame", text
    assert ada.ask("wave")["type"] == "ack"
    assert [frame["type"] for frame in ben.settle("wave")] == ["wave"]


def test_frames_above_60_in_ten_seconds_are_refused_once(ada: SocketClient, ben: SocketClient) -> None:
    for count in range(80):
        ada.send("wave", count=count, id=str(count))
    refused = ada.wait("error")
    assert code_of(refused) == "rate_limited"
    assert 1 <= refused["data"]["retry_after"] <= 10
    # Two of the 60 are Ada's `sync` and the `ping` of `settle`.
    passed = {ada.wait("ack")["ref"] for _ in range(58)}
    assert {ben.wait("wave")["id"] for _ in passed} == passed
    assert ben.settle() == []
    assert ben.ask("wave")["type"] == "ack"


# Mutated frames


BASES: list[Frame] = [
    {"type": "sync", "last_seq": None},
    {"type": "sync", "data": {"last_seq": 1}},
    {"type": "ping", "last_seq": 3},
    {"type": "message", "text": "hello"},
    {"type": "message", "data": {"text": "hello"}},
    {"type": "emoji", "emoji": "\U0001f44b"},
    {"type": "mic", "is_muted": False},
    {"type": "mic", "data": {"is_muted": True}},
    {"type": "speaking", "is_speaking": True},
    {"type": "typing", "is_typing": True},
    {"type": "offer", "data": {"type": "offer", "sdp": "v=0"}},
    {"type": "answer", "to": "nobody", "sdp": "v=0"},
    {"type": "ice-candidate", "data": {"candidate": {"sdpMLineIndex": 0}}},
    {"type": "user-joined", "data": {"userId": "mallory"}},
    {"type": "user-left"},
    {"type": "bye", "data": {"action": "stop"}},
    {"type": "message_sent", "seq": 9999, "data": {"text": "spoofed"}},
    {"type": "wave", "from": "mallory", "connection": "x", "roomId": "y", "ts": "z", "seq": 4, "ref": "1"},
]
TEXTS = ["", " ", "null", "\u0000", "\u202e", "\U0001f44b" * 40, "a" * 5000, "'; --", "<script>", "\\", '"', "\ud7ff"]
NUMBERS = [0, -1, 1, 2**31, 2**53, 2**63, 2**64, -(2**70), 0.1, 1e300, -1e-300, 10**40]


class Mutator:
    """Makes frames with few or many faults; the same seed makes the same frames."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def make(self, name: str) -> str:
        """A text. If it is a frame, it has this id."""
        while True:
            frame = self._mutate(json.loads(json.dumps(self._random.choice(BASES)))) | {"id": name}
            text = json.dumps(frame, ensure_ascii=self._random.random() < 0.5)
            if self._random.random() < 0.3:
                text = self._spoil(text)
            if is_sendable(text) and wants_answer(text, name):
                return text

    def _mutate(self, frame: Frame) -> Frame:
        for _ in range(self._random.choice([0, 1, 1, 2, 3])):
            place = frame["data"] if isinstance(frame.get("data"), dict) and self._random.random() < 0.5 else frame
            key = self._random.choice([*place, *place, "data", "to", "text", self._random.choice(TEXTS)])
            if self._random.random() < 0.2:
                place.pop(key, None)
            else:
                place[key] = self._value(0)
        return frame

    def _value(self, depth: int) -> Any:
        match self._random.randrange(7 if depth < 4 else 5):
            case 0:
                return self._random.choice([None, True, False])
            case 1 | 2:
                return self._random.choice(NUMBERS)
            case 3 | 4:
                return self._random.choice(TEXTS)
            case 5:
                return [self._value(depth + 1) for _ in range(self._random.randrange(4))]
        return {self._random.choice(TEXTS): self._value(depth + 1) for _ in range(self._random.randrange(4))}

    def _spoil(self, text: str) -> str:
        start, length = self._random.randrange(len(text)), self._random.choice([0, 1, 1, 2, 10, 100])
        noise = "".join(self._random.choices(string.printable + '{}[]"\\:,\u2603', k=self._random.choice([0, 1, 3])))
        return text[:start] + noise + text[start + length :] + self._random.choice(["", "", "}", text])


def is_sendable(text: str) -> bool:
    """True if the text is valid UTF-8 and small enough for the platform."""
    try:
        return len(text.encode()) <= 100_000
    except UnicodeEncodeError:
        return False


def wants_answer(text: str, name: str) -> bool:
    """True if the server must answer: the text is no frame, or a frame with this id. `leave` has other tests."""
    try:
        frame = json.loads(text)
    except ValueError:
        return True
    if not isinstance(frame, dict) or not isinstance(frame.get("type"), str) or not TYPE.fullmatch(frame["type"]):
        return True
    return frame.get("id") == name and frame["type"] != "leave"


@pytest.fixture
def clean_log(stack: LocalStack) -> Iterator[None]:
    """Check at the end that no function has failed or logged an error."""
    seen = stack.log.stat().st_size
    yield
    lines = stack.log.read_bytes()[seen:].decode("utf-8", "replace").splitlines()
    assert [line for line in lines if any(sign in line for sign in SIGNS_OF_FAILURE)] == []


@pytest.mark.proof
@pytest.mark.usefixtures("clean_log")
def test_mutated_frames_are_answered_and_harm_no_other_client(api: Api) -> None:
    """Other clients stay within their limits: they are new after each 500 frames."""
    mutator, batch = Mutator(SEED), 500
    for first in range(0, FRAMES, batch):
        with Scene(api) as scene, Scene(api) as elsewhere:
            send_mutated(mutator, scene, elsewhere, range(first, min(first + batch, FRAMES)))


def send_mutated(mutator: Mutator, scene: Scene, elsewhere: Scene, numbers: range) -> None:
    """Send frames with these numbers, 50 on each connection."""
    ben, eve = scene.enter("Ben"), elsewhere.enter("Eve")
    for first in numbers[::50]:
        ada = scene.enter(f"Ada{first}")
        check_answers(ada, {str(number): mutator.make(str(number)) for number in numbers if 0 <= number - first < 50})
        check_peer(ben, ada)
        ada.send("leave")
        ada.wait_end()
        ben.settle()
        assert eve.settle() == []
    assert ben.ask("message", text="still here")["data"]["text"] == "still here"


def check_answers(client: SocketClient, texts: dict[str, str]) -> None:
    """Send all texts, and check that each has one answer, with the id if it can be read."""
    for text in texts.values():
        client.send_text(text)
    try:
        answers = [client.wait(lambda frame: frame["type"] in ANSWERS) for _ in texts]
    except ConnectionClosed:
        raise AssertionError(f"closed after {texts}") from None
    for answer in answers:
        if answer["type"] == "error":
            assert answer["data"]["code"] in CODES, (answer, texts.get(answer.get("ref", "")))
    named = [answer["ref"] for answer in answers if "ref" in answer]
    assert len(set(named)) == len(named)
    assert set(named) <= set(texts)
    nameless = [answer for answer in answers if "ref" not in answer]
    assert {code_of(answer) for answer in nameless} <= {"invalid_frame", "too_large", "rate_limited"}
    assert not [frame for frame in client.settle() if frame["type"] in ANSWERS]


def check_peer(peer: SocketClient, sender: SocketClient) -> None:
    """Check that every frame that a peer received has the server's `from` and `connection`."""
    for frame in peer.settle():
        assert frame["type"] not in {"bye", "room_closed"}
        if "connection" in frame:
            assert (frame["from"], frame["connection"]) == (sender.user_id, sender.id)
