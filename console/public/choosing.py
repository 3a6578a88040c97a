"""What a recipient may choose on the page behind the unsubscribe link: topics of the sender."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, Protocol

from mta.feedback.effects import Subject


class Topic(NamedTuple):
    """One of the sender's topics."""

    id: int
    name: str
    is_wanted: bool


class Topics(Protocol):
    """Keeps what recipients want."""

    async def of(self, subject: Subject) -> Sequence[Topic]:
        """The topics that the recipient of that delivery is offered; none: there is no choice."""
        ...

    async def choose(
        self, subject: Subject, wanted: Collection[int], evidence: Mapping[str, str]
    ) -> None:
        """The recipient wants these, and no other of those they are offered."""
        ...


class NoTopics:
    """A sender without topics."""

    async def of(self, _subject: Subject) -> Sequence[Topic]:
        """None."""
        return ()

    async def choose(
        self, _subject: Subject, _wanted: Collection[int], _evidence: Mapping[str, str]
    ) -> None:
        """Nothing to choose from."""
