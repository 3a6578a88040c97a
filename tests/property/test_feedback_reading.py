"""Whatever comes in at the feedback listener is read without a fault, and within its bounds."""

from hypothesis import given
from hypothesis import strategies as st

from mta.feedback.addresses import FeedbackAddresses
from mta.feedback.complaints import Complaint
from mta.feedback.mime import MAX_DEPTH, MAX_PARTS, parse
from mta.feedback.notices import MAX_RECIPIENTS, Notice
from mta.feedback.reading import AutoReply, Letter, read
from mta.intake.return_path import ReturnPathHosts

ADDRESSES = FeedbackAddresses(b"k" * 32, ReturnPathHosts("b.example.org"))
WORDS = st.sampled_from(
    [
        b"\n", b"\r\n", b"\n\n", b": ", b"; ", b" ", b"\t", b'"', b"--b", b"--b--", b"<", b">", b"\x00",
        b"Content-Type: ", b"multipart/report", b"multipart/mixed", b"boundary=b", b'boundary="b"',
        b"message/delivery-status", b"message/feedback-report", b"message/rfc822", b"text/plain",
        b"Final-Recipient: rfc822; a@b.test", b"Original-Recipient: rfc822;a+2B@b", b"Action: failed",
        b"Status: 5.1.1", b"Diagnostic-Code: smtp; 550 5.1.1 no", b"Feedback-Type: abuse", b"+ZZ",
        b"Content-Transfer-Encoding: base64", b"quoted-printable", b"=0A", b"X-Failed-Recipients: a@b",
        b"Auto-Submitted: auto-replied", b"Subject: failure notice", b"\xff", b"\xc3\xb1",
        b"Hi. This is the qmail-send program", b"<a@b.test>:", b"550 5.1.1", b"b+1-00000000000000000000",
    ]
)  # fmt: skip
MAILS = st.one_of(st.binary(max_size=2_000), st.lists(WORDS, max_size=80).map(b"".join))


@given(MAILS)
def test_any_mail_is_one_of_the_four(content):
    reading = read(content)
    assert isinstance(reading, Notice | Complaint | AutoReply | Letter)
    if isinstance(reading, Notice):
        assert 0 < len(reading.recipients) <= MAX_RECIPIENTS
        for reported in reading.recipients:
            assert 400 <= reported.reply.code < 600
            assert reported.reply.enhanced[:1] in ("", str(reported.reply.code)[0])
    if isinstance(reading, Complaint):
        assert ADDRESSES.delivery_in(reading.proof) == 0  # nobody guesses a token


@given(MAILS)
def test_parts_keep_to_their_bounds(content):
    def depth(part):
        return 1 + max(map(depth, part.parts), default=-1)

    mail = parse(content)
    assert len(mail.walk()) <= MAX_PARTS
    assert depth(mail) <= MAX_DEPTH


@given(st.text(max_size=200))
def test_any_address_resolves_or_not(address):
    assert ADDRESSES.resolve(address) is None or "@" in address or address.lower() == "postmaster"
