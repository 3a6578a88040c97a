"""The secret of an installation: 32 random bytes in a file that only its user can read."""

import secrets
from pathlib import Path

from mta.model.errors import ConfigurationError
from mta.settings.whole_file import write_whole

KEY_BYTES = 32


def installation_key(path: Path) -> bytes:
    """The key, created (mode 0600, synced) at the first call.

    Raises `ConfigurationError` when the file can be read by others, is damaged or cannot be made.
    """
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        return _create(path)
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from None
    if path.stat().st_mode & 0o077:
        raise ConfigurationError(f"{path}: others can read the secret: chmod 600 {path}")
    if len(key) != KEY_BYTES:
        raise ConfigurationError(
            f"{path}: {len(key)} bytes instead of {KEY_BYTES}: restore it from the backup"
        )
    return key


def _create(path: Path) -> bytes:
    key = secrets.token_bytes(KEY_BYTES)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, key)
    except FileExistsError:  # another start was quicker
        return installation_key(path)
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be written: {error.strerror}") from None
    return key
