"""Builds MAIL, RCPT and DATA for what a peer offers, and says when a message cannot go to it."""

import re

from mta.model.envelope import Notify
from mta.model.reply import Reply
from mta.smtp.client_extensions import Extensions
from mta.smtp.client_transaction import OutgoingRecipient, Transaction

# What could end a command line or a path early. `parse_address` lets none of it through; this is
# the last gate before the wire (command injection: GHSA-v3q9-hj7j-63hq is the same hole elsewhere).
_UNSAFE = re.compile(r'[\x00-\x20\x7f<>"\ud800-\udfff]')
_UNSAFE_QUOTED = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_QUOTED_PATH = re.compile(r'"(?:[^"\\]|\\.)*"@[^\x00-\x20\x7f<>"\ud800-\udfff]+\Z', re.S)
_NOT_XTEXT = re.compile(rb"[^!-*,-<>-~]")
_NOT_UTF8_XTEXT = re.compile(r"[^!-*,-<>-\[\]-~]")

_NOTIFY_WORDS = (
    (Notify.SUCCESS, "SUCCESS"),
    (Notify.FAILURE, "FAILURE"),
    (Notify.DELAY, "DELAY"),
)


def is_safe_path(address: str) -> bool:
    """True when the address cannot break out of `<…>` on a command line; "" is the null path."""
    if _UNSAFE.search(address) is None:
        return True
    return _UNSAFE_QUOTED.search(address) is None and _QUOTED_PATH.match(address) is not None


def unfit_reply(transaction: Transaction, extensions: Extensions) -> Reply | None:
    """Why the message cannot go to this peer at all, as a reply of ours; None when it can."""
    if not is_safe_path(transaction.sender):
        return Reply.of(553, "5.1.7", "sender address is not safe to put on the wire")
    size, limit = len(transaction.content), extensions.size_limit
    if limit and size > limit:
        return Reply.of(
            552, "5.3.4", f"message of {size} octets, the receiving server takes {limit} at most"
        )
    if transaction.is_eight_bit and not extensions.eight_bit_mime:
        return Reply.of(
            554, "5.6.3", "8-bit content, and the receiving server does not offer 8BITMIME"
        )
    if not extensions.smtputf8 and needs_smtputf8(transaction):
        return Reply.of(
            553,
            "5.6.7",
            "non-ASCII address or header, and the receiving server does not offer SMTPUTF8",
        )
    return None


def needs_smtputf8(transaction: Transaction) -> bool:
    """True when the message can only travel with SMTPUTF8 (RFC 6531 §3.4)."""
    if transaction.needs_utf8 or not transaction.sender.isascii():
        return True
    for recipient in transaction.recipients:  # noqa: SIM110 (a generator costs more than it saves)
        if not recipient.address.isascii():
            return True
    return False


def mail_command(transaction: Transaction, extensions: Extensions) -> str:
    """`MAIL FROM:<…>` with the parameters that the peer understands, CRLF included."""
    line = f"MAIL FROM:<{transaction.sender}>"
    if extensions.size:
        line += f" SIZE={len(transaction.content)}"
    if transaction.is_eight_bit:
        line += " BODY=8BITMIME"
    if extensions.smtputf8 and needs_smtputf8(transaction):
        line += " SMTPUTF8"
    if extensions.dsn:
        if transaction.ret:
            line += f" RET={'HDRS' if transaction.ret.upper() == 'HDRS' else 'FULL'}"
        if transaction.envelope_id:
            line += f" ENVID={xtext(transaction.envelope_id)}"
    return line + "\r\n"


def rcpt_command(recipient: OutgoingRecipient, extensions: Extensions) -> str:
    """`RCPT TO:<…>` with NOTIFY and ORCPT when the peer offers DSN, CRLF included."""
    if extensions.dsn and (recipient.notify or recipient.original):
        return f"RCPT TO:<{recipient.address}>{_dsn_parameters(recipient)}\r\n"
    return f"RCPT TO:<{recipient.address}>\r\n"


def _dsn_parameters(recipient: OutgoingRecipient) -> str:
    parameters = ""
    notify = recipient.notify
    if notify & Notify.NEVER:
        parameters = " NOTIFY=NEVER"
    elif notify:
        parameters = " NOTIFY=" + ",".join(word for flag, word in _NOTIFY_WORDS if notify & flag)
    kind, separator, address = recipient.original.partition(";")
    if separator and kind.isascii() and kind.replace("-", "").isalnum() and address:
        if address.isascii():
            parameters += f" ORCPT={kind};{xtext(address)}"
        elif kind.lower() == "utf-8":
            parameters += f" ORCPT={kind};{_utf8_xtext(address)}"
        # Another type cannot carry UTF-8 (RFC 6533 §3): then it is left out.
    return parameters


def xtext(text: str) -> str:
    """RFC 3461 §4: what is not printable ASCII, `+` and `=` become `+` and two hex digits."""
    encoded = text.encode("utf-8", "replace")
    return _NOT_XTEXT.sub(lambda match: b"+%02X" % match[0][0], encoded).decode("ascii")


def _utf8_xtext(address: str) -> str:
    """RFC 6533 §3: utf-8-addr-xtext, which is ASCII and so fits every transaction."""
    return _NOT_UTF8_XTEXT.sub(lambda match: f"\\x{{{ord(match[0]):02X}}}", address)
