"""The rooms of the service itself, and names that look like theirs."""

from chalicelib.identity.tokens import User
from chalicelib.kernel.errors import InvalidRequestError
from chalicelib.kernel.lookalikes import skeletons
from chalicelib.rooms.schemas import RoomCreate

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

_SKELETONS = frozenset().union(*(skeletons(room.name) for room in DEFAULT_ROOMS))


def looks_like_default(name: str) -> bool:
    """True if people could take a room with this name for one of the service's own."""
    return bool(skeletons(name) & _SKELETONS)


def require_own_name(user: User, name: str | None) -> None:
    """Check that a user may give a room this name.

    Raises:
        InvalidRequestError: the name looks like that of a default room, and the user is no administrator.
    """
    if name and not user.is_admin and looks_like_default(name):
        raise InvalidRequestError.of("name", "must not look like the name of one of the service's own rooms")
