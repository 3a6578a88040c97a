"""Follows what readers do with campaigns: opens, clicks, and deliveries that nobody opens.

Only contacts come into automations: rows of a file that were not saved as contacts have none.
"""

import json
from collections.abc import Sequence

from console.automations.definition import EngagementTrigger
from console.automations.entering import Active, Entrance
from console.tracking.hits import HitClass
from mta.model.traffic import EventType
from mta.spool.follower import FollowedEvent
from mta.store.base import Store
from mta.store.work import Rows

NAME = "automations"
FOLLOWED = (EventType.OPENED, EventType.CLICKED, EventType.DELIVERED)
# Classes of hits that figures count as people's.
PEOPLE = frozenset(klass.shown for klass in HitClass if klass.is_counted)
_KINDS = {
    EventType.OPENED: "opened",
    EventType.CLICKED: "clicked",
    EventType.DELIVERED: "delivered",
}


class EngagementEntrance:
    """Handles followed events."""

    def __init__(self, store: Store, active: Active, entrance: Entrance) -> None:
        self._store = store
        self._active = active
        self._entrance = entrance

    async def handle(self, events: Sequence[FollowedEvent]) -> Sequence[Rows]:
        """Rows that let people in; quick while no automation waits for a campaign."""
        watched = self._watched()
        if not watched:
            return ()
        campaigns: dict[int, int] = {
            flow: campaign
            for campaign, flow in await self._store.read(
                "automation_flows", campaigns=json.dumps(sorted(watched))
            )
        }
        wanted = [
            event
            for event in events
            if event.flow in campaigns and event.delivery and not _is_automatic(event)
        ]
        if not wanted:
            return ()
        deliveries = json.dumps(sorted({event.delivery for event in wanted}))
        found = await self._store.read("automation_contacts", deliveries=deliveries)
        contacts: dict[int, int] = {row[0]: row[1] for row in found}
        rows: list[Rows] = []
        for event in wanted:
            if event.delivery in contacts:
                rows += self._entrance.engaged(
                    event.account, _KINDS[event.type], campaigns[event.flow],
                    contacts[event.delivery], event.delivery, event.at_ms,
                )  # fmt: skip
        return rows

    def _watched(self) -> set[int]:
        return {
            definition.trigger.campaign
            for _, definition in self._active.all.values()
            if isinstance(definition.trigger, EngagementTrigger)
        }


def _is_automatic(event: FollowedEvent) -> bool:
    """Whether no person did it, as far as is known when it happens."""
    klass = event.values().get("class")
    return klass is not None and klass not in PEOPLE
