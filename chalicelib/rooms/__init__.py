"""A room and its settings: create, list, find."""
