"""Many clients for a while, and everything going wrong that can: nothing may be lost, and nobody may haunt a room."""
