"""Reactions: emoji that members put on messages, and take back."""
