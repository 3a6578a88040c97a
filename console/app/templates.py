"""Puts templates together: the gallery, saved ones, images and files, the mail that tries one out."""

from console.accounts.audit import AuditTrail
from console.accounts.ports import Mailer
from console.templates.designs import Gallery
from console.templates.media import MediaService
from console.templates.service import TemplateService
from mta.engine.foundation import Foundation


class TemplateParts:
    """What belongs to templates in one process."""

    def __init__(self, foundation: Foundation, trail: AuditTrail) -> None:
        store, ids, clock = foundation.store, foundation.ids, foundation.clock
        self.service = TemplateService(store, ids, clock, trail, Gallery())
        self.media = MediaService(store, ids, clock, trail)
        self.public_url = str(foundation.loaded.settings.server.public_url).rstrip("/")
        self.mailer: Mailer | None = None

    def start(self, mailer: Mailer) -> None:
        """The server runs: mail can be sent."""
        self.mailer = mailer
