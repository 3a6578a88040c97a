"""Delivery status notifications: who gets one, what stands in it, and that nothing gets in."""

import email
import email.policy
from dataclasses import replace
from email.message import EmailMessage, Message

import pytest

from mta.delivery.notice_text import fold, header_of, printable, typed_address
from mta.delivery.notices import DsnNotices, NoticeFlows
from mta.intake.trace import TraceWriter
from mta.model.envelope import Notify
from mta.model.ids import IdGenerator
from mta.model.outcome import Outcome, OutcomeKind, Phase
from mta.model.reply import Reply
from mta.model.traffic import DeliveryState, TrafficClass
from mta.spool.flows import Flow, FlowDirectory
from mta.spool.jobs import JobBuilder
from mta.spool.rows import (
    DeliveryFlag,
    ExpiryKind,
    MessageFlag,
    QueuedDelivery,
    QueuedMessage,
)
from mta.store.work import Content, ContentRef

START_MS = 1_800_000_000_000
HOUR_MS = 3_600_000
ORIGINAL = (
    b"From: Ana <ana@sender.example>\r\nTo: juan@example.org\r\nSubject: Factura\r\n"
    b"Message-ID: <one@sender.example>\r\n\r\nHola Juan.\r\n.punto al inicio\r\n"
)


class Bench:
    """DsnNotices with what it needs, and a delivery to settle."""

    def __init__(self, *, delay_notice_s: float = 4 * 3600):
        self.clock_ns = START_MS * 1_000_000
        self.ids = IdGenerator(clock_ns=lambda: self.clock_ns)
        self.directory = FlowDirectory()
        self.flow = self.directory.add(Flow(1, 7, "app", "application", 1))
        self.reserved: list[tuple[bytes, int]] = []
        self.notices = DsnNotices(
            ids=self.ids,
            reserve=self._reserve,
            trace=TraceWriter("relevo.example.net"),
            site_of=lambda domain: 55 if domain == "sender.example" else 0,
            flows=NoticeFlows(self.directory, self.ids),
            flow_of=self.directory.get,
            delay_notice_s=delay_notice_s,
        )
        self.job = JobBuilder()

    def _reserve(self, data: bytes, kind: int) -> Content:
        self.reserved.append((data, kind))
        return Content(ContentRef(kind, 0, len(data), 0), data)

    def delivery(self, **changes):
        message = QueuedMessage(
            self.ids.new(), 7, changes.pop("sender", "ana@sender.example"),
            ContentRef(1, 0, len(ORIGINAL), 0), changes.pop("message_flags", MessageFlag.RELAY),
            changes.pop("ret", ""), changes.pop("envelope_id", ""),
            changes.pop("header_id", "<one@sender.example>"), changes.pop("content", ORIGINAL),
        )  # fmt: skip
        values = {"klass": TrafficClass.TRANSACTIONAL, "address": "juan@example.org", **changes}
        return QueuedDelivery(
            self.ids.new(), message, 0, self.flow.id, values.pop("klass"), ExpiryKind.RELAY, 3,
            "example.org", values.pop("address"), state=DeliveryState.CLAIMED, **values,
        )  # fmt: skip

    def settle(self, delivery, state=DeliveryState.BOUNCED, outcome=None, *, after_ms=1000, **more):
        return self.notices.settled(
            self.job, delivery, state, outcome or refusal(), START_MS + after_ms, **more
        )

    def told(self, delivery, state=DeliveryState.BOUNCED, outcome=None, **more) -> Message:
        assert self.settle(delivery, state, outcome, **more) is not None
        return email.message_from_bytes(self.reserved[-1][0], policy=email.policy.SMTP)

    def rows(self, statement):
        return [row for w in self.job.work(START_MS) if w.statement == statement for row in w.rows]


def refusal(
    code=550, enhanced="5.1.1", *lines, phase=Phase.RCPT, host="mx1.example.org[192.0.2.1]"
):
    kind = OutcomeKind.BOUNCED if code >= 500 else OutcomeKind.DEFERRED
    return Outcome(kind, Reply(code, enhanced, lines or ("No such user",)), phase, host)


def taken():
    reply = Reply.of(250, "2.0.0", "Ok: queued as 4F1")
    return Outcome(OutcomeKind.DELIVERED, reply, Phase.DOT, "mx1.example.org[192.0.2.1]")


def per_message(report: Message) -> Message:
    return report.get_payload(1).get_payload(0)


def per_recipient(report: Message) -> Message:
    return report.get_payload(1).get_payload(1)


def part(report: EmailMessage, number: int) -> EmailMessage:
    found = report.get_payload(number)
    assert isinstance(found, EmailMessage)
    return found


def test_a_bounce_tells_the_sender_in_the_fields_of_rfc_3464():
    bench = Bench()
    delivery = bench.delivery(
        envelope_id="QQ314159", original="rfc822;juan.perez@example.org", attempts=1
    )
    report = bench.told(delivery)
    assert report.get_content_type() == "multipart/report"
    assert report.get_param("report-type") == "delivery-status"
    assert [p.get_content_type() for p in report.get_payload()] == [
        "text/plain",
        "message/delivery-status",
        "text/rfc822-headers",
    ]
    assert report["From"] == "Mail Delivery System <MAILER-DAEMON@relevo.example.net>"
    assert report["To"] == "ana@sender.example"
    assert report["Auto-Submitted"] == "auto-replied"
    assert report["In-Reply-To"] == "<one@sender.example>"
    assert dict(per_message(report)) == {
        "Reporting-MTA": "dns; relevo.example.net",
        "Original-Envelope-Id": "QQ314159",
        "Arrival-Date": "Fri, 15 Jan 2027 08:00:00 -0000",
    }
    assert dict(per_recipient(report)) == {
        "Original-Recipient": "rfc822; juan.perez@example.org",
        "Final-Recipient": "rfc822; juan@example.org",
        "Action": "failed",
        "Status": "5.1.1",
        "Remote-MTA": "dns; mx1.example.org",
        "Diagnostic-Code": "smtp; 550 5.1.1 No such user",
        "Last-Attempt-Date": "Fri, 15 Jan 2027 08:00:01 -0000",
    }
    assert not report.defects
    assert not any(p.defects for p in report.walk())


def test_the_text_is_spanish_first_then_english_and_quoted_printable():
    report = Bench().told(Bench().delivery(address="juan@example.org"))
    text = part(report, 0)
    assert text["Content-Transfer-Encoding"] == "quoted-printable"
    content = text.get_content()
    assert content.index("no se volverá a intentar") < content.index("will not be tried again")
    assert content.count("juan@example.org") == 2
    assert content.count("mx1.example.org: 550 5.1.1 No such user") == 2
    assert max(map(len, report.as_bytes().split(b"\r\n"))) <= 998


def test_the_notice_is_a_message_of_the_same_job_from_the_null_sender():
    bench = Bench()
    told = bench.settle(bench.delivery())
    (message,) = bench.rows("message_insert")
    (row,) = bench.rows("delivery_insert")
    (flow,) = bench.rows("flow_ensure")
    (event,) = bench.rows("event_insert")
    assert message[0] == told.message.id
    assert message[1] == flow[0]
    assert message[4] == ""
    assert message[9] == MessageFlag.NOTICE
    assert flow[1:5] == (7, "notices", "notices", TrafficClass.AUTOMATED)
    assert row[4:10] == (
        TrafficClass.AUTOMATED, ExpiryKind.RELAY, 55, "sender.example", "ana@sender.example",
        DeliveryState.READY,
    )  # fmt: skip
    assert event[0] == 1
    assert bench.job.contents[0].data == bench.reserved[0][0]
    assert bench.directory.get(flow[0]) is not None
    assert told.state == DeliveryState.READY


def test_nobody_is_told_of_mail_that_is_not_to_be_told_of():
    bench = Bench()
    silent = [
        bench.delivery(sender=""),
        bench.delivery(message_flags=MessageFlag.RELAY | MessageFlag.NOTICE),
        bench.delivery(message_flags=MessageFlag(0)),
        bench.delivery(klass=TrafficClass.CAMPAIGN),
        bench.delivery(notify=Notify.NEVER),
        bench.delivery(notify=Notify.SUCCESS),
        bench.delivery(notify=Notify.DELAY),
    ]
    assert [bench.settle(d) for d in silent] == [None] * len(silent)
    for state in (DeliveryState.CANCELLED, DeliveryState.SUPPRESSED):
        assert bench.settle(bench.delivery(), state) is None
    assert bench.job.work(START_MS) == []


def test_a_notice_is_never_answered_with_a_notice():
    bench = Bench()
    told = bench.settle(bench.delivery())
    assert bench.settle(told) is None
    assert bench.settle(told, DeliveryState.EXPIRED) is None


def test_expiry_is_a_failure_with_the_last_reply_and_status_4_4_7():
    bench = Bench()
    report = bench.told(
        bench.delivery(), DeliveryState.EXPIRED, refusal(452, "4.2.2", "Mailbox full")
    )
    fields = per_recipient(report)
    assert (fields["Action"], fields["Status"]) == ("failed", "4.4.7")
    assert fields["Diagnostic-Code"] == "smtp; 452 4.2.2 Mailbox full"
    assert "a tiempo" in part(report, 0).get_content()


def test_our_own_reason_is_not_called_a_reply_of_smtp():
    bench = Bench()
    outcome = refusal(550, "5.1.10", "null MX", phase=Phase.DNS, host="")
    fields = per_recipient(bench.told(bench.delivery(), outcome=outcome))
    assert fields["Diagnostic-Code"] == "X-Relevo; 550 5.1.10 null MX"
    assert fields["Status"] == "5.1.10"
    assert "Remote-MTA" not in fields


@pytest.mark.parametrize(("enhanced", "status"), [("", "5.0.0"), ("4.7.1", "5.7.1")])
def test_the_status_of_a_failure_is_permanent_whatever_the_server_said(enhanced, status):
    bench = Bench()
    report = bench.told(bench.delivery(), outcome=refusal(550, enhanced))
    assert per_recipient(report)["Status"] == status


def test_delay_is_told_once_after_the_time_set():
    bench = Bench()
    delivery = bench.delivery(first_attempt_ms=START_MS, expires_ms=START_MS + 120 * HOUR_MS)
    deferred = refusal(451, "4.3.0", "later")
    assert bench.settle(delivery, DeliveryState.SCHEDULED, deferred, after_ms=HOUR_MS) is None
    report = bench.told(delivery, DeliveryState.SCHEDULED, deferred, after_ms=4 * HOUR_MS)
    fields = per_recipient(report)
    assert (fields["Action"], fields["Status"]) == ("delayed", "4.3.0")
    assert fields["Will-Retry-Until"] == "Wed, 20 Jan 2027 08:00:00 -0000"
    assert delivery.flags & DeliveryFlag.DELAY_TOLD
    again = bench.delivery(first_attempt_ms=START_MS, flags=delivery.flags)
    assert bench.settle(again, DeliveryState.SCHEDULED, deferred, after_ms=9 * HOUR_MS) is None


def test_a_delay_whose_commit_failed_is_told_again():
    bench = Bench()
    delivery = bench.delivery(first_attempt_ms=START_MS)
    for _ in range(3):
        bench.job = JobBuilder()
        bench.told(delivery, DeliveryState.SCHEDULED, refusal(451, "4.3.0"), after_ms=5 * HOUR_MS)
        assert bench.rows("message_insert")
        assert bench.rows("flow_ensure")


def test_delay_is_told_when_the_next_attempt_would_come_too_late():
    bench = Bench()
    delivery = bench.delivery(first_attempt_ms=START_MS)
    due_ms = START_MS + 5 * HOUR_MS
    deferred = refusal(451, "4.3.0")
    told = bench.settle(
        delivery, DeliveryState.SCHEDULED, deferred, after_ms=2 * HOUR_MS, due_ms=due_ms
    )
    assert told is not None


def test_delay_is_not_told_when_unwanted_or_switched_off():
    deferred = refusal(451, "4.3.0")
    bench = Bench()
    for notify in (Notify.NEVER, Notify.FAILURE, Notify.SUCCESS | Notify.FAILURE):
        delivery = bench.delivery(notify=notify, first_attempt_ms=START_MS)
        assert (
            bench.settle(delivery, DeliveryState.SCHEDULED, deferred, after_ms=9 * HOUR_MS) is None
        )
    bench = Bench(delay_notice_s=0)
    delivery = bench.delivery(first_attempt_ms=START_MS)
    assert bench.settle(delivery, DeliveryState.SCHEDULED, deferred, after_ms=99 * HOUR_MS) is None


def test_time_before_the_release_is_no_delay():
    bench = Bench()
    delivery = bench.delivery(first_attempt_ms=START_MS + 48 * HOUR_MS)
    deferred = refusal(451, "4.3.0")
    told = bench.settle(delivery, DeliveryState.SCHEDULED, deferred, after_ms=48 * HOUR_MS)
    assert told is None


def test_memory_of_told_delays_is_bounded():
    bench = Bench()
    for _ in range(600):
        delivery = bench.delivery(first_attempt_ms=START_MS)
        bench.settle(delivery, DeliveryState.SCHEDULED, refusal(451, "4.3.0"), after_ms=5 * HOUR_MS)
        delivery.state = DeliveryState.SCHEDULED  # as settlement does after its commit
    assert len(bench.notices._telling) <= 256


def test_success_is_told_as_relayed_when_asked_and_the_peer_does_not():
    report = Bench().told(
        Bench().delivery(notify=Notify.SUCCESS | Notify.FAILURE), DeliveryState.DELIVERED, taken()
    )
    fields = per_recipient(report)
    assert (fields["Action"], fields["Status"]) == ("relayed", "2.0.0")
    bench = Bench()
    delivery = bench.delivery(notify=Notify.SUCCESS)
    told_by_peer = replace(taken(), takes_dsn=True)
    assert bench.settle(delivery, DeliveryState.DELIVERED, told_by_peer) is None
    assert bench.settle(bench.delivery(), DeliveryState.DELIVERED, taken()) is None


def test_ret_full_returns_the_whole_message_of_a_failure_only():
    bench = Bench()
    report = bench.told(bench.delivery(ret="FULL"))
    returned = part(report, 2)
    assert returned.get_content_type() == "message/rfc822"
    assert bench.reserved[0][0].count(ORIGINAL) == 1
    assert returned.get_payload(0)["Subject"] == "Factura"
    delayed = bench.told(
        bench.delivery(ret="FULL", first_attempt_ms=START_MS),
        DeliveryState.SCHEDULED,
        refusal(451, "4.3.0"),
        after_ms=5 * HOUR_MS,
    )
    assert part(delayed, 2).get_content_type() == "text/rfc822-headers"


@pytest.mark.parametrize("ret", ["", "HDRS"])
def test_otherwise_the_header_comes_back_and_nothing_of_the_body(ret):
    bench = Bench()
    report = bench.told(bench.delivery(ret=ret))
    returned = part(report, 2)
    assert returned.get_content_type() == "text/rfc822-headers"
    assert "Subject: Factura" in returned.get_content()
    assert b"Hola" not in bench.reserved[0][0]


def test_an_original_that_is_not_in_memory_is_named_by_its_message_id():
    bench = Bench()
    report = bench.told(bench.delivery(content=None, ret="FULL"))
    assert part(report, 2).get_content().strip() == "Message-ID: <one@sender.example>"


def test_a_large_original_comes_back_as_its_header():
    bench = Bench()
    big = ORIGINAL + b"x" * 70 * 15_000 + b"\r\n"
    assert part(bench.told(bench.delivery(content=big, ret="FULL")), 2).get_content_type() == (
        "text/rfc822-headers"
    )
    assert len(bench.reserved[0][0]) < 10_000


def test_an_eight_bit_original_makes_an_eight_bit_notice_when_all_of_it_is_wanted():
    bench = Bench()
    original = ORIGINAL + "Señor\r\n".encode()
    told = bench.settle(bench.delivery(content=original, ret="FULL"))
    assert told.message.flags & MessageFlag.EIGHT_BIT
    assert original in bench.reserved[0][0]
    assert b"Content-Transfer-Encoding: 8bit" in bench.reserved[0][0].partition(b"\r\n\r\n")[0]
    told = bench.settle(bench.delivery(content=original))
    assert not told.message.flags & MessageFlag.EIGHT_BIT


def test_utf8_addresses_are_told_in_seven_bits():
    bench = Bench()
    delivery = bench.delivery(
        address="ñandú+x@example.org",
        original="utf-8;ñandú@example.org",
        content="Subject: ¡Hola!\r\n\r\n".encode(),
        message_flags=MessageFlag.RELAY | MessageFlag.NEEDS_UTF8,
        ret="FULL",
    )
    report = bench.told(delivery)
    fields = per_recipient(report)
    assert bench.reserved[0][0].isascii()
    assert fields["Final-Recipient"] == r"utf-8; \x{F1}and\x{FA}\x{2B}x@example.org"
    assert fields["Original-Recipient"] == r"utf-8; \x{F1}and\x{FA}@example.org"
    assert "¡Hola!" in part(report, 2).get_content()
    assert "ñandú+x@example.org" in part(report, 0).get_content()


def test_a_utf8_sender_gets_a_notice_that_needs_smtputf8():
    bench = Bench()
    told = bench.settle(bench.delivery(sender="josé@sender.example"))
    assert told.message.flags & MessageFlag.NEEDS_UTF8
    assert "To: <josé@sender.example>\r\n".encode() in bench.reserved[0][0]


HOSTILE = (
    "no\r\nBcc: evil@x.example\r\n\r\n--=_boundary\r\n",
    "\nAction: delivered",
    "\rStatus: 2.0.0\0 \u2028 señor \udcff",
    " " * 2000,
    "x" * 5000,
    "",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_from_outside_makes_a_field_of_its_own(text):
    bench = Bench()
    delivery = bench.delivery(
        envelope_id=text, original=f"rfc822;{text}", header_id=f"<{text}@x>", content=None
    )
    report = bench.told(delivery, outcome=refusal(550, "5.1.1", text, host=f"{text}[192.0.2.1]"))
    raw = bench.reserved[0][0]
    assert "Bcc" not in report
    assert report.get_content_type() == "multipart/report"
    assert len(report.get_payload()) == 3
    fields = per_recipient(report)
    assert set(fields) <= {
        "Original-Recipient", "Final-Recipient", "Action", "Status", "Remote-MTA",
        "Diagnostic-Code", "Last-Attempt-Date",
    }  # fmt: skip
    assert (fields["Action"], fields["Status"]) == ("failed", "5.1.1")
    assert set(per_message(report)) <= {"Reporting-MTA", "Original-Envelope-Id", "Arrival-Date"}
    assert raw.isascii()
    assert b"\0" not in raw
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert b"\r" not in raw.replace(b"\r\n", b"")
    assert max(map(len, raw.split(b"\r\n"))) <= 998


def test_a_boundary_that_stands_in_the_original_is_not_used():
    bench = Bench()
    number = bench.clock_ns + 3  # after message, delivery and the flow of the notices
    original = ORIGINAL + f"\r\n--=_{number:x}\r\nFalse: part\r\n".encode()
    report = bench.told(bench.delivery(content=original, ret="FULL"))
    assert f"=_{number:x}" in report.get_boundary()
    assert len(report.get_payload()) == 3
    assert original in bench.reserved[0][0]


def test_fold_keeps_words_and_bounds_lines():
    text = "Diagnostic-Code: smtp; " + " ".join(["word"] * 100) + " " + "y" * 3000
    folded = fold(text)
    assert max(map(len, folded.split("\r\n"))) <= 901
    assert folded.replace("\r\n", "").replace(" ", "") == text.replace(" ", "")
    assert all(line.strip() for line in folded.split("\r\n"))


def test_printable_escapes_octets():
    assert printable("añ\n") == r"a\xc3\xb1\x0a"


def test_an_ascii_address_has_the_type_rfc822():
    assert typed_address('"a b"@example.org') == 'rfc822; "a b"@example.org'


def test_a_very_long_header_is_cut_between_lines():
    header = b"".join(b"X-%d: %s\r\n" % (n, b"y" * 100) for n in range(2000))
    cut = header_of(header + b"\r\nbody")
    assert len(cut) <= 64 << 10
    assert header.startswith(cut)
    assert cut.endswith(b"\r\n")
    assert header_of(ORIGINAL).endswith(b"<one@sender.example>\r\n")
