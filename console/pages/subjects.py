"""The subject of stored mail as people read it."""

import re

from mta.intake.header_encoding import readable

_FIELD = re.compile(r"\{\{-?\s*([^|}]*?)\s*(?:\|[^}]*)?-?\}\}")
_CONDITION = re.compile(r"\{%[^%]*%\}")


def shown_subject(stored: str) -> str:
    """Decoded (RFC 2047), with fields of a template as `[nombre]`.

    A message to many people is stored once, so what each of them read is not known here.
    """
    return _FIELD.sub(r"[\1]", _CONDITION.sub("", readable(stored)))
