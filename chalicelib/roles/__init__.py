"""Roles: grant and revoke them, and hand a room over to another owner."""
