"""What a certificate says; `console.pages.certificate_document` makes the page to print of it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

# Neither letters nor figures that are taken for one another (0 O, 1 I L).
_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
_CODE_LENGTH = 16


@dataclass(frozen=True, slots=True)
class Topic:
    """What was learned, and how long it takes."""

    title: str
    minutes: int = 0  # 0: not told


@dataclass(frozen=True, slots=True)
class Certificate:
    """That a person was trained. Texts are in the language of the certificate."""

    number: str  # `2026-0001`
    person: str
    account: str  # the institution
    topics: Sequence[Topic]
    minutes: int  # of the whole course; 0: exercises, which take as long as they take
    finished_on: date
    code: str  # which the page at `verify_url` knows
    verify_url: str = ""  # whole, with the code; "": no QR code is printed
    issuer: str = ""
    contract: str = ""
    place: str = ""
    signatures: Sequence[str] = ()  # one each; lines are parted by \n


def verification_code(*parts: str) -> str:
    """A code of sixteen characters in groups of four; `parts` hold a secret that nobody can guess."""
    number = int.from_bytes(hashlib.sha256("\0".join(parts).encode()).digest())
    letters = []
    for _ in range(_CODE_LENGTH):
        number, rest = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[rest])
    return "-".join("".join(letters[at : at + 4]) for at in range(0, _CODE_LENGTH, 4))


def plain_code(text: str) -> str:
    """A code as somebody typed it, in the form of `verification_code`."""
    letters = "".join(one for one in text.upper() if one in _ALPHABET)[:_CODE_LENGTH]
    return "-".join(letters[at : at + 4] for at in range(0, len(letters), 4))
