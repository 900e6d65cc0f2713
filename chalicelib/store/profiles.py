"""The `profiles` table."""

from pynamodb.exceptions import DoesNotExist

from chalicelib.records import Profile
from chalicelib.store.tables import ProfileRow


def get(user_id: str) -> Profile | None:
    """What the user chose, or None."""
    try:
        return ProfileRow.get(user_id, consistent_read=True).record()
    except DoesNotExist:
        return None


def put(profile: Profile) -> None:
    """Keep what the user chose."""
    ProfileRow(profile.user_id, name=profile.name, avatar=profile.avatar).save()
