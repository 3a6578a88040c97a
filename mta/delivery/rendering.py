"""Renders template messages for their recipients, in the signing threads."""

from collections.abc import Callable

from mta.delivery.attempt import Attempt
from mta.dkim.keys import DkimKey
from mta.intake.admission import TRAINING_FIELD
from mta.intake.trace import TraceWriter
from mta.model.errors import ConfigurationError
from mta.model.rendering import ContentRenderer, Occasion
from mta.spool.rows import MessageFlag

Keys = tuple[DkimKey, ...]
_TRAINING = int(MessageFlag.TRAINING)


class Rendering:
    """Makes the bytes of one attempt of a template message; used by several threads at a time."""

    def __init__(
        self,
        renderer: ContentRenderer | None,
        trace: TraceWriter,
        signers: Callable[[str], Keys],
    ) -> None:
        """`signers(domain)` gives the keys for mail from that domain."""
        self._renderer = renderer
        self._trace = trace
        self._signers = signers

    def render(self, attempt: Attempt, compiled: bytes, now_ms: int) -> tuple[bytes, Keys]:
        """The message for the attempt's recipient, and the keys that sign it.

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
            )
        )
        if message.flags & _TRAINING:
            content = TRAINING_FIELD.encode() + content
        return content, self._signers(template.author.domain)
