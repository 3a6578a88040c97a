"""The secret of an installation: 32 random bytes in a file that only its user can read."""

import os
import secrets
from pathlib import Path

from mta.model.errors import ConfigurationError

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
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(key)
            file.flush()
            os.fsync(file.fileno())
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be written: {error.strerror}") from None
    return key
