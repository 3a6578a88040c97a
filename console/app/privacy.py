"""Puts together what concerns personal data."""

from collections.abc import Mapping

from console.accounts.audit import AuditTrail
from console.app.contacts import FOLDER
from console.privacy.duties import FILES, UPLOADS, DutyReader
from console.privacy.holders import Contacts, RefundLists
from console.privacy.operations import AccountFinder, Operation, PersonOperations
from console.privacy.persons import PersonService
from console.privacy.retention import Retention
from console.privacy.uploads import UploadedFiles
from mta.engine.foundation import Foundation


class PrivacyParts:
    """The service, what commands ask of it, and what is done once a minute."""

    def __init__(
        self, foundation: Foundation, trail: AuditTrail, find_account: AccountFinder
    ) -> None:
        kept = foundation.loaded.settings.retention
        store, clock = foundation.store, foundation.clock
        folder = foundation.loaded.settings.server.data_dir / FOLDER
        self.persons = PersonService(
            store,
            clock,
            foundation.suppression,
            trail,
            (RefundLists(store), UploadedFiles(store, folder), Contacts(store)),
        )
        queue = foundation.loaded.settings.queue
        self.duties = DutyReader(
            store,
            clock,
            (
                ("content", "queue.content_retention", float(queue.content_retention)),
                ("history", "queue.history_retention", float(queue.history_retention)),
                ("dialogues", "retention.dialogues", float(kept.dialogues)),
                ("addresses", "retention.addresses", float(kept.addresses)),
                (UPLOADS, "retention.uploads", float(kept.uploads)),
                (FILES, "retention.exports", float(kept.exports)),
                ("ledger", "", 0.0),
                ("trail", "", 0.0),
            ),
        )
        self._retention = Retention(
            store,
            clock,
            dialogues_s=float(kept.dialogues),
            addresses_s=float(kept.addresses),
        )
        self.operations: Mapping[str, Operation] = PersonOperations(
            self.persons, find_account
        ).operations()

    async def tidy(self) -> None:
        """One pass. Raises `StoreError`."""
        await self.persons.overwrite()
        await self._retention.run()
