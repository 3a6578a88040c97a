"""What people may call accounts and credentials."""

from mta.model.errors import PermanentError

MAX_NAME = 200


def checked_name(name: str, what: str) -> str:
    """The name without outer spaces; raises `PermanentError` when people could not read it."""
    name = name.strip()
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise PermanentError(f"expected the {what}'s name, up to {MAX_NAME} printable characters")
    return name
