"""Access to rooms: invitations."""
