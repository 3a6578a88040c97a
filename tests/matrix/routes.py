"""Rows of the matrix of routes, and the marks for routes that ask for no permission."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from console.accounts.permissions import Permission
from console.accounts.values import Scope


class Asks(Enum):
    """For what, if not for a permission or a scope."""

    NOTHING = "nothing"  # open to everybody
    SIGN_IN = "sign-in"  # everybody who has signed in
    KEY = "key"  # every key that is good


@dataclass(frozen=True)
class RouteRow:
    """One route: what it asks for, and how to call it.

    Path and form name things in braces, `{hook}`, which the test makes in the account asked about
    (see `things` there).
    """

    method: str
    path: str  # as the router has it
    asks: Permission | Scope | Asks
    also: Permission | Scope | None = None  # this one does as well
    url: str = ""  # empty: as `path`
    form: Mapping[str, str] = field(default_factory=dict)
    json: object = None
    file: str = ""  # the text of a file called `file`
    untried: str = ""  # why nobody who may is let try, and what does it instead
