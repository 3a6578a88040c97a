"""A part of an audience as a source of its own: the canary, and those after it."""

from mta.intake.recipients import Page, RecipientSource

_STEP = 500  # rows read at once to come to the first row of a part


class Part:
    """Rows from `first` on, at most `count` of them (0: all); its place is `row:place`."""

    def __init__(self, source: RecipientSource, first: int = 0, count: int = 0) -> None:
        self._source = source
        self._first = first
        self._count = count

    async def page(self, place: str, count: int) -> Page:
        """As `RecipientSource.page`."""
        number, _, inner = place.partition(":")
        done = int(number or 0)
        if not place and self._first:
            inner, is_last = await self._skipped()
            if is_last:
                return Page((), "0:end", is_last=True)
        if self._count:
            count = min(count, self._count - done)
        page = await self._source.page(inner, count)
        done += len(page.recipients)
        is_full = bool(self._count) and done >= self._count
        return Page(page.recipients, f"{done}:{page.place}", page.is_last or is_full)

    async def _skipped(self) -> tuple[str, bool]:
        """The place of the first row, and whether there is none."""
        place, left, is_last = "", self._first, False
        while left and not is_last:
            page = await self._source.page(place, min(_STEP, left))
            place, is_last = page.place, page.is_last
            left -= len(page.recipients)
        return place, is_last
