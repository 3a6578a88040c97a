"""A backup is one tar file; this is what is in it and how it is written and read.

First the small files (`config/…`, `dkim_keys/DOMAIN/SELECTOR.pem` and `.pem.new`, `secret.key`,
`sandbox.json`), then `relevo.db`, then the segments, `letters/*.eml`, the documents in `reports/`, and at the
very end `manifest.json` with the size and SHA-256 of everything before it. So a backup that was cut off has
no manifest, and is refused as a whole.
"""

import hashlib
import json
import re
import shutil
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, Any, cast

from mta.model.errors import PermanentError, StoreError

FORMAT = 1
MANIFEST = "manifest.json"
DATABASE = "relevo.db"
CONFIG = "config/"
KEYS = "dkim_keys/"
SECRET = "secret.key"
SANDBOX = "sandbox.json"
CONTENT = "content/"
LETTERS = "letters/"
REPORTS = "reports/"
SMALL_BYTES = 1 << 20  # of each file before the database
BUFFER_BYTES = 1 << 20

_SMALL = re.compile(
    r"config/(relevo|shaping|bounce_rules)\.toml|secret\.key|sandbox\.json"
    r"|dkim_keys/[a-z0-9][a-z0-9.-]*/[A-Za-z0-9][A-Za-z0-9._-]*\.pem(?:\.new)?"
)
_PLACES = re.compile(
    rf"{_SMALL.pattern}|relevo\.db|content/\d{{6,}}\.seg|letters/[\w.-]+\.eml|manifest\.json"
    r"|reports/\d+\.(pdf|xlsx)"
)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself."""

    taken_ms: int
    release: str
    hostname: str
    files: Mapping[str, tuple[int, str]]  # name: size, SHA-256


class _Digesting:
    """A file that adds up what is read from it."""

    def __init__(self, file: IO[bytes], read: Callable[[int], None] | None = None) -> None:
        self._file = file
        self._told = read
        self.digest = hashlib.sha256()
        self.size = 0

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.digest.update(data)
        self.size += len(data)
        if self._told is not None:
            self._told(len(data))
        return data


class ArchiveWriter:
    """Writes one backup to an open file."""

    def __init__(self, file: IO[bytes], now_s: int) -> None:
        self._tar = tarfile.open(fileobj=file, mode="w:")  # noqa: SIM115 - closed by finish
        self._now_s = now_s
        self.files: dict[str, tuple[int, str]] = {}

    def add(
        self, name: str, file: IO[bytes], size: int, read: Callable[[int], None] | None = None
    ) -> None:
        """The first `size` bytes of a file. Raises `StoreError` when there are fewer."""
        entry = tarfile.TarInfo(name)
        entry.size, entry.mtime, entry.mode = size, self._now_s, 0o600
        source = _Digesting(file, read)
        try:
            self._tar.addfile(entry, cast(IO[bytes], source))
        except OSError as error:
            if source.size < size and error.errno is None:  # tarfile: "unexpected end of data"
                raise StoreError(
                    f"{name}: {source.size} of {size} bytes are there: `relevo verify` tells more"
                ) from error
            raise
        self.files[name] = (size, source.digest.hexdigest())

    def add_bytes(self, name: str, data: bytes) -> None:
        """A small file."""
        self.add(name, BytesIO(data), len(data))

    def finish(self, taken_ms: int, release: str, hostname: str) -> None:
        """Add the manifest; the file is not synced yet."""
        manifest = {
            "format": FORMAT,
            "taken_ms": taken_ms,
            "release": release,
            "hostname": hostname,
            "files": {name: list(facts) for name, facts in self.files.items()},
        }
        self.add_bytes(MANIFEST, json.dumps(manifest, indent=1).encode())
        self._tar.close()


class ArchiveReader:
    """Reads one backup, once, from its beginning to its end.

    Everything raises `PermanentError` when the file is no backup, is damaged or cut off.
    """

    def __init__(self, file: IO[bytes], name: str) -> None:
        """Reads the small files; `name` is for errors."""
        self._name = name
        self._found: dict[str, tuple[int, str]] = {}
        self.small: dict[str, bytes] = {}
        try:
            self._tar = tarfile.open(  # noqa: SIM115 - the file is the caller's
                fileobj=file, mode="r|", bufsize=BUFFER_BYTES
            )
        except (tarfile.TarError, EOFError) as error:
            raise PermanentError(f"{name}: is not a backup of Relevo ({error})") from None
        self._entries = self._members()
        self._next = self._read_small()

    def unpack(self, folder: Path, read: Callable[[int], None]) -> Manifest:
        """Write database and segments below `folder`; gives the manifest once all of it fits."""
        entry: tarfile.TarInfo | None = self._next
        while entry is not None and entry.name != MANIFEST:
            if entry.name in self.small or entry.name in self._found:
                raise PermanentError(f"{self._name}: {entry.name} is in it twice")
            path = folder / entry.name
            path.parent.mkdir(mode=0o700, exist_ok=True)
            with path.open("xb") as file:
                self._copy(entry, file, read)
            entry = next(self._entries, None)
        if entry is None:
            raise PermanentError(f"{self._name}: is cut off, its end with the manifest is missing")
        manifest = self._manifest(self._bytes(entry))
        if manifest.files != self._found or DATABASE not in self._found:
            wrong = {n for n, _ in manifest.files.items() ^ self._found.items()} or {DATABASE}
            raise PermanentError(f"{self._name}: is damaged: {', '.join(sorted(wrong)[:5])}")
        return manifest

    def _members(self) -> Iterator[tarfile.TarInfo]:
        try:
            for entry in self._tar:
                if not (entry.isreg() and _PLACES.fullmatch(entry.name)):
                    raise PermanentError(f"{self._name}: {entry.name!r} has no place in a backup")
                yield entry
        except (tarfile.TarError, EOFError) as error:
            raise PermanentError(f"{self._name}: is damaged or cut off ({error})") from None

    def _read_small(self) -> tarfile.TarInfo | None:
        for entry in self._entries:
            if not _SMALL.fullmatch(entry.name):
                return entry
            data = self._bytes(entry)
            self.small[entry.name] = data
            self._found[entry.name] = (len(data), hashlib.sha256(data).hexdigest())
        return None

    def _bytes(self, entry: tarfile.TarInfo) -> bytes:
        if entry.size > 64 * SMALL_BYTES:
            raise PermanentError(f"{self._name}: {entry.name} of {entry.size} bytes is too large")
        target = BytesIO()
        self._copy(entry, target, None, is_noted=False)
        return target.getvalue()

    def _copy(
        self,
        entry: tarfile.TarInfo,
        target: IO[bytes],
        read: Callable[[int], None] | None,
        *,
        is_noted: bool = True,
    ) -> None:
        member = self._tar.extractfile(entry)
        assert member is not None, "a regular file"
        source = _Digesting(member, read)
        try:
            shutil.copyfileobj(source, target, BUFFER_BYTES)
        except (tarfile.TarError, EOFError) as error:
            raise PermanentError(f"{self._name}: is cut off in {entry.name} ({error})") from None
        if is_noted:
            self._found[entry.name] = (source.size, source.digest.hexdigest())

    def _manifest(self, data: bytes) -> Manifest:
        try:
            said: dict[str, Any] = json.loads(data)
            if said["format"] != FORMAT:
                raise PermanentError(
                    f"{self._name}: format {said['format']}, this release reads {FORMAT}"
                )
            files = {
                str(n): (int(size), str(digest)) for n, (size, digest) in said["files"].items()
            }
            return Manifest(
                int(said["taken_ms"]), str(said["release"]), str(said["hostname"]), files
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            raise PermanentError(f"{self._name}: its manifest is damaged") from None
