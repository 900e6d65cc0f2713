"""Frame dispatch: parse a frame, identify its sender, call its handler, and answer errors."""

import logging
import re

from chalicelib.api.validation import validate
from chalicelib.backend import Backend
from chalicelib.contract import ClientFrame, Context, Frame, FrameContext, FrameSpec
from chalicelib.contract.frames import MAX_ID, TEXT_PING, TYPE_PATTERN, Error, ErrorData
from chalicelib.delivery import Connection
from chalicelib.features import FRAMES, OTHER_FRAMES, RESERVED_TYPES
from chalicelib.kernel import strict_json, telemetry
from chalicelib.kernel.errors import (
    CoworkingError,
    FrameTooLargeError,
    InternalError,
    InvalidFrameError,
    RateLimitedError,
    ReservedTypeError,
)
from chalicelib.kernel.limits import WARN_EVERY_MS
from chalicelib.kernel.strict_json import MAX_DEPTH, TooDeepError
from chalicelib.kernel.times import Moment
from chalicelib.seats.broadcast import close_all, deliver, reply
from chalicelib.seats.schemas import TOO_FAST
from chalicelib.seats.sockets import SocketEvent, identify

MAX_FRAME_BYTES = 32_000

_log = logging.getLogger(__name__)


class FloodError(Exception):
    """The connection sends too many frames, or its user has used their budget, for `wait` seconds."""

    def __init__(self, wait: int) -> None:
        super().__init__(wait)
        self.wait = wait


def receive(backend: Backend, event: SocketEvent, text: str, now: Moment) -> None:
    """Do what a frame asks for. An error comes back as an `error` frame."""
    raw: Frame = {}
    try:
        try:
            raw = parse(text)
        except CoworkingError:
            _check_rate(backend, event, raw, now)
            size = len(text.encode("utf-8", "surrogatepass"))
            price = OTHER_FRAMES.price + size // MAX_FRAME_BYTES  # API Gateway bills each 32 KB
            _check_budget(backend, _sender_of(backend, event, raw, now), price, now)
            raise
        _check_rate(backend, event, raw, now)
        _run(backend, event, raw, now)
    except FloodError as flood:
        _slow_down(backend, event, raw, flood.wait, now)
    except CoworkingError as error:
        _refuse(backend, event, raw, error, now)
    except Exception:  # noqa: BLE001  # logged with its trace; the sender receives an error
        _log.exception("a frame of type %s failed", raw.get("type"))
        _refuse(backend, event, raw, InternalError(), now)


def parse(text: str) -> Frame:
    """The frame in a text: a JSON object with a valid `type`, within the limits of size and depth. Or the text `ping`.

    Raises:
        FrameTooLargeError: the text has more than 32,000 bytes of UTF-8. This is checked first.
        InvalidFrameError: the text is not such an object.
    """
    size = max(len(text), len(text[: MAX_FRAME_BYTES + 1].encode("utf-8", "surrogatepass")))
    if size > MAX_FRAME_BYTES:
        raise FrameTooLargeError(f"A frame has at most {MAX_FRAME_BYTES} bytes")
    if text == "ping":
        return TEXT_PING
    try:
        frame = strict_json.parse(text)
    except TooDeepError as error:
        raise InvalidFrameError(f"A frame is at most {MAX_DEPTH} levels deep") from error
    except ValueError as error:
        raise InvalidFrameError from error
    if not isinstance(frame, dict) or not isinstance(frame.get("type"), str):
        raise InvalidFrameError
    if not re.fullmatch(TYPE_PATTERN, frame["type"]):
        raise InvalidFrameError("A frame's type is 1 to 64 letters, digits, _ . : and -")
    return frame


def read(spec: FrameSpec, raw: Frame) -> ClientFrame:
    """The typed frame. Its fields are under `data` or beside `type`; its `id` is always beside `type`.

    Raises:
        InvalidRequestError: a field breaks the contract.
    """
    data = raw.get("data")
    fields = {**data, "id": None, **raw} if isinstance(data, dict) else raw
    return validate(spec.model, fields)


def _run(backend: Backend, event: SocketEvent, raw: Frame, now: Moment) -> None:
    declared = FRAMES.get(raw["type"])
    spec = declared or OTHER_FRAMES
    observation = telemetry.current()
    observation.note(frame=spec.name if declared else "relayed")
    connection, roster = identify(backend, event, raw.get("roomId"), now)
    observation.note_user(connection.user_id)
    observation.note(room_id=connection.room_id)
    _check_budget(backend, connection, spec.price, now)  # before the frame is read: an invalid one costs as well
    frame = read(spec, raw)
    observation.note(ref=frame.id)
    if raw["type"] in RESERVED_TYPES:
        raise ReservedTypeError(f"`{raw['type']}` is the server's own")
    context = FrameContext(backend, connection.room_id, connection.user_id, now, connection, frame, raw, roster)
    spec.handler(context)
    context.require_proof(spec.access)
    if "ack" in spec.answers:
        deliver(context, context.claim_ack(), None)


def _check_rate(backend: Backend, event: SocketEvent, raw: Frame, now: Moment) -> None:
    spec = FRAMES.get(raw.get("type", ""))
    if wait := backend.frame_limits.check(event.connection_id, spec is not None and spec.is_signal, now):
        raise FloodError(wait)


def _check_budget(backend: Backend, connection: Connection, price: int, now: Moment) -> None:
    if connection.user_id and (wait := backend.budgets.check(connection.user_id, price, now)):
        raise FloodError(wait)


def _slow_down(backend: Backend, event: SocketEvent, raw: Frame, wait: int, now: Moment) -> None:
    """Refuse a frame of a client that sends too much: tell it once, then ignore it, then close its connection.

    The user pays for frames that are ignored, so opening new connections doesn't help. A user without budget could send
    within the limits of frames and pay nothing. So ignored frames are also counted for each user.
    """
    is_out = backend.frame_limits.is_out(event.connection_id, now)
    if known := backend.connection_cache.get(event.connection_id):
        backend.budgets.charge(known.user_id, OTHER_FRAMES.price, now)
        is_out |= backend.frame_limits.ignore(known.user_id, now)
    if backend.flood_warnings.allow(event.connection_id, WARN_EVERY_MS, now):
        _refuse(backend, event, raw, RateLimitedError(wait), now)
    if is_out and backend.flood_closings.allow(event.connection_id, WARN_EVERY_MS, now):
        connection = _sender_of(backend, event, raw, now)
        close_all(_context_of(backend, connection, now), [connection], TOO_FAST)


def _refuse(backend: Backend, event: SocketEvent, raw: Frame, error: CoworkingError, now: Moment) -> None:
    """Send the sender an `error` frame. `ref` is the frame's `id`, if that is valid."""
    telemetry.current().note(error=error.code)
    connection = _sender_of(backend, event, raw, now)
    context = _context_of(backend, connection, now)
    name = raw.get("id")
    ref = name if isinstance(name, str) and 1 <= len(name) <= MAX_ID else None
    data = ErrorData(code=error.code, detail=error.detail, **error.members())
    reply(context, connection, context.stamp(Error, ref=ref, data=data))


def _context_of(backend: Backend, connection: Connection, now: Moment) -> Context:
    return Context(backend, connection.room_id, connection.user_id, now)


def _sender_of(backend: Backend, event: SocketEvent, raw: Frame, now: Moment) -> Connection:
    """The connection to answer; without a room if its room is unknown."""
    try:
        return identify(backend, event, raw.get("roomId"), now)[0]
    except CoworkingError:
        pass  # the sender receives an error anyway
    except Exception:  # noqa: BLE001  # logged; an answer without the room is better than none
        _log.exception("connection %s could not be looked up", event.connection_id)
    return Connection("", event.connection_id, "", event.endpoint, connected_at=now, announced=False)
