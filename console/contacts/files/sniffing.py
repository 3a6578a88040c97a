"""What an uploaded file is: XLSX or text, its encoding, its separator.

Nothing is believed but the bytes: the name and the media type come from outside. A workbook is
measured by its directory before anything of it is unpacked.
"""

import codecs
import csv
import zipfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

MAX_UNPACKED = 1_500_000_000  # octets of a workbook's parts in all
MAX_RATIO = 200  # unpacked to packed, of parts over a megabyte: spreadsheets reach 30
MAX_PARTS = 10_000
SEPARATORS = (";", ",", "\t", "|")
_SAMPLE = 256 * 1024
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class UnreadableFile(ValueError):
    """The file cannot be taken; the text is the key of what is told to people."""


@dataclass(frozen=True, slots=True)
class FileKind:
    """How a file is to be read."""

    is_workbook: bool
    encoding: str = ""
    separator: str = ""


def sniff(path: Path) -> FileKind:
    """Look at a file. Raises `UnreadableFile`."""
    with path.open("rb") as file:
        sample = file.read(_SAMPLE)
    if not sample.strip():
        raise UnreadableFile("empty")
    if sample.startswith(b"PK"):
        _check_workbook(path)
        return FileKind(is_workbook=True)
    if sample.startswith(b"\xd0\xcf\x11\xe0"):
        raise UnreadableFile("old_workbook")  # .xls, or a workbook with a password
    encoding = _encoding(path, sample)
    text = sample.decode(encoding, "ignore")
    if "\0" in text:
        raise UnreadableFile("binary")
    return FileKind(is_workbook=False, encoding=encoding, separator=_separator(text))


def _check_workbook(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        raise UnreadableFile("damaged_workbook") from None
    if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED:
        raise UnreadableFile("too_big_unpacked")
    for part in parts:
        is_big = part.file_size > 1_000_000
        if is_big and part.file_size > MAX_RATIO * max(1, part.compress_size):
            raise UnreadableFile("too_big_unpacked")
        if part.flag_bits & 1:
            raise UnreadableFile("password")
    if not any(part.filename.startswith("xl/") for part in parts):
        raise UnreadableFile("no_workbook")


def _encoding(path: Path, sample: bytes) -> str:
    """UTF-8 if all of the file is, else Windows-1252, which Excel in Spanish writes."""
    for mark, name in _BOMS:
        if sample.startswith(mark):
            return name
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _separator(text: str) -> str:
    """The separator that most of the first lines have equally often."""
    lines = [line for line in text.splitlines()[:20] if line.strip()]
    best, score = ",", 0
    for separator in SEPARATORS:
        try:
            counts = Counter(len(row) for row in csv.reader(lines, delimiter=separator) if any(row))
        except csv.Error:  # a cell that is too long with this one
            continue
        width, often = max(counts.items(), key=lambda item: (item[1], item[0]), default=(1, 0))
        if width > 1 and often * 100 + width > score:
            best, score = separator, often * 100 + width
    return best
