"""Create the five default rooms if they are missing: `python seed.py`. Running it twice changes nothing."""

from chalicelib.backend import get_backend
from chalicelib.kernel.times import now_ms
from chalicelib.rooms.defaults import DEFAULT_ROOMS
from chalicelib.rooms.service import new_room
from chalicelib.rooms.table import ROOMS, STATUSES, list_all


def seed_rooms() -> list[str]:
    """Create the missing rooms. They are found by name among all rooms, active or not. Returns the new names."""
    store = get_backend().store
    present = {room.name for status in STATUSES for room in list_all(store, status)}
    missing = [room for room in DEFAULT_ROOMS if room.name not in present]
    now = now_ms()
    for place, room in enumerate(missing):
        # One millisecond apart: the list is sorted by age, so it keeps this order.
        store.put(ROOMS, new_room(room, None, now + place))
    return [room.name for room in missing]


def main() -> None:
    """Seed, and print what was created."""
    made = seed_rooms()
    print(f"Created {', '.join(made)}" if made else "All default rooms exist")


if __name__ == "__main__":
    main()
