"""Whatever a remote server or a client says, a notice stays one notice with the fields we wrote."""

import email
import email.policy

from hypothesis import given, settings
from hypothesis import strategies as st

from mta.delivery.notice_text import Action, Notice, compose

NASTY = st.text(max_size=300) | st.sampled_from(
    ["\r\nBcc: x@y", "--=_1\r\n", "a\u2028b", "\udc80", "x" * 3000, " \t ", "=?utf-8?q?x=0D=0A?="]
)


@settings(max_examples=60, deadline=None)
@given(
    reply=NASTY, remote=NASTY, envelope_id=NASTY, original=NASTY, header_id=NASTY,
    action=st.sampled_from(list(Action)), content=st.none() | st.binary(max_size=300),
    full=st.booleans(),
)  # fmt: skip
def test_outside_text_never_changes_the_shape_of_a_notice(
    reply, remote, envelope_id, original, header_id, action, content, full
):
    notice = Notice(
        action=action, notice_id="<1.relevo@mta.example>", server="mta.example", queue_id=1,
        to="ana@sender.example", recipient="juan@example.org", status="5.0.0", reply=reply,
        is_remote=True, now_ms=2_000, arrived_ms=1_000, attempted_ms=2_000, remote=remote,
        original_recipient=f"rfc822;{original}", envelope_id=envelope_id, header_id=header_id,
    )  # fmt: skip
    raw = compose(notice, content, full=full)
    report = email.message_from_bytes(raw, policy=email.policy.SMTP)
    assert report.get_content_type() == "multipart/report"
    assert "Bcc" not in report
    parts = report.get_payload()
    assert [p.get_content_type() for p in parts][:2] == ["text/plain", "message/delivery-status"]
    assert len(parts) == 3
    about, recipient = parts[1].get_payload()
    assert set(about) <= {"Reporting-MTA", "Original-Envelope-Id", "Arrival-Date"}
    assert set(recipient) <= {
        "Original-Recipient", "Final-Recipient", "Action", "Status", "Remote-MTA",
        "Diagnostic-Code", "Last-Attempt-Date",
    }  # fmt: skip
    assert (recipient["Action"], recipient["Status"]) == (str(action), "5.0.0")
    assert recipient["Final-Recipient"] == "rfc822; juan@example.org"
