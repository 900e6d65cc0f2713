"""Access to rooms: invitations and knocks."""
