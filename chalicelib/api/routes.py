"""Every HTTP route in one table. Views are named, not imported: WebSocket functions don't pay for them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Route:
    """A method and a path below the stage, and the view (`module.function` in `chalicelib.api`) that answers it."""

    method: str
    path: str
    view: str
    is_open: bool = False


ROUTES = (
    Route("GET", "/healthz", "meta.health", is_open=True),
    Route("GET", "/openapi.json", "meta.openapi", is_open=True),
    Route("GET", "/asyncapi.json", "meta.asyncapi", is_open=True),
    Route("GET", "/docs", "meta.docs", is_open=True),
    Route("GET", "/coworking/me", "me.show"),
    Route("PUT", "/coworking/me", "me.update"),
    Route("GET", "/coworking/rooms", "rooms.index"),
    Route("POST", "/coworking/rooms", "rooms.create"),
    Route("GET", "/coworking/rooms/{room_id}", "rooms.show"),
    Route("DELETE", "/coworking/rooms/{room_id}", "rooms.delete"),
    Route("POST", "/coworking/rooms/{room_id}/join", "seat.join"),
    Route("POST", "/coworking/rooms/{room_id}/leave", "seat.leave"),
    Route("POST", "/coworking/rooms/{room_id}/ticket", "seat.ticket"),
    Route("GET", "/coworking/rooms/{room_id}/messages", "chat.history"),
    Route("POST", "/coworking/rooms/{room_id}/messages", "chat.send_message"),
    Route("POST", "/coworking/rooms/{room_id}/emoji", "chat.send_emoji"),
    Route("PUT", "/coworking/rooms/{room_id}/mic-toggle", "voice.toggle_mic"),
    Route("PUT", "/coworking/rooms/{room_id}/speaking", "voice.set_speaking"),
    Route("PUT", "/coworking/admin/rooms/{room_id}", "admin.update"),
    Route("PATCH", "/coworking/admin/rooms/{room_id}/status", "admin.toggle_status"),
    Route("DELETE", "/coworking/admin/rooms/{room_id}", "admin.delete"),
)
