"""Create the five default rooms where they are missing: `python seed.py`. Running it twice changes nothing."""

from chalicelib.backend import backend
from chalicelib.rooms import new_room
from chalicelib.schemas import RoomCreate
from chalicelib.store import rooms
from chalicelib.times import now_ms

DEFAULT_ROOMS = (
    RoomCreate(
        name="Focus Zone",
        description="Deep work sessions - minimal distractions",
        max_participants=10,
        color="bg-grayBlue",
    ),
    RoomCreate(
        name="Creative Studio",
        description="Collaborative creative work and brainstorming",
        max_participants=15,
        color="bg-purple",
    ),
    RoomCreate(
        name="Study Hall",
        description="Quiet study and learning sessions",
        max_participants=20,
        color="bg-green",
    ),
    RoomCreate(
        name="Coffee Break",
        description="Casual conversations and networking",
        max_participants=12,
        color="bg-orange",
    ),
    RoomCreate(
        name="Sprint Room",
        description="Pomodoro and timed work sprints",
        max_participants=8,
        color="bg-red",
    ),
)


def seed_rooms() -> list[str]:
    """Make what is missing, found by name among all rooms, closed ones too. Returns the names that were made."""
    backend()
    present = {room.name for status in rooms.STATUSES for room in rooms.every(status)}
    missing = [room for room in DEFAULT_ROOMS if room.name not in present]
    now = now_ms()
    for place, room in enumerate(missing):
        # A millisecond apart, so that the list, oldest first, keeps this order.
        rooms.create(new_room(room, None, now + place), None, now)
    return [room.name for room in missing]


def main() -> None:
    """Seed, and say what was done."""
    made = seed_rooms()
    print(f"Made {', '.join(made)}" if made else "All default rooms are there")


if __name__ == "__main__":
    main()
