"""Sessions as text: every file under `server/` is played, at once and octet by octet.

Lines of a file:
    # text        a comment
    @ key=value   options of the session, before anything else: secure, trusted and `ServerOptions`
    C: text       the client writes a line; \\r \\n \\0 \\xNN are octets, CRLF is added
    C- text       the same without CRLF
    S: text       the server must write exactly this line; `…` at its end stands for anything
    M: text       the server took a message with exactly this content (escapes as above)
    T:            the TLS handshake happens
    X: reason     the server closed the connection
All lines of the server have to be in the file, in order; `C:` lines in a row are pipelined.
"""

from pathlib import Path

import pytest

from tests.dialogue.driver import Driver

FILES = sorted((Path(__file__).parent / "server").glob("*.txt"))


def octets(text: str) -> bytes:
    return (
        text.encode().decode("unicode_escape").encode("latin-1") if "\\" in text else text.encode()
    )


def value(text: str) -> object:
    if text in ("true", "false"):
        return text == "true"
    if text.isdigit():
        return int(text)
    return tuple(text.split(",")) if "," in text else text


class Play:
    """One run of a file."""

    def __init__(self, lines: list[str], piece: int) -> None:
        self.lines = [(number, line) for number, line in enumerate(lines, 1) if line]
        self.piece = piece
        self.waiting: list[str] = []
        self.taken = 0
        self.to_write = b""

    def run(self) -> None:
        settings = {}
        for _, line in self.lines:
            if line.startswith("@ "):
                settings |= {
                    k: value(v) for k, _, v in (w.partition("=") for w in line[2:].split())
                }
        self.driver = Driver.new(**settings)
        self.note(self.driver.work())
        for number, line in self.lines:
            try:
                self.step(line)
            except AssertionError as error:
                raise AssertionError(f"line {number}: {line}: {error}") from None
        self.flush()
        assert self.waiting == [], f"the server also wrote {self.waiting}"
        assert self.taken == len(self.driver.messages), "more messages were taken"

    def step(self, line: str) -> None:
        kind, text = line[:2], line[3:]
        if kind in ("C:", "C-"):
            self.to_write += octets(text) + (b"\r\n" if kind == "C:" else b"")
            return
        if line[0] in "#@":
            return
        self.flush()
        if kind == "S:":
            assert self.waiting, "the server wrote nothing"
            got = self.waiting.pop(0)
            fits = got.startswith(text[:-1]) if text.endswith("…") else got == text
            assert fits, f"the server wrote {got!r}"
        elif kind == "M:":
            assert len(self.driver.messages) > self.taken, "no message was taken"
            got_octets = self.driver.messages[self.taken][1]
            assert got_octets == octets(text), f"the message is {got_octets!r}"
            self.taken += 1
        elif kind == "T:":
            self.note(self.driver.start_tls())
        elif kind == "X:":
            assert self.driver.closed == text, f"closed: {self.driver.closed!r}"
        else:
            raise AssertionError("not a line of a dialogue")

    def flush(self) -> None:
        if self.to_write:
            size = self.piece or len(self.to_write)
            self.note(self.driver.feed_in_pieces(self.to_write, size))
            self.to_write = b""

    def note(self, written: bytes) -> None:
        assert written == b"" or written.endswith(b"\r\n")
        self.waiting += written.decode().split("\r\n")[:-1]


@pytest.mark.parametrize("piece", [0, 1], ids=["at-once", "by-octet"])
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_server_follows_the_dialogue(path: Path, piece: int) -> None:
    Play(path.read_text().splitlines(), piece).run()


def test_there_are_dialogues() -> None:
    assert len(FILES) > 10
