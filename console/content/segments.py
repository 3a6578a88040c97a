"""What a compiled template is made of; the names are stored."""

from enum import StrEnum

Segment = list[object]  # its kind, then what the kind needs


class Kind(StrEnum):
    """What a segment is; stored."""

    STATIC = "="  # text
    TEXT = "t"  # name, default: a value in a text part
    HTML = "h"  # name, default: a value in an HTML part
    HEADER = "u"  # field name, pieces: free text
    MAILBOX = "a"  # field name, pieces of the display name, address ('': the recipient's)
    LINKS = "l"  # field name, pieces
    MESSAGE_ID = "i"
    DATE = "d"
    CLICK = "c"  # number: the recipient's own address of that link
    PIXEL = "o"  # the recipient's own address of the pixel


def static(text: str) -> Segment:
    """Text that is the same for everybody."""
    return [Kind.STATIC, text]
