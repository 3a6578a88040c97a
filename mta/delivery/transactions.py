"""Makes the transaction that goes on the wire out of an attempt."""

from mta.delivery.attempt import Attempt
from mta.delivery.transaction import OutgoingRecipient, Transaction
from mta.intake.return_path import ReturnPaths
from mta.model.envelope import Notify
from mta.model.errors import PermanentError
from mta.model.outcome import OutcomeKind
from mta.spool.rows import MessageFlag

# Operations on flags cost microseconds, on integers they do not.
_NOTICE = int(MessageFlag.NOTICE)
_NEEDS_UTF8 = int(MessageFlag.NEEDS_UTF8)
_EIGHT_BIT = int(MessageFlag.EIGHT_BIT)
_NO_NOTIFY = Notify(0)

COMPANIONS = 50  # recipients of one relay message in one transaction (Postfix's default)


class TransactionBuilder:
    """Knows envelope senders: the application's own, or a return path for each recipient."""

    def __init__(self, return_paths: ReturnPaths | None) -> None:
        """`return_paths`: set when `[inbound] return_path_domain` is."""
        self._return_paths = return_paths

    @property
    def companions(self) -> int:
        """Most recipients of one transaction: one where each has a return path of its own."""
        return 1 if self._return_paths is not None else COMPANIONS

    def build(self, attempt: Attempt) -> Transaction:
        """The transaction; the content is the signed one."""
        message = attempt.message
        content = message.signed if attempt.content is None else attempt.content
        assert content is not None
        sender = message.sender
        if self._return_paths is not None and sender and not message.flags & _NOTICE:
            sender = self._return_paths.address(attempt.deliveries[0].id, sender)
        needs_utf8 = bool(message.flags & _NEEDS_UTF8) or any(
            not d.address.isascii() for d in attempt.deliveries
        )
        return Transaction(
            sender,
            tuple(
                OutgoingRecipient(
                    d.address, Notify(d.notify) if d.notify else _NO_NOTIFY, d.original
                )
                for d in attempt.deliveries
            ),
            content,
            needs_utf8=needs_utf8,
            is_eight_bit=bool(message.flags & _EIGHT_BIT)
            or (needs_utf8 and attempt.content is not None),  # rendered: To names the recipient
            ret=message.ret,
            envelope_id=message.envelope_id,
            tag=attempt,
        )

    def fault(self, error: BaseException) -> tuple[OutcomeKind, int, str]:
        """What an attempt ends with whose content cannot be had or signed."""
        if isinstance(error, PermanentError):
            return OutcomeKind.BOUNCED, 554, "5.3.0"
        return OutcomeKind.DEFERRED, 451, "4.3.0"  # what nobody foresaw is a delay, never a loss
