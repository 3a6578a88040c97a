"""Makes what one recipient gets of their own, in the signing threads: templates, unsubscribe fields."""

from collections.abc import Callable

from mta.delivery.attempt import Attempt
from mta.dkim.keys import DkimKey
from mta.intake.admission import TRAINING_FIELD
from mta.intake.trace import TraceWriter
from mta.intake.unsubscribe_links import UnsubscribeLinks
from mta.model.errors import ConfigurationError
from mta.model.rendering import ContentRenderer, ContentTracker, Occasion
from mta.spool.rows import MessageFlag

Keys = tuple[DkimKey, ...]
_TRAINING = int(MessageFlag.TRAINING)
_TEMPLATE = int(MessageFlag.TEMPLATE)
_UNSUBSCRIBE = int(MessageFlag.UNSUBSCRIBE)
_MARKED = int(MessageFlag.MARKED)


class Rendering:
    """Makes the bytes of one attempt; used by several threads at a time."""

    def __init__(
        self,
        renderer: ContentRenderer | None,
        trace: TraceWriter,
        signers: Callable[[str], Keys],
        keys: Callable[[bytes], Keys] = lambda _: (),
        unsubscribe: UnsubscribeLinks | None = None,
        tracker: ContentTracker | None = None,
    ) -> None:
        """`signers(domain)` gives the keys for mail from that domain, `keys(content)` for a mail.

        `unsubscribe` makes the fields of those who are to get them; None: nobody gets any.
        `tracker` puts recipients' own links into messages that were marked for it.
        """
        self._renderer = renderer
        self._trace = trace
        self._signers = signers
        self._keys = keys
        self._unsubscribe = unsubscribe
        self._tracker = tracker

    def render(self, attempt: Attempt, stored: bytes, now_ms: int) -> tuple[bytes, Keys]:
        """The message for the attempt's recipient, and the keys that sign it."""
        message = attempt.message
        content, keys = stored, None
        if message.flags & _TEMPLATE:
            content, keys = self._rendered(attempt, stored, now_ms)
        if message.flags & _MARKED and self._tracker is not None:
            content = self._tracker.personal(content, attempt.deliveries[0].id, message.id)
        if message.flags & _UNSUBSCRIBE and self._unsubscribe is not None:
            content = self._unsubscribe.added_to(content, attempt.deliveries[0].id)
        return content, self._keys(content) if keys is None else keys

    def _rendered(self, attempt: Attempt, compiled: bytes, now_ms: int) -> tuple[bytes, Keys]:
        """The mail that a template makes.

        The template is parsed once for all deliveries of the message that are in memory. Raises
        `PermanentError` when it or the values are wrong, `ConfigurationError` when there is no
        renderer.
        """
        message, (delivery,) = attempt.message, attempt.deliveries
        template = message.template
        if template is None:
            if self._renderer is None:
                raise ConfigurationError("templates cannot be rendered: nothing was set up for it")
            template = message.template = self._renderer.load(compiled)
        content = template.render(
            Occasion(
                delivery.id,
                delivery.address,
                self._trace.message_id(delivery.id),
                self._trace.date(delivery.first_attempt_ms or now_ms),
                delivery.merge,
                message.id,
            )
        )
        if message.flags & _TRAINING:
            content = TRAINING_FIELD.encode() + content
        return content, self._signers(template.author.domain)
