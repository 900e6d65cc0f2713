"""Calls the service with the client that openapi-python-client made, and reads an answer's frame with other types.

python call_python.py API TOKEN
"""

import sys

from frames import MessageSent, SendMessage, SendMessageData
from rooms_client import AuthenticatedClient
from rooms_client.api.chat import chat_send_message
from rooms_client.api.rooms import rooms_create_room
from rooms_client.api.seats import seats_join
from rooms_client.models import JoinRoomResponse, Problem, RoomCreate, RoomMessage, RoomSummary, SendMessageRequest

client = AuthenticatedClient(base_url=sys.argv[1], token=sys.argv[2])

room = rooms_create_room.sync(client=client, body=RoomCreate(name="Generated"))
assert isinstance(room, RoomSummary)
early = chat_send_message.sync(room.id, client=client, body=SendMessageRequest(message_text="too early"))
assert isinstance(early, Problem)
assert early.code == "not_in_room"
joined = seats_join.sync(room.id, client=client)
assert isinstance(joined, JoinRoomResponse)
message = chat_send_message.sync(room.id, client=client, body=SendMessageRequest(message_text="Hello"))
assert isinstance(message, RoomMessage)

frame = SendMessage(type="message", data=SendMessageData(text="Hello"))
assert frame.data.text == message.text
pushed = {"type": "message_sent", "roomId": str(room.id), "ts": "2026-11-22T22:41:05.977Z", "seq": message.seq}
sent = MessageSent.model_validate(pushed | {"data": message.to_dict()})
print(sent.data.text, sent.seq)
