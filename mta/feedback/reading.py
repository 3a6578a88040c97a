"""What a mail to one of our addresses is; pure, linear time.

The order matters: machines that answer also write notices, and notices carry Auto-Submitted.
"""

from dataclasses import dataclass

from mta.feedback.autoreplies import is_automatic, sounds_automatic
from mta.feedback.complaints import Complaint, read_complaint, returned_header
from mta.feedback.mime import parse
from mta.feedback.notices import Notice, read_irregular, read_notice


@dataclass(frozen=True, slots=True)
class AutoReply:
    """A machine answered; nothing follows from that."""

    subject: str = ""


@dataclass(frozen=True, slots=True)
class Letter:
    """Anything else: somebody wrote."""

    subject: str
    returned: str  # headers of the mails that are attached


Reading = Notice | Complaint | AutoReply | Letter


def read(content: bytes) -> Reading:
    """Understand a mail."""
    mail = parse(content)
    complaint = read_complaint(mail)
    if complaint is not None:
        return complaint
    notice = read_notice(mail) or read_irregular(mail, content)
    if notice is not None:
        return notice
    if is_automatic(mail) or sounds_automatic(mail):
        return AutoReply(mail.header("subject"))
    return Letter(mail.header("subject"), returned_header(mail))
