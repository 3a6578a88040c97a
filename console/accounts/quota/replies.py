"""What clients hear when the bag does not let mail in: permanent, so that their queues do not fill."""

from collections.abc import Mapping
from types import MappingProxyType

from mta.intake.intake import NOT_FOR_TRAINING
from mta.model.reply import Reply

EXHAUSTED = Reply.of(
    552, "5.2.2", "Quota exhausted: not enough mails are left in this account's bag"
)
EXPIRED = Reply.of(552, "5.2.2", "Quota expired: the term of this account's contract is over")
PENDING = Reply.of(552, "5.2.2", "Quota pending: this account's contract has not started yet")
NOT_KNOWN_YET = Reply.of(451, "4.3.0", "The account is being set up, try again later")
# As the HTTP API says it: status 402, or 403 for training.
CODES: Mapping[Reply, str] = MappingProxyType(
    {
        EXHAUSTED: "quota_exhausted",
        EXPIRED: "quota_expired",
        PENDING: "quota_pending",
        NOT_FOR_TRAINING: "training_recipient_not_allowed",
    }
)
