"""What receiving servers said most often to a campaign's mail, told apart by what is the same in it."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from console.accounts.actor import Actor, NotVisible
from console.accounts.permissions import Permission
from mta.store.base import Store

TOP = 10
_LONGEST = 200
# What differs from one recipient to the next: addresses, long numbers, identifiers of sessions.
_OWN = re.compile(
    r"<?[^\s<>]+@[^\s<>]+>?|\b\d{1,3}(?:\.\d{1,3}){3}\b|\b(?=\w*\d)[\w-]{12,}(?:\.[\w-]+)?"
)


class Cause(NamedTuple):
    """A reply, with `…` for what is each recipient's own, its bounce class, and how many got it."""

    reply: str
    bounce_class: str
    n: int


class CauseService:
    """Reads at most the first 20,000 who bounced or expired."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def top(self, actor: Actor, flow: int, count: int = TOP) -> Sequence[Cause]:
        """The most frequent, the most first. Raises `NotVisible`, `NotPermitted`."""
        rows = await self._store.read("figures_account_of", flow=flow)
        if not rows:
            raise NotVisible("there is no such flow")
        actor.require(Permission.REPORT_VIEW, rows[0][0])
        found: Counter[tuple[str, str]] = Counter()
        for reply, bounce_class, n in await self._store.read("figures_replies", flow=flow):
            found[same_in(reply), bounce_class] += n
        return [Cause(*key, n) for key, n in found.most_common(count)]


def same_in(reply: str) -> str:
    """A reply without what is its recipient's own: `550 5.1.1 … does not exist`."""
    return " ".join(_OWN.sub("…", reply).split())[:_LONGEST]
