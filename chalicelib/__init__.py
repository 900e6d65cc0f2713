"""Coworking Rooms: rooms, presence, chat and signalling on Chalice and DynamoDB."""

__version__ = "0.1.0"
