"""Writes a file so that a crash or a power cut leaves all of it or nothing, never a part.

The bytes go to a hidden neighbour first and are synced; only then does the file get its name, and
the name is synced as well. A neighbour left behind by a crash (`.NAME.xxxxxxxx`) is waste.
"""

import contextlib
import os
import secrets
from pathlib import Path


def write_whole(
    path: Path,
    data: bytes,
    *,
    mode: int = 0o600,
    replaces: bool = False,
    owner: tuple[int, int] | None = None,
) -> None:
    """Make `path` with these bytes, durably, in a folder that exists.

    Raises `FileExistsError` when the name is taken and `replaces` is false, otherwise `OSError`.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    descriptor = os.open(temporary, flags, mode)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - made with its mode above
            if owner is not None:
                os.fchown(descriptor, *owner)
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        if replaces:
            temporary.replace(path)
        else:
            os.link(temporary, path)  # unlike a rename this fails when the name is taken
    finally:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make names in a folder durable. Raises `OSError`."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(path: Path, mode: int = 0o700) -> None:
    """A folder with this mode, and those above that are missing, durably. Raises `OSError`."""
    if path.is_dir():
        return
    make_folder(path.parent, 0o755)
    path.mkdir(mode=mode, exist_ok=True)
    sync_folder(path.parent)
