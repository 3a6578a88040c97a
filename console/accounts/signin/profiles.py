"""What a person is called and how pages are shown to him."""

from dataclasses import dataclass
from zoneinfo import available_timezones

from mta.model.errors import PermanentError
from mta.store.base import Store
from mta.store.work import Rows

LANGUAGES = ("", "es", "en")
MAX_NAME = 100


@dataclass(frozen=True, slots=True)
class Profile:
    """Empty fields mean: as the browser or the server says."""

    name: str = ""
    language: str = ""
    timezone: str = ""


class Profiles:
    """Of all people."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, user: int) -> Profile:
        """The person's, or an empty one."""
        rows = await self._store.read("profile_of", user=user)
        return Profile(*rows[0]) if rows else Profile()

    async def all(self) -> dict[int, Profile]:
        """Those that were filled in."""
        return {row[0]: Profile(*row[1:]) for row in await self._store.read("profile_all")}


def put_profile(user: int, profile: Profile) -> Rows:
    """The rows that store a profile. Raises `PermanentError` for what is none."""
    name = profile.name.strip()
    if len(name) > MAX_NAME or (name and not name.isprintable()):
        raise PermanentError(f"expected a name of up to {MAX_NAME} printable characters")
    if profile.language not in LANGUAGES:
        raise PermanentError("expected the language es or en")
    if profile.timezone and profile.timezone not in available_timezones():
        raise PermanentError(f"there is no time zone {profile.timezone!r}")
    return Rows("profile_put", [(user, name, profile.language, profile.timezone)])
