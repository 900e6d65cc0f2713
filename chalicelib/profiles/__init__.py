"""Profiles: the name and avatar that a user chooses."""
