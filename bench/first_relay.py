"""The relay that everybody writes first: FastAPI, a set of sockets for each room, a loop that sends.

What `bench/end_to_end.py` compares with. It checks nobody, keeps nothing, and knows only its own process.
"""

from collections import defaultdict

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

rooms: defaultdict[str, set[WebSocket]] = defaultdict(set)


async def relay(websocket: WebSocket, room_id: str) -> None:
    await websocket.accept()
    rooms[room_id].add(websocket)
    try:
        while True:
            text = await websocket.receive_text()
            for other in list(rooms[room_id]):
                if other is not websocket:
                    await other.send_text(text)
    except WebSocketDisconnect:
        rooms[room_id].discard(websocket)


app = FastAPI()
app.add_api_websocket_route("/rooms/{room_id}", relay)
