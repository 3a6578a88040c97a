"""Mail that another server refuses comes back to its sender as a delivery status notification."""

import email
import email.policy

import pytest

from tests.e2e import clients
from tests.e2e.conftest import CLEAR_DOMAIN, SANDBOX_DOMAIN
from tests.e2e.server import HOSTNAME, SENDER_DOMAIN


def parse(raw: bytes) -> tuple[email.message.EmailMessage, ...]:
    """A notification's text, its groups of fields and the returned message (RFC 3462, 3464)."""
    report = email.message_from_bytes(raw, policy=email.policy.default)
    assert report.get_content_type() == "multipart/report"
    assert report["Content-Type"].params["report-type"] == "delivery-status"
    text, status, returned = report.iter_parts()
    assert text.get_content_type() == "text/plain"
    assert status.get_content_type() == "message/delivery-status"
    assert returned.get_content_type() in {"message/rfc822", "text/rfc822-headers"}
    assert not report.defects
    return report, text, *status.get_payload(), returned


@pytest.mark.debian
def test_an_unknown_user_at_postfix_comes_back_as_a_report(relay, postfix, sandbox) -> None:
    sender, nobody = f"returns@{SENDER_DOMAIN}", f"nobody@{CLEAR_DOMAIN}"
    content = clients.message("comes back", nobody, sender=sender)
    message_id = clients.submit(relay, content, nobody, sender=sender)
    (notice,) = sandbox.wait(sender)
    assert notice.mail_from == "", "the null reverse-path"
    report, text, per_message, per_recipient, returned = parse(notice.raw)
    assert report["To"] == sender
    assert report["Auto-Submitted"].startswith("auto-replied")
    assert report["Message-ID"]
    assert nobody in text.get_content()
    assert per_message["Reporting-MTA"] == f"dns; {HOSTNAME}"
    assert per_recipient["Final-Recipient"].replace(" ", "") == f"rfc822;{nobody}"
    assert per_recipient["Action"] == "failed"
    assert per_recipient["Status"] == "5.1.1"
    assert per_recipient["Remote-MTA"] == f"dns; {postfix.host}"
    assert "User unknown" in per_recipient["Diagnostic-Code"]
    assert "Subject: comes back" in str(returned)
    (row,) = relay.wait_states(message_id, "bounced")
    assert "5.1.1" in row["last_reply"]


@pytest.mark.debian
def test_only_the_refused_recipient_comes_back(relay, postfix, sandbox) -> None:
    sender = f"partly@{SENDER_DOMAIN}"
    ana, nobody = f"ana@{CLEAR_DOMAIN}", f"nadie@{CLEAR_DOMAIN}"
    clients.submit(relay, clients.message("partly", ana, sender=sender), ana, nobody, sender=sender)
    postfix.wait(ana, "Subject: partly\r\n")
    (notice,) = sandbox.wait(sender)
    *_, per_recipient, _ = parse(notice.raw)
    assert per_recipient["Final-Recipient"].replace(" ", "") == f"rfc822;{nobody}"


def test_dsn_options_of_the_sender_are_honoured(relay, sandbox) -> None:
    sender = f"options@{SENDER_DOMAIN}"
    content = clients.message("wants to know", "x@y.test", sender=sender, body="secret\n")
    silent, told = f"bounce@{SANDBOX_DOMAIN}", f"policy@{SANDBOX_DOMAIN}"
    with clients.connect(relay) as client:
        clients.hand_in(client, content, silent, sender=sender, rcpt=["NOTIFY=NEVER"])
        clients.hand_in(
            client,
            content,
            told,
            sender=sender,
            mail=["RET=HDRS", "ENVID=batch+2B7"],
            rcpt=["NOTIFY=FAILURE", "ORCPT=rfc822;alias@first.test"],
        )
    (notice,) = sandbox.wait(sender)
    _, _, per_message, per_recipient, returned = parse(notice.raw)
    assert per_message["Original-Envelope-Id"] == "batch+7"
    assert per_recipient["Original-Recipient"].replace(" ", "") == "rfc822;alias@first.test"
    assert per_recipient["Final-Recipient"].replace(" ", "") == f"rfc822;{told}"
    assert returned.get_content_type() == "text/rfc822-headers"
    assert b"secret" not in notice.raw
