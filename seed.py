"""Create the five default rooms if they are missing: `python seed.py`. Running it twice changes nothing."""

from chalicelib.backend import get_backend
from chalicelib.kernel.times import now_ms
from chalicelib.rooms.defaults import DEFAULT_ROOMS
from chalicelib.rooms.service import new_room
from chalicelib.rooms.table import ROOMS, STATUSES, adopt_room, list_all


def seed_rooms() -> list[str]:
    """Create the missing rooms. They are found by name among all rooms, active or not. Returns the new names.

    It also gives rooms of the first release the attributes that they lack.
    """
    store, now = get_backend().store, now_ms()
    present = [room for status in STATUSES for room in list_all(store, status)]
    for room in present:
        if room.used_at is None:
            adopt_room(store, room, now)
    names = {room.name for room in present}
    missing = [wanted for wanted in DEFAULT_ROOMS if wanted.name not in names]
    for place, wanted in enumerate(missing):
        # One millisecond apart: the list is sorted by age, so it keeps this order.
        store.put(ROOMS, new_room(wanted, None, now + place))
    return [wanted.name for wanted in missing]


def main() -> None:
    """Seed, and print what was created."""
    made = seed_rooms()
    print(f"Created {', '.join(made)}" if made else "All default rooms exist")


if __name__ == "__main__":
    main()
