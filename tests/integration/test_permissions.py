"""The policy of each Lambda function grants exactly the permissions that its code needs.

The test runs everything that a Lambda function can do and records the permissions. It then compares the record with
the code: all Python functions within reach that call the database were run, and made all their kinds of calls.
"""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cache, partial
from itertools import islice
from pathlib import Path
from traceback import walk_stack
from typing import Any
from unittest.mock import patch

import pytest
from botocore import handlers
from botocore.awsrequest import AWSResponse

from chalicelib.account import service
from chalicelib.account.table import PERSONAL, PersonalKey
from chalicelib.api.routes import ROUTES
from chalicelib.backend import get_backend
from chalicelib.delivery.fanout import NEWBORN_MS
from chalicelib.grants.table import DEPLOYMENT, FOREVER, STANDINGS
from chalicelib.identity.accounts import note_actor
from chalicelib.kernel.limits import Cache
from chalicelib.kernel.settings import Limit, Settings
from chalicelib.log.table import get_message, get_position, put_entry
from chalicelib.rooms.table import mark_deleted
from chalicelib.seats import sockets
from chalicelib.seats.leases import GRACE_MS, SOCKET_LEASE_MS
from chalicelib.seats.service import enter
from chalicelib.seats.sockets import MAX_CONNECTIONS
from chalicelib.seats.table import PARTICIPANTS
from chalicelib.store import Check, Delete, Put, Store, Table, Update, Write
from chalicelib.store.budgets import Account
from chalicelib.store.tables import TABLES
from infra import policies
from infra.local.engine import Engine
from infra.local.events import SocketEvents
from tests.fakes.backend import DAY, MINUTE, SECOND
from tests.fakes.functions import HANDLERS, Functions, deployed_functions
from tests.fakes.reach import Name, Package
from tests.fakes.records import make_standing

pytestmark = pytest.mark.proof

Permission = tuple[str, str]
"""An action, and its resource: a table, an index, a method for connections, or the list of APIs."""

CHALICE = policies.CHALICE
CONFIG = json.loads((CHALICE / "config.json").read_text("utf-8"))
LIMIT = Limit(4, 10)
BUDGET = Settings().budget_limit
JOINS = Limit(8, 10)
MOST_CHARACTERS = 10_240
"""The limit of IAM for the policies of a role."""
API = "chalicelib.api"
STARTS: dict[str, list[Name]] = {
    "api_handler": [(f"{API}.http", "answer")] + [(route.view.__module__, route.view.__name__) for route in ROUTES],
    "websocket_connect": [(f"{API}.sockets", "on_connect")],
    "websocket_message": [(f"{API}.sockets", "on_message")],
    "websocket_disconnect": [(f"{API}.sockets", "on_disconnect")],
    "sweep": [(f"{API}.schedule", "run_sweep")],
}
STORE = "chalicelib.store.store"
OPERATIONS = {name for name in vars(Store) if not name.startswith("_")} - {"transact"}
CALLS = {(owner, operation) for owner in ("store", "_store") for operation in OPERATIONS} | {
    ("client", "batch_get_item")
}
"""Attributes whose use is a call to the database. `Store.is_reachable` uses the client itself."""
WRITES = {Put: "PutItem", Update: "UpdateItem", Delete: "DeleteItem", Check: "ConditionCheckItem"}
"""The writes of a transaction. They count for the Python function that builds them."""

BESIDE_THE_STORE: dict[Name, Permission] = {
    ("chalicelib.seats.broadcast", "_post"): ("execute-api:ManageConnections", "POST"),
    ("chalicelib.seats.broadcast", "close_all"): ("execute-api:ManageConnections", "DELETE"),
    ("chalicelib.delivery.addresses", "find_websocket_url"): ("apigateway:GET", "/apis"),
}


class Record:
    """The permissions that each Lambda function used, and the code that needed them."""

    def __init__(self, functions: Functions) -> None:
        self.used: dict[str, set[Permission]] = defaultdict(set)
        self.through: dict[str, dict[Name, set[Permission]]] = defaultdict(lambda: defaultdict(set))
        self.direct: dict[str, set[Name]] = defaultdict(set)
        """The Python functions that called the store directly."""
        self._functions = functions

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Record the permissions that the block uses. DynamoDB is real; the answer with the list of APIs is fixed."""
        self._functions.gateway.note = lambda method: self._note("execute-api:ManageConnections", method)
        answers = [("before-call.apigatewayv2.*", self._list_apis)]
        events = get_backend().store.connection.client.meta.events
        events.register("before-parameter-build.dynamodb.*", self._note_operation)
        with ExitStack() as patches:
            patches.enter_context(patch.object(handlers, "BUILTIN_HANDLERS", handlers.BUILTIN_HANDLERS + answers))
            for kind in WRITES:
                patches.enter_context(patch.object(kind, "__init__", self._watch(kind)))
            try:
                yield
            finally:
                events.unregister("before-parameter-build.dynamodb.*", self._note_operation)

    def _note_operation(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        for action, resource in permissions_of(model.name, params):
            self._note(f"dynamodb:{action}", resource, by_caller=model.name != "TransactWriteItems")

    def _watch(self, kind: type[Write]) -> Callable[..., None]:
        """A constructor of a write that also records its caller."""
        original: Callable[..., None] = kind.__init__

        def build(write: Write, table: Table[Any], *rest: Any, **more: Any) -> None:
            original(write, table, *rest, **more)
            self._attribute((f"dynamodb:{WRITES[kind]}", table.base_name))

        return build

    def _list_apis(self, model: Any, **_: Any) -> tuple[AWSResponse, dict[str, Any]]:
        self._note(f"apigateway:{model.http['method']}", model.http["requestUri"].removeprefix("/v2"))
        found = {"Name": "coworking-rooms-dev-websocket-api", "ApiEndpoint": "wss://api.test"}
        return AWSResponse("", 200, {}, None), {"Items": [found]}

    def _note(self, action: str, resource: str, *, by_caller: bool = True) -> None:
        self.used[self._functions.running].add((action, resource))
        if by_caller:
            self._attribute((action, resource))

    def _attribute(self, permission: Permission) -> None:
        """Note all Python functions on the call stack, and the innermost one outside the store's machinery."""
        function = self._functions.running
        stack = [
            (frame.f_globals["__name__"], frame.f_code.co_qualname.partition(".<locals>")[0])
            for frame, _ in walk_stack(None)
        ]
        for name in stack:
            self.through[function][name].add(permission)
        if permission[0].startswith("dynamodb:"):
            own = (name for name in stack if name[0].startswith("chalicelib.") and not is_machinery(name))
            self.direct[function] |= set(islice(own, 1))


def is_machinery(name: Name) -> bool:
    """True for code that only does what its caller asks: the methods, client and threads of the store."""
    module, definition = name
    in_store = module in (STORE, "chalicelib.store.client", "chalicelib.store.concurrency", "chalicelib.store.tables")
    return in_store and definition != "Store.is_reachable"


def permissions_of(operation: str, params: dict[str, Any]) -> Iterator[Permission]:
    """The permissions that an operation of DynamoDB needs."""
    if operation == "TransactWriteItems":
        for item in params["TransactItems"]:
            ((kind, asked),) = item.items()
            yield f"{kind}Item", base_name(asked["TableName"])
    elif "RequestItems" in params:
        yield from ((operation, base_name(table)) for table in params["RequestItems"])
    elif "IndexName" in params:
        yield operation, f"{base_name(params['TableName'])}/index/{params['IndexName']}"
    else:
        yield operation, base_name(params["TableName"])


def base_name(table: str) -> str:
    (name,) = {one for one in TABLES if table.endswith(f"-{one}")}
    return name


def drive(functions: Functions) -> None:
    """Run everything that the Lambda functions can do."""
    use_service(functions)
    use_rooms(functions)
    take_seats(functions)
    invite(functions)
    knock(functions)
    join_too_often(functions)
    chat(functions)
    read_on(functions)
    change_messages(functions)
    speak(functions)
    use_sockets(functions)
    lose_connections(functions)
    write_debts(functions)
    end_memberships(functions)
    give_roles(functions)
    moderate(functions)
    close_rooms(functions)
    refuse_entries(functions)
    come_back_after_months(functions)
    delete_accounts(functions)


def use_service(functions: Functions) -> None:
    for view in ("api_get_health", "api_get_openapi", "api_get_asyncapi", "api_get_docs"):
        functions.rest(view)
    functions.rest("profiles_get_me", "ada")
    functions.rest("profiles_update_me", "ada", {"name": "Ada"})


def use_rooms(functions: Functions) -> None:
    for _ in range(2):
        functions.rest("rooms_create_room", "olga", {"name": "Once"}, headers={"Idempotency-Key": "once"})
    room_id = functions.open_room()
    assert len(functions.rest("seats_list_rooms", "ada", query={"limit": ["1"]})) == 1
    functions.rest("seats_join", "ada", room_id=room_id)
    functions.now += MINUTE
    functions.rest("seats_list_rooms", "ada")
    functions.rest("seats_leave", "ada", room_id=room_id)
    functions.now += 31 * DAY
    assert functions.rest("seats_list_rooms", "ada") == []
    functions.rest("lifecycle_update_room", "admin", {"name": "Renamed", "retention_days": 7}, room_id=room_id)
    functions.rest("lifecycle_update_room", "admin", {}, room_id=room_id)
    functions.rest("lifecycle_toggle_status", "admin", room_id=room_id)
    functions.rest("lifecycle_delete_own_room", "olga", room_id=room_id)
    assert functions.refused("lifecycle_delete_room", "admin", room_id=room_id) == "room_not_found"


def take_seats(functions: Functions) -> None:
    room_id = functions.open_room()
    functions.rest("seats_join", "ada", room_id=room_id)
    functions.now += 2 * MINUTE
    functions.rest("seats_get_room", "ada", room_id=room_id)
    functions.rest("seats_join", "ada", room_id=room_id)
    url = functions.rest("seats_request_ticket", "ada", room_id=room_id)["url"]
    functions.forget()
    functions.connect("ada", room_id, url)
    functions.connect("ada", room_id, url, status=401)
    functions.connect("ben", room_id, status=403)
    for _ in range(MAX_CONNECTIONS):
        functions.connect("ada", room_id)  # the last of them closes the first
    functions.rest("seats_leave", "ada", room_id=room_id)


def invite(functions: Functions) -> None:
    """Invite people into a private room, whose owner has no seat at first, and then one."""
    room_id = functions.open_room(visibility="private")
    made = functions.rest("access_create_invite", "olga", {}, room_id=room_id)
    assert functions.refused("seats_join", "ada", room_id=room_id) == "room_not_found"
    functions.rest("access_preview_invite", "ada", parameters={"token": made["token"]})
    functions.rest("seats_join", "ada", {"invite": made["token"]}, room_id=room_id)
    functions.rest("seats_leave", "ada", room_id=room_id)
    functions.rest("seats_join", "olga", room_id=room_id)
    functions.rest("access_preview_invite", "ada", parameters={"token": made["token"]})
    made = functions.rest("access_create_invite", "olga", {"role": "moderator"}, room_id=room_id)
    functions.rest("seats_join", "ada", {"invite": made["token"]}, room_id=room_id)
    functions.rest("access_list_invites", "ada", room_id=room_id)
    functions.rest("access_revoke_invite", "ada", room_id=room_id, parameters={"invite_id": made["id"]})
    for name in ("olga", "ada"):
        functions.rest("seats_leave", name, room_id=room_id)


def knock(functions: Functions) -> None:
    """Knock on a private room. The user is refused, and then let in, and knocks again."""
    room_id = functions.open_room(visibility="private")
    functions.enter(room_id, "olga")
    functions.rest("access_knock", "ada", room_id=room_id)
    for admit in (False, True):
        functions.rest("access_answer_knock", "olga", {"admit": admit}, room_id=room_id, parameters={"user_id": "ada"})
    functions.now += MINUTE
    functions.rest("access_knock", "ada", room_id=room_id)
    functions.rest("access_get_knock", "ada", room_id=room_id)
    functions.rest("access_list_knocks", "olga", room_id=room_id)
    functions.rest("seats_join", "ada", room_id=room_id)
    functions.rest("lifecycle_update_own_room", "olga", {"visibility": "public"}, room_id=room_id)
    functions.rest("access_knock", "ben", room_id=room_id)
    functions.rest("seats_join", "ben", room_id=room_id)
    functions.rest("lifecycle_update_own_room", "olga", {"visibility": "private"}, room_id=room_id)
    functions.rest("access_answer_knock", "olga", {"admit": True}, room_id=room_id, parameters={"user_id": "ben"})
    for name in ("olga", "ada", "ben"):
        functions.rest("seats_leave", name, room_id=room_id)


def chat(functions: Functions) -> None:
    room_id = functions.open_room()
    url = functions.rest("seats_join", "ada", room_id=room_id)["websocket_url"]
    ada = functions.connect("ada", room_id, url)
    functions.rest("seats_join", "ben", room_id=room_id)
    functions.rest("chat_send_message", "ben", {"message_text": "bye"}, room_id=room_id)
    functions.rest("seats_leave", "ben", room_id=room_id)
    answer_unknown_message(room_id)
    functions.frame(ada, "sync", last_seq=None)
    functions.forget()
    functions.connect_with_seat("cleo", room_id)
    functions.forget()
    for key in ({}, {"Idempotency-Key": "once"}, {"Idempotency-Key": "once"}):
        functions.rest("chat_send_message", "ada", {"message_text": "hello"}, room_id=room_id, headers=key)
    functions.now += MINUTE
    functions.rest("chat_send_emoji", "ada", {"emoji": "🍵"}, room_id=room_id)
    answer_unknown_message(room_id)
    functions.rest("chat_get_history", "ada", room_id=room_id)
    functions.rest("chat_get_history", "ada", room_id=room_id, query={"after_seq": ["1"]})
    functions.frame(ada, "message", text="hello")
    for _ in range(2):
        functions.frame(ada, "message", text="hello", id="twice")
    functions.frame(ada, "sync", last_seq=1)
    functions.frame(ada, "sync", last_seq=1_000)
    functions.rest("chat_get_entries", "ada", room_id=room_id)
    say_too_much(functions, ada, room_id)


def change_messages(functions: Functions) -> None:
    """Edit and delete messages and react to them, as author and as moderator, over HTTP and with frames."""
    room_id = functions.open_room()
    una, mod = functions.enter(room_id, "una", "mod")
    functions.rest("roles_grant_role", "admin", {"role": "moderator"}, room_id=room_id, parameters={"user_id": "mod"})
    path = {"room_id": room_id}
    for user_id, client in (("una", una), ("mod", mod)):
        for is_frame in (False, True):
            functions.now += MINUTE
            seq = functions.rest("chat_send_message", "una", {"message_text": "hi"}, room_id=room_id)["seq"]
            if is_frame:
                functions.frame(una, "edit", seq=seq, text="hello")
                functions.frame(una, "react", seq=seq, emoji="🍵", on=True)
                functions.frame(client, "delete", seq=seq)
            else:
                path |= {"seq": str(seq), "emoji": "🍵"}
                functions.rest("chat_edit_message", "una", {"message_text": "hello"}, room_id=room_id, parameters=path)
                for view in ("reactions_add_reaction", "reactions_remove_reaction"):
                    functions.rest(view, "una", room_id=room_id, parameters=path)
                functions.rest("chat_delete_message", user_id, room_id=room_id, parameters=path)


def answer_unknown_message(room_id: str) -> None:
    """Let the newest message answer one that is read separately."""
    store = get_backend().store
    newest = get_message(store, room_id, get_position(store, room_id).last_seq)
    assert newest
    store.transact([put_entry(replace(newest, reply_to=1_000_000), 90)])


def read_on(functions: Functions) -> None:
    """Read below a mention, and above it. Then list rooms, one of them with a standing."""
    store, room_id = get_backend().store, functions.open_room()
    (ada,) = functions.enter(room_id, "ada")
    (ben,) = functions.enter(room_id, "ben")
    functions.frame(ben, "message", text="hello", mentions=["ada"])
    functions.rest("chat_send_message", "ben", {"message_text": "hello", "mentions": ["ada"]}, room_id=room_id)
    store.put(STANDINGS, replace(make_standing(room_id, "ada", role="member"), user_id="ada"))
    for seq in (1, 4):
        functions.frame(ada, "read", seq=seq)
        functions.now += MINUTE
    mine = functions.rest("unread_list_my_rooms", "ada")
    assert [one["unread"] for one in mine if one["room"]["id"] == room_id] == [0]


def join_too_often(functions: Functions) -> None:
    """Exceed the rate limit of joins while connecting, in a process that has not counted from the start."""
    room_id = functions.open_room()
    with patch.object(sockets, "enter", lambda *who: [enter(*who) for _ in range(2)]):
        functions.connect_with_seat("ida", room_id)  # as if another connection had just taken the seat
    functions.rest("seats_leave", "ida", room_id=room_id)
    for _ in range(JOINS.count - 2):
        functions.connect_with_seat("ida", room_id)
        functions.rest("seats_leave", "ida", room_id=room_id)
    get_backend().rate_limits._open_windows = Cache()
    functions.connect_with_seat("ida", room_id, status=429)


def write_debts(functions: Functions) -> None:
    """Let `$disconnect` and the sweep write what users owe."""
    room_id = functions.open_room()
    (ada,) = functions.enter(room_id, "ada")
    for user_id, used in {"ben": 0, "eve": 1, "kim": BUDGET.count}.items():
        (connection,) = functions.enter(room_id, user_id)
        functions.now += BUDGET.seconds * SECOND  # the window that the user opened has ended
        owe(functions, user_id, used)
        functions.disconnect(connection)
        functions.frame(ada, "ping")
        functions.now += 2 * GRACE_MS
        owe(functions, user_id, used)
        functions.sweep()


def owe(functions: Functions, user_id: str, used: int) -> None:
    """Give a user a large debt, in a window of which other processes have used some units."""
    backend = get_backend()
    if used:
        backend.rate_limits.check(f"budget#{user_id}", BUDGET, functions.now, used)
    backend.budgets._accounts.put(user_id, Account(credit=-BUDGET.count))


def say_too_much(functions: Functions, connection: SocketEvents, room_id: str) -> None:
    """Exceed the rate limit. A process that has not counted from the start must read the window."""
    for _ in range(LIMIT.count):
        functions.frame(connection, "message", text="and another thing")
    get_backend().rate_limits._open_windows = Cache()
    assert [frame["type"] for frame in functions.frame(connection, "message", text="and another thing")] == ["error"]
    get_backend().rate_limits._open_windows = Cache()
    body = {"message_text": "and another thing"}
    assert functions.refused("chat_send_message", "ada", body, room_id=room_id) == "rate_limited"


def speak(functions: Functions) -> None:
    room_id = functions.open_room()
    (ada,) = functions.enter(room_id, "ada")
    assert functions.refused("voice_set_speaking", "ada", {"is_speaking": True}, room_id=room_id) == "muted"
    functions.frame(ada, "speaking", is_speaking=True)
    functions.rest("voice_toggle_mic", "ada", {"is_muted": False}, room_id=room_id)
    functions.rest("voice_set_speaking", "ada", {"is_speaking": True}, room_id=room_id)
    functions.now += 2 * MINUTE
    functions.frame(ada, "mic", is_muted=True)  # also renews the lease


def use_sockets(functions: Functions) -> None:
    room_id = functions.open_room()
    ada, ben = functions.enter(room_id, "ada", "ben")
    functions.forget()
    functions.frame(ada, "wave")
    functions.now += MINUTE + SECOND
    functions.frame(ada, "offer", to="ben", data={"sdp": "v=0"})
    functions.frame(ben, "ping")
    functions.frame(ben, "leave")
    assert [frame["type"] for frame in functions.frame(ben, "message", text="Where am I?")] == ["error"]
    second = functions.connect("ada", room_id)
    functions.disconnect(second)
    functions.forget()
    functions.disconnect(ada)


def lose_connections(functions: Functions) -> None:
    """Let each function find that Ben's connections are gone: one of two, and then the last."""
    room_id = functions.open_room()
    ada, *eve = functions.enter(room_id, "ada", "eve")
    functions.rest("seats_join", "ben", room_id=room_id)

    def come() -> None:
        if not eve:
            eve.append(functions.connect("eve", room_id))

    def go() -> None:
        if eve:
            functions.disconnect(eve.pop())

    def say() -> None:
        functions.rest("chat_send_message", "ada", {"message_text": "hello"}, room_id=room_id)

    def wave() -> None:
        functions.frame(ada, "wave")

    for prepare, find in ((come, go), (go, come), (come, say), (come, wave)):
        connections = [functions.connect("ben", room_id) for _ in range(2)]
        functions.now += NEWBORN_MS
        for connection in connections:
            prepare()
            functions.gone.add(connection.connection_id)
            find()


def end_memberships(functions: Functions) -> None:
    """Let leases expire. Then call each function that checks leases: it ends the expired memberships."""
    functions.now += DAY  # a user has seats in five rooms at most
    functions.sweep()
    room_id = functions.open_room()
    (ada,) = functions.enter(room_id, "ada")
    noticing: list[Callable[[], object]] = [
        lambda: functions.rest("seats_get_room", "ada", room_id=room_id),
        lambda: functions.frame(ada, "ping"),
        lambda: functions.connect_with_seat("zoe", room_id),
        functions.sweep,
    ]
    for notice in noticing:
        ben, eve = functions.enter(room_id, "ben", "eve")
        second = functions.connect("ada", room_id)
        functions.frame(ben, "ping")
        for _ in range(2):
            functions.frame(ada, "ping")
            functions.now += SOCKET_LEASE_MS // 2
        functions.gone.update([second.connection_id, eve.connection_id])
        notice()
        assert functions.refused("seats_leave", "ben", room_id=room_id) == "not_in_room"
    functions.rest("seats_leave", "eve", room_id=room_id)
    functions.rest("seats_leave", "ada", room_id=room_id)
    functions.sweep()


def give_roles(functions: Functions) -> None:
    """Give roles to somebody with a seat and to somebody without, and take them away. Then hand the room over."""
    room_id = functions.open_room()
    functions.enter(room_id, "ben")
    call = partial(functions.rest, room_id=room_id)
    for user_id in ("ben", "eve"):
        call("roles_grant_role", "olga", {"role": "moderator"}, parameters={"user_id": user_id})
    call("roles_list_roles", "ben")
    call("roles_offer_ownership", "olga", {"user_id": "ben"})
    call("roles_accept_ownership", "ben")
    call("lifecycle_update_own_room", "ben", {"visibility": "private"})
    call("roles_grant_role", "olga", {"role": "member"}, parameters={"user_id": "kim"})
    for user_id in ("eve", "olga"):
        call("roles_revoke_role", "ben", parameters={"user_id": user_id})
    functions.rest("seats_join", "kim", room_id=room_id)
    call("roles_revoke_role", "ben", parameters={"user_id": "kim"})


def report(functions: Functions, room_id: str) -> None:
    """Report a message, and decide to ban its author."""
    functions.enter(room_id, "eve")
    said = functions.rest("chat_send_message", "eve", {"message_text": "spam"}, room_id=room_id)
    functions.rest(
        "moderation_report_message", "ben", {"reason": "spam"}, room_id=room_id, parameters={"seq": str(said["seq"])}
    )
    (shown,) = functions.rest("moderation_list_reports", "admin")["reports"]
    functions.rest("moderation_decide_report", "admin", {"state": "banned"}, parameters={"report_id": shown["id"]})


def moderate(functions: Functions) -> None:
    """Act on users with and without a seat, over HTTP and by frames: first the owner, then a moderator."""
    room_id = functions.open_room()
    (mia,) = functions.enter(room_id, "mia")
    call = partial(functions.rest, room_id=room_id)
    call("roles_grant_role", "olga", {"role": "moderator"}, parameters={"user_id": "mia"})
    acts: list[Callable[..., object]] = [
        lambda **body: call("moderation_moderate", "olga", body),
        lambda **body: functions.frame(mia, "moderate", **body),
    ]
    for act in acts:
        functions.now += MINUTE
        functions.enter(room_id, "ben", "eve", "kim")
        act(action="mute", user_id="eve")
        assert (
            functions.refused("voice_toggle_mic", "eve", {"is_muted": False}, room_id=room_id) == "muted_by_moderator"
        )
        act(action="unmute", user_id="eve")
        with patch("chalicelib.moderation.service.MOST_WRITES", 4):
            act(action="mute_all")
        for user_id in ("ben", "zoe"):
            act(action="kick", user_id=user_id, reason="loud", seconds=1)
            act(action="unban", user_id=user_id)
        for action in ("lock", "unlock"):
            act(action=action)
        for user_id in ("eve", "kim"):
            functions.rest("seats_leave", user_id, room_id=room_id)
    functions.now += MINUTE
    call("moderation_moderate", "mia", {"action": "slow", "seconds": 9})
    functions.enter(room_id, "ben")
    for view in ("moderation_list_bans", "moderation_get_audit"):
        call(view, "mia")
    say_slowly(functions, room_id)
    bob = {"parameters": {"user_id": "bob"}}
    functions.rest("seats_join", "bob", room_id=room_id)
    functions.rest("moderation_ban_everywhere", "admin", {}, **bob)
    assert functions.refused("rooms_create_room", "bob", {"name": "Room"}) == "banned"
    functions.rest("moderation_list_all_bans", "admin")
    report(functions, room_id)
    functions.rest("moderation_lift_ban", "admin", **bob)


def say_slowly(functions: Functions, room_id: str) -> None:
    """Send a message too early in a slow room."""
    (ida,) = functions.enter(room_id, "ida")
    functions.frame(ida, "message", text="hello")
    body = {"message_text": "and another thing"}
    assert functions.refused("chat_send_message", "ida", body, room_id=room_id) == "rate_limited"


def close_rooms(functions: Functions) -> None:
    """Delete a room in one call, and a room whose deletion was interrupted."""
    for finish in (lambda room_id: functions.rest("lifecycle_delete_room", "admin", room_id=room_id), give_up_closing):
        room_id = functions.open_room()
        functions.enter(room_id, "ada")
        functions.rest("chat_send_message", "ada", {"message_text": "hello"}, room_id=room_id)
        functions.rest("roles_grant_role", "olga", {"role": "member"}, room_id=room_id, parameters={"user_id": "kim"})
        finish(room_id)
        functions.sweep()
        assert functions.refused("seats_get_room", "ada", room_id=room_id) == "room_not_found"


def refuse_entries(functions: Functions) -> None:
    """Delete a room when an entry of its log has a number, and is not stored yet."""
    room_id = ""

    def ben_joins() -> None:
        assert functions.refused("seats_join", "ben", room_id=room_id) == "room_not_found"

    def ben_connects() -> None:
        functions.connect_with_seat("ben", room_id, status=404)

    def ada_speaks() -> None:
        assert [frame["type"] for frame in functions.frame(ada, "message", text="hello")][-1] == "error"

    def ada_expires() -> None:
        functions.now += DAY
        functions.sweep()

    ada_expires()  # and everybody else
    for act in (ben_joins, ben_connects, ada_speaks, ada_expires):
        room_id = functions.open_room()
        (ada,) = functions.enter(room_id, "ada")
        with do_meanwhile(lambda: functions.rest("lifecycle_delete_room", "admin", room_id=room_id)):  # noqa: B023
            act()


def come_back_after_months(functions: Functions) -> None:
    """In a room older than the retention time, a sync checks whether messages were deleted."""
    room_id = functions.open_room()
    functions.now += 100 * DAY
    (ada,) = functions.enter(room_id, "ada")
    functions.frame(ada, "sync", last_seq=1)


def delete_accounts(functions: Functions) -> None:
    """Let each function delete what an account has: the call does its part, or ends before it has done anything."""
    for work_on in (service.work_on, lambda *_: False):
        functions.rest("profiles_update_me", "gus", {"name": "Gus"})
        handed_on, absent, closed = (make_own(functions, "gus") for _ in range(3))
        functions.enter(handed_on, "gus", "hal")
        functions.enter(closed, "ivy")
        functions.rest("chat_send_message", "gus", {"message_text": "hello"}, room_id=handed_on)
        functions.rest("roles_offer_ownership", "gus", {"user_id": "ivy"}, room_id=handed_on)
        for room_id in (handed_on, absent):
            leave_traces(get_backend().store, room_id)
        export_all(functions, "gus")
        with patch.object(service, "work_on", work_on):
            functions.rest("account_erase_me", "gus")
        assert functions.refused("seats_join", "gus", room_id=handed_on) == "account_closing"
        for _ in range(3):
            functions.now += MINUTE
            functions.rest("account_erase_me", "gus") if work_on is service.work_on else functions.sweep()
        functions.rest("seats_join", "gus", room_id=handed_on)
        functions.rest("seats_leave", "gus", room_id=handed_on)


def make_own(functions: Functions, user_id: str) -> str:
    return str(functions.rest("rooms_create_room", user_id, {"name": "Room"})["id"])


def export_all(functions: Functions, user_id: str) -> None:
    query: dict[str, list[str]] = {}
    while cursor := functions.rest("account_export_me", user_id, query=query)["next"]:
        query = {"cursor": [cursor]}


def leave_traces(store: Store, room_id: str) -> None:
    """Give Gus a role, a ban, a seat that is kept, and rows of each kind."""
    ban = {"banned_until": FOREVER, "muted_by": "gus"}
    for user_id, notes in (("gus", {"role": "moderator"}), ("hal", {"role": "moderator"}), ("ivy", ban)):
        standing = replace(make_standing(room_id, user_id, **notes), user_id=user_id)
        store.put(STANDINGS, standing)
    is_seated = PARTICIPANTS.user_id.exists()
    store.update(PARTICIPANTS, (room_id, "hal"), [PARTICIPANTS.muted_by.set("gus")], is_seated)
    store.put(PERSONAL, PersonalKey("gus", "other"))
    store.transact([note_actor(room_id, "gus"), note_actor(DEPLOYMENT, "gus")])


@contextmanager
def do_meanwhile(do: Callable[[], object]) -> Iterator[None]:
    """Run an act before the next entry is stored. It runs in a thread of its own: its calls have another stack."""
    pending = [do]

    def put(*args: Any) -> Put:
        if pending:
            with ThreadPoolExecutor(1) as pool:
                pool.submit(pending.pop()).result()
        return put_entry(*args)

    with patch("chalicelib.log.service.put_entry", put):
        yield


def give_up_closing(room_id: str) -> None:
    """Do only the first step of deleting a room, as if the function had timed out."""
    mark_deleted(get_backend().store, room_id)


@pytest.fixture(scope="module")
def record(engine: Engine) -> Record:
    with Functions(engine, websocket_url="", messages_limit=LIMIT, joins_limit=JOINS) as functions:
        found = Record(functions)
        with found.recording():
            with patch("chalicelib.log.table._PART_BYTES", 1):
                drive(functions)
    return found


@cache
def package() -> Package:
    # asyncapi.py describes the handlers of frames, but does not call them.
    return Package("chalicelib", silent=["chalicelib.api.asyncapi"])


@cache
def in_reach(function: str) -> set[Name]:
    return package().reach(*STARTS[function])


def callers(function: str) -> set[Name]:
    """The Python functions within reach of a Lambda function that call the database or build a write."""
    return {name for name in in_reach(function) if is_caller(name)}


@cache
def is_caller(name: Name) -> bool:
    """True for code that calls the database itself. In a module with tables also if it does so through such code."""
    if is_machinery(name):
        return False
    writes = {(STORE, kind.__name__) for kind in WRITES}
    names = package().names(name) - {name}
    if package().accesses(name) & CALLS or names & writes:
        return True
    return name[0] in modules_of_tables() and any(is_caller(used) for used in names)


@cache
def modules_of_tables() -> set[str]:
    """The modules that declare tables."""
    table = ("chalicelib.store.tables", "Table")
    return {name[0] for name in package().definitions() if name[1].isupper() and table in package().names(name)}


def granted(stage: str, function: str) -> set[Permission]:
    """The permissions of a policy, without logging. A resource with an unexpected name stays an ARN."""
    return {
        (action, resource_of(arn, stage))
        for statement in read_policy(stage, function)["Statement"]
        for action in statement["Action"]
        for arn in statement["Resource"]
        if not action.startswith("logs:")
    }


def resource_of(arn: str, stage: str) -> str:
    for form in (
        rf"arn:\*:dynamodb:\*:\*:table/coworking-{stage}-(.+)",
        r"arn:\*:execute-api:\*:\*:\*/api/([A-Z]+)/@connections/\*",
        r"arn:\*:apigateway:\*::(/apis)",
    ):
        if named := re.fullmatch(form, arn):
            return named[1]
    return arn


def read_policy(stage: str, function: str) -> Any:
    file = CHALICE / CONFIG["stages"][stage]["lambda_functions"][function]["iam_policy_file"]
    return json.loads(file.read_text("utf-8"))


each_function = pytest.mark.parametrize("function", HANDLERS)
each_stage = pytest.mark.parametrize("stage", CONFIG["stages"])


@each_function
def test_all_callers_within_reach_were_run(record: Record, function: str) -> None:
    assert callers(function) <= set(record.through[function])
    assert record.direct[function] <= callers(function)
    for name, permission in BESIDE_THE_STORE.items():
        assert (name in in_reach(function)) == (permission in record.used[function])


@each_function
def test_each_function_ran_all_calls_within_its_reach(record: Record, function: str) -> None:
    ever = {permission for name in callers(function) for one in record.through.values() for permission in one[name]}
    assert record.used[function] - set(BESIDE_THE_STORE.values()) == ever


@each_stage
@each_function
def test_a_policy_grants_exactly_the_used_permissions(record: Record, function: str, stage: str) -> None:
    assert granted(stage, function) == record.used[function]


@each_stage
def test_each_function_has_its_own_policy_and_log(stage: str) -> None:
    deployed = deployed_functions(stage)
    assert {one.resource_name for one in deployed} == set(HANDLERS)
    for one in deployed:
        policy = read_policy(stage, one.resource_name)
        (logs,) = (statement for statement in policy["Statement"] if statement["Sid"] == "Logs")
        assert json.loads(Path(one.role.policy.filename).read_text("utf-8")) == policy
        assert logs["Action"] == ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]
        assert logs["Resource"] == [f"arn:*:logs:*:*:log-group:/aws/lambda/{one.function_name}:*"]
        assert one.log_group.retention_in_days == 30


@each_stage
@each_function
def test_a_policy_is_valid_for_iam(function: str, stage: str) -> None:
    policy = read_policy(stage, function)
    names = [statement["Sid"] for statement in policy["Statement"]]
    assert policy["Version"] == "2012-10-17"
    assert all(name.isalnum() and names.count(name) == 1 for name in names)
    assert len(json.dumps(policy, separators=(",", ":"))) < MOST_CHARACTERS


def test_the_policies_are_the_output_of_the_script(tmp_path: Path) -> None:
    (tmp_path / "policy-gone-sweep.json").write_text("{}", "utf-8")
    (tmp_path / "config.json").write_bytes((CHALICE / "config.json").read_bytes())
    policies.write(tmp_path)
    written, kept = ({file.name: file.read_text("utf-8") for file in at.glob("*.json")} for at in (tmp_path, CHALICE))
    assert written == kept, "run `python -m infra.policies`"


@pytest.mark.parametrize(
    ("operation", "params", "needed"),
    [
        ("GetItem", {"TableName": "t-rooms"}, [("GetItem", "rooms")]),
        ("Query", {"TableName": "t-rooms", "IndexName": "by_status"}, [("Query", "rooms/index/by_status")]),
        ("BatchWriteItem", {"RequestItems": {"t-messages": []}}, [("BatchWriteItem", "messages")]),
        (
            "TransactWriteItems",
            {"TransactItems": [{"Put": {"TableName": "t-rooms"}}, {"ConditionCheck": {"TableName": "t-guards"}}]},
            [("PutItem", "rooms"), ("ConditionCheckItem", "guards")],
        ),
    ],
)
def test_permissions_follow_from_the_operation(
    operation: str, params: dict[str, Any], needed: list[Permission]
) -> None:
    assert list(permissions_of(operation, params)) == needed


def test_an_unexpected_resource_is_another_permission() -> None:
    tables = "arn:*:dynamodb:*:*:table/coworking-"
    for arn, resource in (("dev-rooms", "rooms"), ("dev-*", "*"), ("prod-rooms", f"{tables}prod-rooms")):
        assert resource_of(tables + arn, "dev") == resource
