"""Chat: messages and emoji reactions, stored once and in order, and the history of a room."""
