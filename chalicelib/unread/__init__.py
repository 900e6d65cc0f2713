"""Unread messages: how far the caller has read each room, and the list of the caller's rooms."""
