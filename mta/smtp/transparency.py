"""Dot-stuffing, both ways (RFC 5321 §4.5.2): linear, and strict about what a line end is.

Only CRLF counts. `CRLF . CRLF` alone ends a message and a dot is removed only after CRLF, so no
other sequence of CR, LF, NUL or Unicode separators can end a message early (SMTP smuggling,
CVE-2023-51764, CVE-2024-27305). What a lone CR or LF becomes is decided after unstuffing, in
`mta.smtp.data`.
"""

END_OF_DATA = b"\r\n.\r\n"
_STUFFED = b"\r\n."
# The proper prefixes of END_OF_DATA, longest first: what may become the end with the next octets.
_PREFIXES = (b"\r\n.\r", b"\r\n.", b"\r\n", b"\r")


def stuff(content: bytes) -> bytes:
    """`content` with a dot doubled at the start of each line that begins with one.

    Lines must end with CRLF; the final `.` is the caller's.
    """
    if content.startswith(b"."):
        content = b"." + content
    return content.replace(_STUFFED, b"\r\n..")


class DotDecoder:
    """Takes one message out of a stream after DATA, whatever the stream is cut into."""

    __slots__ = ("_held", "_is_first")

    def __init__(self) -> None:
        self._held = b"\r\n"  # the start of the message is the start of a line
        self._is_first = True

    def feed(self, data: bytes, start: int = 0) -> tuple[bytes, int]:
        """Read `data` from `start`; return unstuffed octets and where the message ended, or -1.

        The octets returned never end between a CR and its LF. The position is the first octet
        behind the final CRLF; after it the decoder is used up.
        """
        held = self._held
        text = held + (data[start:] if start else data)
        end = text.find(END_OF_DATA)
        if end >= 0:
            segment = text[: end + 2]
            position = start - len(held) + end + len(END_OF_DATA)
        else:
            position = -1
            self._held = b""
            segment = text
            for prefix in _PREFIXES:
                if text.endswith(prefix):
                    self._held = prefix
                    segment = text[: -len(prefix)]
                    break
        if not segment:
            return b"", position
        segment = segment.replace(_STUFFED, b"\r\n")
        if self._is_first:
            self._is_first = False
            segment = segment[2:]  # the line start that was only thought
        return segment, position
