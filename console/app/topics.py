"""Topics that recipients choose from: lists of the sender's contacts (`console.public.choosing`)."""

from collections.abc import Collection, Mapping, Sequence

from console.public.choosing import Topic
from mta.feedback.effects import Subject
from mta.model.address import parse_address
from mta.model.clock import Clock
from mta.model.errors import AddressSyntaxError
from mta.model.ids import IdGenerator
from mta.store.base import Store
from mta.store.work import Rows

TEXT_VERSION = "preferences-1"  # of the page on which they choose
_WANTED = ("confirmed", "unconfirmed")


class ContactTopics:
    """Reads and changes memberships of topics, with the evidence of each change."""

    def __init__(self, store: Store, ids: IdGenerator, clock: Clock) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock

    async def of(self, subject: Subject) -> Sequence[Topic]:
        """As `Topics.of`: those on which the address is, or was. Raises `StoreError`."""
        return [
            Topic(number, name, status in _WANTED)
            for number, name, _, status in await self._rows(subject)
        ]

    async def choose(
        self, subject: Subject, wanted: Collection[int], evidence: Mapping[str, str]
    ) -> None:
        """As `Topics.choose`. Raises `StoreError`."""
        now_ms = self._clock.now_ms()
        members, consents = [], []
        for number, _, contact, status in await self._rows(subject):
            is_wanted = number in wanted
            if is_wanted == (status in _WANTED):
                continue
            members.append((number, contact, "confirmed" if is_wanted else "unsubscribed", now_ms))
            consents.append(
                (
                    self._ids.new(), subject.account, contact, number,
                    "given" if is_wanted else "withdrawn", TEXT_VERSION,
                    evidence.get("peer", ""), evidence.get("agent", ""), now_ms,
                )
            )  # fmt: skip
        if members:
            work = [Rows("list_member_status", members), Rows("topic_consent", consents)]
            await self._store.submit(work)

    async def _rows(self, subject: Subject) -> Sequence[tuple[int, str, int, str]]:
        try:
            key = parse_address(subject.address).key
        except AddressSyntaxError:  # forgotten meanwhile
            return ()
        rows = await self._store.read("topics_of", account=subject.account, key=key)
        return [(row[0], row[1], row[2], row[3]) for row in rows]
