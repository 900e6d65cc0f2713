"""The life of a room: change, close and delete it, and the sweep. It ends memberships, so it stands above seats/."""
