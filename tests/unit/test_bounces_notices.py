"""Late bounces get the class of the reply they quote, and only three classes speak of the address."""

import pytest

from mta.bounces.classes import BounceClass as B
from mta.bounces.classifier import Classifier
from mta.bounces.explanations import LANGUAGES, explanation
from mta.feedback.notices import reply_of
from mta.model.outcome import Phase

# (Status, Diagnostic-Code without its type, class)
NOTICES = [
    ("5.1.1", "550 5.1.1 <a@x.test>: Recipient address rejected: User unknown", B.BAD_MAILBOX),
    ("5.1.1", 'unknown user: "a@x.test"', B.BAD_MAILBOX),
    ("5.0.0", "550 No Such User Here", B.BAD_MAILBOX),
    ("5.1.10", "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient a@x.test not found by SMTP address lookup", B.BAD_MAILBOX),
    ("5.1.2", "Host or domain name not found. Name service error for name=x.test type=A: Host not found", B.BAD_DOMAIN),
    ("5.2.1", "550 5.2.1 This mailbox has been disabled", B.INACTIVE),
    ("5.2.2", "552 5.2.2 The email account that you tried to reach is over quota", B.QUOTA),
    ("4.2.2", "452 4.2.2 Mailbox full", B.QUOTA),
    ("5.7.1", "550 5.7.1 Message rejected as spam by content filtering", B.SPAM_CONTENT),
    ("5.7.1", "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org", B.SPAM_REPUTATION),
    ("5.7.26", "550 5.7.26 This mail has been blocked because the sender is unauthenticated.", B.AUTH_FAILURE),
    ("5.7.515", "550 5.7.515 Access denied, sending domain example.org does not meet the required authentication level", B.AUTH_FAILURE),
    ("5.7.620", "550 5.7.620 Rejected", B.SPAM_REPUTATION),
    ("5.7.129", "550 5.7.129 RESOLVER.RST.RestrictedToRecipientsPermission; not authorized to send to the recipient", B.POLICY),
    ("5.3.4", "552 5.3.4 Message size exceeds fixed limit", B.MESSAGE_TOO_BIG),
    ("5.4.6", "554 5.4.6 Too many hops", B.ROUTING),
    ("5.4.14", "554 5.4.14 Hop count exceeded - possible mail loop ATTR34", B.ROUTING),
    ("4.4.1", "connect to mx.x.test[192.0.2.1]:25: Connection timed out", B.TRANSIENT_OTHER),
    ("5.2.1", "550 5.2.1 The user you are trying to contact is receiving mail at a rate that prevents additional messages from being delivered.", B.RATE_LIMIT),
    ("", "", B.POLICY),
]  # fmt: skip


@pytest.fixture(scope="module")
def classifier():
    return Classifier.load()


@pytest.mark.parametrize(("status", "diagnostic", "expected"), NOTICES)
def test_a_notice_gets_the_class_of_what_it_quotes(classifier, status, diagnostic, expected):
    found = classifier.classify(reply_of(status, diagnostic), Phase.RCPT)
    assert found is expected
    assert found.is_hard is (expected in (B.BAD_MAILBOX, B.BAD_DOMAIN, B.INACTIVE))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_class_is_explained_in_a_sentence(language):
    texts = {explanation(c, language) for c in B}
    assert len(texts) == len(B)
    assert all(text.endswith(".") and text[0].isupper() for text in texts)
    assert explanation("of-a-newer-release", language) == ""


def test_spanish_is_spanish():
    assert explanation(B.BAD_MAILBOX, "es") == "El buzón no existe."
