"""Points in time as the API takes them: RFC 3339 with an offset, and nothing that is only like it."""

import re
from datetime import date, datetime
from typing import Annotated

from pydantic import AwareDatetime, BeforeValidator
from pydantic_core import PydanticCustomError

_RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)\Z", re.ASCII
)
_DAY = re.compile(r"\d{4}-\d\d-\d\d\Z", re.ASCII)


def _only_text(value: object) -> object:
    """Numbers, dates without a time and times without an offset are refused."""
    if isinstance(value, datetime) or (isinstance(value, str) and _RFC3339.match(value)):
        return value
    raise PydanticCustomError("datetime_rfc3339", "expected RFC 3339 with an offset")


def _only_day(value: object) -> object:
    """Numbers and times are refused."""
    if isinstance(value, date) or (isinstance(value, str) and _DAY.match(value)):
        return value
    raise PydanticCustomError("date_rfc3339", "expected a day like 2026-03-01")


Day = Annotated[date, BeforeValidator(_only_day)]
Moment = Annotated[AwareDatetime, BeforeValidator(_only_text)]
