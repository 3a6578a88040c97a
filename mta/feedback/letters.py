"""Mail that a person has to read: to postmaster@, abuse@, and what nobody understands at fbl@.

One file each below `letters/` in the data directory, named by time, on the disk before the sender
hears 250. Who does not read them is asked to: at a thousand files or 100 MiB further ones are
refused for now, so a flood cannot fill the disk.
"""

import os
from pathlib import Path

from mta.model.clock import Clock
from mta.settings.whole_file import make_folder

FOLDER = "letters"
MAX_FILES = 1_000
MAX_BYTES = 100 * 1024 * 1024


class LettersFull(Exception):
    """There is no room for another letter."""


class Letters:
    """Writes the files; used from one thread."""

    def __init__(self, data_dir: Path, clock: Clock) -> None:
        """Nothing is made before the first letter."""
        self._folder = data_dir / FOLDER
        self._clock = clock
        self._count = 0

    def keep(self, sender: str, recipient: str, content: bytes) -> Path:
        """Write a letter durably. Raises `LettersFull`, or `OSError` when the disk does not take it."""
        make_folder(self._folder)
        sizes = [entry.stat().st_size for entry in os.scandir(self._folder)]
        if len(sizes) >= MAX_FILES or sum(sizes) + len(content) > MAX_BYTES:
            raise LettersFull(f"{self._folder}: {len(sizes)} files")
        self._count += 1
        name = f"{self._clock.now_ms()}.{os.getpid()}.{self._count}"
        path, unfinished = self._folder / f"{name}.eml", self._folder / f"{name}.part"
        head = f"Return-Path: <{_flat(sender)}>\r\nDelivered-To: {_flat(recipient)}\r\n"
        with unfinished.open("xb") as file:
            file.write(head.encode() + content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(path)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return path


def _flat(text: str) -> str:
    kept = "".join(c for c in text if c.isprintable())
    return kept.encode("utf-8", "replace").decode()
