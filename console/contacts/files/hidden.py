"""What a workbook's sheet does not show: its hidden rows, as a filter leaves them, and columns.

The library that reads cells does not tell. Rows and columns say it of themselves (`hidden="1"` of
`row` and `col`, ECMA-376 part 1, 18.3.1.73 and 18.3.1.13); the sheet's part is looked through as
octets, without parsing its cells.
"""

import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.parsers import expat

from console.contacts.files.sniffing import UnreadableFile

MAX_INDEX = 16 << 20  # octets of the parts that name the sheets
MAX_TAG = 65_536  # octets; a longer one is none of a row
_PIECE = 1 << 20
_HINT = b"hidden="
_ROW = re.compile(rb"<(?:\w{1,20}:)?row\s([^<>]*)>")
_COLUMN = re.compile(rb"<(?:\w{1,20}:)?col\s([^<>]*)>")
_IS_HIDDEN = re.compile(rb"""\bhidden=["'](?:1|true)["']""")
_NUMBER = re.compile(rb"""(?:^|\s)(r|min|max)=["'](\d{1,7})["']""")
_RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_STRICT = "http://purl.oclc.org/ooxml/officeDocument/relationships"


@dataclass(frozen=True, slots=True)
class Hidden:
    """Rows by their numbers, from 1; columns by their places, from 0."""

    rows: frozenset[int] = frozenset()
    columns: frozenset[int] = frozenset()


def hidden_in(path: Path, sheet: str, most_columns: int) -> Hidden:
    """What the sheet of a workbook hides, of so many columns; the first sheet if it has no name.

    Nothing where the workbook does not say which part the sheet is. Raises `UnreadableFile`.
    """
    rows: set[int] = set()
    columns: set[int] = set()
    try:
        with zipfile.ZipFile(path) as archive:
            part = _part_of(archive, sheet)
            for piece in _pieces(archive, part) if part else ():
                rows.update(int(_numbers(tag)["r"]) for tag in _hidden_tags(_ROW, piece, b"r="))
                for tag in _hidden_tags(_COLUMN, piece, b"min="):
                    ends = _numbers(tag)
                    first = int(ends["min"])
                    last = min(int(ends.get("max", first)), most_columns)
                    columns.update(range(first - 1, last))
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        OSError,
        expat.ExpatError,
        ValueError,
    ) as error:
        raise UnreadableFile("damaged_workbook") from error
    return Hidden(frozenset(rows), frozenset(columns))


def _hidden_tags(kind: re.Pattern[bytes], piece: bytes, needed: bytes) -> Iterator[bytes]:
    return (tag for tag in kind.findall(piece) if _IS_HIDDEN.search(tag) and needed in tag)


def _numbers(tag: bytes) -> dict[str, str]:
    found = {name.decode(): number.decode() for name, number in _NUMBER.findall(tag)}
    return {"r": "0", "min": "1", **found}


def _pieces(archive: zipfile.ZipFile, part: str) -> Iterator[bytes]:
    """Those parts of a sheet that speak of hiding; no tag is cut in two."""
    rest = b""
    with archive.open(part) as file:
        while block := file.read(_PIECE):
            piece = rest + block
            end = piece.rfind(b"<")
            rest = piece[end:] if end >= 0 and len(piece) - end <= MAX_TAG else b""
            whole = piece[: len(piece) - len(rest)]
            if _HINT in whole:
                yield whole
    if _HINT in rest:
        yield rest


def _part_of(archive: zipfile.ZipFile, sheet: str) -> str:
    """The name of the part with a sheet's cells; "" if the workbook does not say."""
    relation = ""
    for name, values in _elements(archive, "xl/workbook.xml"):
        if name == "sheet" and (not sheet or values.get("name") == sheet):
            relation = values.get(f"{_RELATION} id") or values.get(f"{_STRICT} id", "")
            break
    for name, values in _elements(archive, "xl/_rels/workbook.xml.rels"):
        if name == "Relationship" and relation and values.get("Id") == relation:
            target = values.get("Target", "")
            part = target[1:] if target.startswith("/") else f"xl/{target}"
            return part if part in archive.namelist() else ""
    return ""


def _elements(archive: zipfile.ZipFile, part: str) -> list[tuple[str, dict[str, str]]]:
    """Names, without their space, and attributes of all elements of a small part."""
    if part not in archive.namelist() or archive.getinfo(part).file_size > MAX_INDEX:
        return []
    found: list[tuple[str, dict[str, str]]] = []
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = lambda name, values: found.append((name.split(" ")[-1], values))
    parser.EntityDeclHandler = _no_entities
    parser.Parse(archive.read(part), True)
    return found


def _no_entities(*_: object) -> None:
    raise ValueError("a workbook declares no entities")
