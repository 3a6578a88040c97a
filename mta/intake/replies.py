"""Where answers go: Reply-To may not lead to the domain of another account of this installation.

A domain that nobody here has registered (a free mailbox, a partner) is the author's own affair. What
one reader of mail might take for an address counts as one, so that a field that is read strictly
here and leniently elsewhere gets nothing past this check.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator

from mta.intake.header_encoding import readable
from mta.intake.mailboxes import MailboxSyntaxError, mailboxes
from mta.model.address import parse_domain
from mta.model.envelope import Identity
from mta.model.errors import AddressSyntaxError

# Whether a domain (A-labels) is registered to an account that has nothing to do with the identity's.
IsForeign = Callable[[Identity, str], bool]

_BEHIND_AT = re.compile(r"@\s*([^\s<>,;:()\"\[\]@\\]+)")


def foreign_domain(identity: Identity, value: str, is_foreign: IsForeign) -> str:
    """The first domain in an unfolded Reply-To that belongs to somebody else; empty: none does."""
    return next((name for name in _domains(value) if is_foreign(identity, name)), "")


def _domains(value: str) -> Iterator[str]:
    try:
        for address in mailboxes(value):
            yield address.domain
    except MailboxSyntaxError:
        for match in _BEHIND_AT.finditer(_plainest(readable(value))):
            try:
                yield parse_domain(match[1].rstrip("."))
            except AddressSyntaxError:
                continue


def _plainest(text: str) -> str:
    """As the most lenient reader may take it: full-width letters and dots are plain ones."""
    return unicodedata.normalize("NFKC", text).replace("\u3002", ".")
