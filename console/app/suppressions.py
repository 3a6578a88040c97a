"""Puts the suppression lists together for people."""

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from console.accounts.audit import AuditTrail
from console.suppressions.operations import AccountFinder, Operation, SuppressionOperations
from console.suppressions.service import SuppressionService
from mta.engine.foundation import Foundation


class SuppressionParts:
    """The service, and what commands ask of it."""

    def __init__(
        self, foundation: Foundation, trail: AuditTrail, find_account: AccountFinder
    ) -> None:
        zone = ZoneInfo(foundation.loaded.settings.server.timezone)
        self.service = SuppressionService(
            foundation.store, foundation.clock, foundation.suppression, trail, zone
        )
        self.operations: Mapping[str, Operation] = SuppressionOperations(
            self.service, find_account
        ).operations()
