"""One mail transaction of the server: sender, recipients, content (RFC 5321 §3.3)."""

from mta.model.envelope import Envelope, Recipient
from mta.model.reply import Reply
from mta.smtp.commands import ChunkCommand, MailCommand
from mta.smtp.data import ContentBuffer
from mta.smtp.transparency import DotDecoder


class Chunk:
    """A BDAT chunk that is coming in (RFC 3030 §2)."""

    __slots__ = ("is_last", "left_bytes", "refusal", "size_bytes")

    def __init__(self, command: ChunkCommand, refusal: Reply | None) -> None:
        """`refusal`: said instead of taking the chunk, after its octets have come."""
        self.size_bytes = self.left_bytes = command.size_bytes
        self.is_last = command.is_last
        self.refusal = refusal


class Transaction:
    """What MAIL opened."""

    __slots__ = ("content", "decoder", "mail", "recipients")

    def __init__(self, mail: MailCommand) -> None:
        self.mail = mail
        self.recipients: list[Recipient] = []
        self.content: ContentBuffer | None = None
        self.decoder: DotDecoder | None = None

    def begin_data(self, max_bytes: int, *, normalize: bool) -> None:
        """DATA was said."""
        self.decoder = DotDecoder()
        self.content = ContentBuffer(max_bytes, normalize=normalize)

    def begin_chunks(self, max_bytes: int, *, normalize: bool) -> ContentBuffer:
        """The first BDAT was said, or a further one."""
        if self.content is None:
            self.content = ContentBuffer(max_bytes, normalize=normalize)
        return self.content

    def envelope(self) -> Envelope:
        """All that the commands said."""
        mail = self.mail
        return Envelope(
            mail.sender,
            tuple(self.recipients),
            mail.ret,
            mail.envelope_id,
            mail.eight_bit,
            mail.smtputf8,
            mail.release_at_ms,
        )
