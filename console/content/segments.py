"""What a compiled template is made of; the names are stored."""

from collections.abc import Sequence
from enum import StrEnum

from console.content.conditions import Condition, restored, stored
from console.content.fields import Choice, Field, Pieces

Segment = list[object]  # its kind, then what the kind needs


class Kind(StrEnum):
    """What a segment is; stored."""

    STATIC = "="  # text
    TEXT = "t"  # name, default: a value in a text part
    HTML = "h"  # name, default: a value in an HTML part
    URL = "k"  # name, default: a value that is a whole link in an HTML part
    CHOICE = "?"  # arms: a condition or null, and segments
    HEADER = "u"  # field name, pieces (see `kept`): free text
    MAILBOX = "a"  # field name, pieces of the display name, address ('': the recipient's)
    LINKS = "l"  # field name, pieces
    MESSAGE_ID = "i"
    DATE = "d"
    CLICK = "c"  # number: the recipient's own address of that link
    PIXEL = "o"  # the recipient's own address of the pixel


def static(text: str) -> Segment:
    """Text that is the same for everybody."""
    return [Kind.STATIC, text]


def kept(pieces: Pieces) -> list[object]:
    """Pieces as JSON keeps them: text, a field's name and default, or a choice."""
    return [_kept(piece) for piece in pieces]


def _kept(piece: str | Field | Choice) -> object:
    if isinstance(piece, Choice):
        return {"if": [[stored(c) if c is not None else None, kept(p)] for c, p in piece.arms]}
    return list(piece) if isinstance(piece, Field) else piece


def pieces_of(stored_pieces: Sequence[object]) -> Pieces:
    """The pieces of `kept`. Raises `ValueError`."""
    return tuple(_piece(one) for one in stored_pieces)


def _piece(kept_piece: object) -> str | Field | Choice:
    match kept_piece:
        case str(text):
            return text
        case [str(name), str(default)]:
            return Field(name, default)
        case {"if": [*arms]}:
            return Choice(tuple(_arm(arm) for arm in arms))
    raise ValueError(f"piece {kept_piece!r}")


def _arm(arm: object) -> tuple[Condition | None, Pieces]:
    match arm:
        case [condition, [*inner]]:
            return (None if condition is None else restored(condition), pieces_of(inner))
    raise ValueError(f"arm {arm!r}")
