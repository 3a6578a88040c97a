"""One transaction under way: which recipients are still open, and what became of the others."""

from mta.model.outcome import Outcome
from mta.model.reply import Reply
from mta.smtp.client_commands import is_safe_path, mail_command, rcpt_command
from mta.smtp.client_extensions import Extensions
from mta.smtp.client_transaction import Transaction
from mta.smtp.client_verdicts import Verdicts


class Flight:
    """The state of one transaction on the wire; `outcomes` fills up in the recipients' order."""

    __slots__ = (
        "accepted",
        "body_sent",
        "is_first",
        "is_written",
        "mail_accepted",
        "mail_refused",
        "open_recipients",
        "outcomes",
        "pipelined",
        "position",
        "transaction",
    )

    def __init__(self, transaction: Transaction, *, pipelined: bool, is_first: bool) -> None:
        """`is_first`: no transaction went before it on this connection."""
        count = len(transaction.recipients)
        self.transaction = transaction
        self.outcomes: list[Outcome | None] = [None] * count
        self.open_recipients: range | list[int] = range(count)  # those that RCPT is said for
        self.position = 0  # in open_recipients: whose reply comes next
        self.accepted = 0
        self.pipelined = pipelined
        self.is_first = is_first
        self.is_written = False  # MAIL is on the wire
        self.mail_accepted = False
        self.mail_refused = False
        self.body_sent = False  # the final dot, or the lone dot, is on the wire

    def screen(self, extensions: Extensions, verdicts: Verdicts) -> None:
        """Decide at once for recipients that cannot be named to this peer."""
        recipients = self.transaction.recipients
        limit = extensions.rcpt_max
        if not limit or len(recipients) <= limit:
            for recipient in recipients:
                if not is_safe_path(recipient.address) or not recipient.address:
                    break
            else:
                return
        self.open_recipients = []
        for index, recipient in enumerate(recipients):
            if not is_safe_path(recipient.address) or not recipient.address:
                self.outcomes[index] = verdicts.unfit(
                    Reply.of(553, "5.1.3", "recipient address is not safe to put on the wire")
                )
            elif limit and len(self.open_recipients) >= limit:
                self.outcomes[index] = verdicts.over_limit(limit)
            else:
                self.open_recipients.append(index)

    def commands(self, extensions: Extensions) -> str:
        """MAIL, every RCPT and DATA in one text."""
        transaction = self.transaction
        mail = mail_command(transaction, extensions)
        if len(transaction.recipients) == 1:
            return f"{mail}{rcpt_command(transaction.recipients[0], extensions)}DATA\r\n"
        recipients = transaction.recipients
        rcpts = [rcpt_command(recipients[index], extensions) for index in self.open_recipients]
        return f"{mail}{''.join(rcpts)}DATA\r\n"

    @property
    def has_further_recipient(self) -> bool:
        """True while RCPTs remain to be said or answered."""
        return self.position < len(self.open_recipients)

    def settle_rest(self, outcome: Outcome) -> None:
        """Give every recipient that has none this outcome."""
        outcomes = self.outcomes
        for index, known in enumerate(outcomes):
            if known is None:
                outcomes[index] = outcome

    def settled(self) -> list[Outcome]:
        """The outcomes, one per recipient, in order; all must be known."""
        outcomes = [outcome for outcome in self.outcomes if outcome is not None]
        assert len(outcomes) == len(self.outcomes), "a recipient without an outcome"
        return outcomes
