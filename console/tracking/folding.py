"""From the hits of one delivery to what they come to: its row, and its part of the roll-ups.

Both are functions of the hits alone. Whoever adds a hit or changes its class folds before and after
and adds the difference to the roll-ups, so these can never drift from the hits they stand for.

Definitions (`docs/explanation/tracking.md`): *counted* hits may have been made by a person, all
others are *automatic*. Within each of the two, a hit that comes within 60 s after the last one that
was taken says nothing new. A counted click proves an open: without a counted open up to then there
is an inferred one. A delivery is opened again by a counted open at least 10 min after the first.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from console.tracking.hits import FIRST_AUTOMATIC, Hit, HitClass, HitKind

REPEAT_MS = 60_000
AGAIN_MS = 10 * 60_000
HOUR_MS = 3_600_000
_OPEN, _CLICK = int(HitKind.OPEN), int(HitKind.CLICK)
_INFERRED = int(HitClass.INFERRED)

Key = TypeVar("Key", bound=tuple[int, ...])
HourKey = tuple[int, int, int]  # hour since 1970 UTC, kind, class
LinkKey = tuple[int, int, int]  # link, 1 for automatic clicks, hour since 1970 UTC


@dataclass(slots=True)
class Folded:
    """What the hits of one delivery come to; times are 0 where there is none."""

    opened_ms: int = 0
    is_inferred: bool = False
    last_opened_ms: int = 0
    reopened_ms: int = 0
    opens: int = 0
    auto_opened_ms: int = 0
    auto_opens: int = 0
    clicked_ms: int = 0
    last_clicked_ms: int = 0
    clicks: int = 0
    first_link: int = -1
    auto_clicked_ms: int = 0
    auto_clicks: int = 0
    hours: dict[HourKey, list[int]] = field(default_factory=dict)  # n, firsts, firsts any, again
    links: dict[LinkKey, list[int]] = field(default_factory=dict)  # n, firsts

    def row(self) -> tuple[int, ...]:
        """The figures as they are stored, in the order of the columns."""
        return (
            self.opened_ms, int(self.is_inferred), self.last_opened_ms, self.reopened_ms,
            self.opens, self.auto_opened_ms, self.auto_opens, self.clicked_ms,
            self.last_clicked_ms, self.clicks, self.first_link, self.auto_clicked_ms,
            self.auto_clicks,
        )  # fmt: skip


def fold(hits: Iterable[Hit]) -> Folded:
    """The figures of one delivery's hits, given in any order."""
    ordered = sorted(hits, key=_moment)
    folded = Folded()
    if not ordered:
        return folded
    _fold_clicks(folded, [hit for hit in ordered if hit.kind == _CLICK])
    _fold_opens(folded, [hit for hit in ordered if hit.kind == _OPEN])
    return folded


def _moment(hit: Hit) -> tuple[int, int]:
    return hit.at_ms, hit.id


def _fold_clicks(folded: Folded, clicks: Sequence[Hit]) -> None:
    taken: dict[tuple[int, int], int] = {}  # when a click of that link was taken last
    for hit in clicks:
        is_auto = int(hit.klass >= FIRST_AUTOMATIC)
        key = (hit.link, is_auto)
        last_ms = taken.get(key)
        if last_ms is not None and hit.at_ms - last_ms < REPEAT_MS:
            continue
        taken[key] = hit.at_ms
        at_hour = hit.at_ms // HOUR_MS
        link = folded.links.setdefault((*key, at_hour), [0, 0])
        link[0] += 1
        link[1] += last_ms is None
        hour = folded.hours.setdefault((at_hour, _CLICK, hit.klass), [0, 0, 0, 0])
        hour[0] += 1
        hour[2] += not (folded.clicks or folded.auto_clicks)
        if is_auto:
            hour[1] += not folded.auto_clicks
            folded.auto_clicked_ms = folded.auto_clicked_ms or hit.at_ms
            folded.auto_clicks += 1
            continue
        if not folded.clicks:
            hour[1] += 1
            folded.clicked_ms, folded.first_link = hit.at_ms, hit.link
        folded.last_clicked_ms = hit.at_ms
        folded.clicks += 1


def _fold_opens(folded: Folded, opens: Sequence[Hit]) -> None:
    """After the clicks: the first of them may prove an open."""
    proof = folded.clicked_ms
    counted = next((hit for hit in opens if hit.klass < FIRST_AUTOMATIC), None)
    if proof and (counted is None or counted.at_ms > proof):
        opens = sorted([*opens, Hit(-1, _OPEN, -1, proof, _INFERRED)], key=_moment)
        folded.is_inferred = True
    last = [-REPEAT_MS, -REPEAT_MS]
    for hit in opens:
        is_auto = hit.klass >= FIRST_AUTOMATIC
        if hit.at_ms - last[is_auto] < REPEAT_MS:
            continue
        last[is_auto] = hit.at_ms
        hour = folded.hours.setdefault((hit.at_ms // HOUR_MS, _OPEN, hit.klass), [0, 0, 0, 0])
        hour[0] += 1
        hour[2] += not (folded.opens or folded.auto_opens)
        if is_auto:
            hour[1] += not folded.auto_opens
            folded.auto_opened_ms = folded.auto_opened_ms or hit.at_ms
            folded.auto_opens += 1
            continue
        if not folded.opens:
            hour[1] += 1
            folded.opened_ms = hit.at_ms
        elif not folded.reopened_ms and hit.at_ms - folded.opened_ms >= AGAIN_MS:
            hour[3] += 1
            folded.reopened_ms = hit.at_ms
        folded.last_opened_ms = hit.at_ms
        folded.opens += 1


def difference(
    before: dict[Key, list[int]], after: dict[Key, list[int]]
) -> Iterable[tuple[Key, list[int]]]:
    """What is to be added to the roll-ups."""
    for key, counts in after.items():
        old = before.get(key)
        if old is None:
            yield key, counts
        elif old != counts:
            yield key, [new - was for new, was in zip(counts, old, strict=True)]
    for key, counts in before.items():
        if key not in after:
            yield key, [-count for count in counts]
