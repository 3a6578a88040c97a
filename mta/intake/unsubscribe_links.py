"""The header fields by which a reader's program unsubscribes (RFC 2369 §3.2, RFC 8058).

A link and a mail address, made for each delivery from its id and the installation's key; nothing is
stored. Both fields are among those that our DKIM signature covers (RFC 8058 §4).
"""

from mta.intake.tokens import DeliveryTokens, Purpose
from mta.settings.schema import EXAMPLE_PUBLIC_URL, Settings

PATH = "/u/"
MAIL_PREFIX = "u+"
SUBJECT = "unsubscribe"
_NAME = b"\r\nlist-unsubscribe:"


class UnsubscribeLinks:
    """Makes links, addresses and header fields."""

    def __init__(self, key: bytes, public_url: str = "", domain: str = "") -> None:
        """`public_url` and `domain` (of the feedback listener): at least one is set."""
        self._tokens = DeliveryTokens(key, Purpose.UNSUBSCRIBE)
        self._base = public_url.rstrip("/") + PATH if public_url else ""
        self._domain = domain

    @classmethod
    def of(cls, settings: Settings, key: bytes) -> "UnsubscribeLinks | None":
        """With what is set; None when there is neither a public URL nor a feedback listener."""
        url = settings.server.public_url
        url = "" if url == EXAMPLE_PUBLIC_URL else url
        inbound = settings.inbound
        domain = (inbound.return_path_domain or "") if inbound.listen else ""
        return cls(key, url, domain) if url or domain else None

    def url(self, delivery_id: int) -> str:
        """Where the recipient unsubscribes; empty without a public URL."""
        return self._base + self._tokens.token(delivery_id) if self._base else ""

    def fields(self, delivery_id: int) -> bytes:
        """`List-Unsubscribe`, and `List-Unsubscribe-Post` where there is a link."""
        token = self._tokens.token(delivery_id)
        ways = []
        if self._base:
            ways.append(f"<{self._base}{token}>")
        if self._domain:
            ways.append(f"<mailto:{MAIL_PREFIX}{token}@{self._domain}?subject={SUBJECT}>")
        written = "List-Unsubscribe: " + ",\r\n ".join(ways) + "\r\n"
        if self._base:
            written += "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
        return written.encode()

    def added_to(self, content: bytes, delivery_id: int) -> bytes:
        """The message with the fields, unless it has a `List-Unsubscribe` of its own."""
        end = content.find(b"\r\n\r\n")
        header = content if end < 0 else content[: end + 2]
        if _NAME in b"\r\n" + header.lower():
            return content
        return self.fields(delivery_id) + content
