"""What a campaign's mail carries: attachments, and fields by the names that people write."""

from dataclasses import replace
from email import message_from_bytes, policy

import pytest

from console.accounts.values import AccountKind
from console.campaigns.accepting import PreflightRefused
from console.campaigns.states import CampaignStatus as S
from console.campaigns.states import Origin
from console.templates.media import MAX_ATTACHED
from console.tracking.accounts import TrackingMode
from mta.model.errors import PermanentError
from tests.campaign_world import ANY, CONTENT, OPERATOR, CampaignRelay

PAPER = b"%PDF-1.4 bases integradas"


@pytest.fixture
async def relay(tmp_path, network, receiver):
    async with CampaignRelay(tmp_path / "relay", network) as relay:
        yield relay


async def _sent(relay, receiver, content):
    draft = await relay.draft(1, content=content)
    report = await relay.campaigns.preflight(OPERATOR, draft.id)
    assert report.errors == 0, report.findings
    await relay.campaigns.start(OPERATOR, draft.id, ANY)
    await relay.until_status(draft, S.FINISHED)
    return message_from_bytes(receiver.received[-1].content, policy=policy.default)


async def test_T_h_files_of_the_library_are_attached_to_every_mail(relay, receiver):
    media = relay.services.areas.templates.media
    paper = await media.add_file(OPERATOR, relay.account, 'bases "\r\nBcc: x@y.test.pdf', PAPER)
    mail = await _sent(relay, receiver, replace(CONTENT, files=(paper.id,)))
    (part,) = mail.iter_attachments()
    assert part.get_content() == PAPER
    assert part.get_content_type() == "application/pdf"
    assert part.get_filename().endswith(".pdf")
    assert mail["Bcc"] is None
    assert "persona 0" in mail.get_body(("html",)).get_content()


async def test_a_file_of_another_account_is_never_attached(relay, receiver):
    other = (await relay.services.accounts.add(OPERATOR, "Otra")).id
    media = relay.services.areas.templates.media
    paper = await media.add_file(OPERATOR, other, "secreto.pdf", PAPER)
    draft = await relay.draft(1, content=replace(CONTENT, files=(paper.id,)))
    report = await relay.campaigns.preflight(OPERATOR, draft.id)
    assert [one.code for one in report.findings if one.severity == "error"] == ["content.broken"]
    with pytest.raises(PreflightRefused, match="there is no file"):
        await relay.campaigns.start(OPERATOR, draft.id, ANY)
    assert receiver.received == []


async def test_replies_to_another_accounts_domain_stop_a_campaign(relay, receiver):
    other = (await relay.services.accounts.add(OPERATOR, "Otra")).id
    await relay.services.accounts.domains.add(OPERATOR, "otra.test", other)
    draft = await relay.draft(1, content=replace(CONTENT, reply_to="mesa@otra.test"))
    report = await relay.campaigns.preflight(OPERATOR, draft.id)
    assert [one.code for one in report.findings if one.severity == "error"] == ["replies.foreign"]
    with pytest.raises(PreflightRefused, match=r"otra\.test"):
        await relay.campaigns.start(OPERATOR, draft.id, ANY)
    assert receiver.received == []


async def test_attachments_have_a_bound_and_large_ones_are_told(relay):
    media = relay.services.areas.templates.media
    half = b"%PDF-1.4 " + b"x" * (MAX_ATTACHED // 2)
    papers = [
        (await media.add_file(OPERATOR, relay.account, f"{n}.pdf", half)).id for n in range(2)
    ]
    with pytest.raises(PermanentError, match="at most"):
        await media.attachments(relay.account, tuple(papers))
    draft = await relay.draft(1, content=replace(CONTENT, files=(papers[0],)))
    codes = {one.code for one in (await relay.campaigns.preflight(OPERATOR, draft.id)).findings}
    assert {"files.attached", "size.heavy"} <= codes


async def test_T_l_a_field_finds_its_column_and_the_campaign_its_name_and_day(relay, receiver):
    text = "{{ NOMBRE }} · {{ campaña }} · {{ fecha }}{% if Nómbre %} · sí{% endif %}"
    mail = await _sent(relay, receiver, replace(CONTENT, source=f"<p>{text}</p>", text=text))
    for kind in ("html", "plain"):
        shown = mail.get_body((kind,)).get_content()
        assert "persona 0 · Aviso · " in shown
        assert " de 20" in shown  # 22 de noviembre de 2026
        assert " · sí" in shown


async def test_who_did_not_open_is_not_known_where_only_totals_are_counted(relay, receiver):
    content = replace(CONTENT, track_totals=True)
    draft = await relay.draft(1, content=content)
    await relay.campaigns.start(OPERATOR, draft.id, ANY)
    await relay.until_status(draft, S.FINISHED)
    with pytest.raises(PermanentError, match="not known"):
        await relay.campaigns.resend(OPERATOR, draft.id, Origin.NOT_OPENED)
    assert (await relay.campaigns.resend(OPERATOR, draft.id, Origin.FAILED)).parent == draft.id


@pytest.mark.parametrize("mode", list(TrackingMode))
async def test_who_did_not_open_is_known_as_the_account_tracked_when_it_was_sent(
    tmp_path, network, receiver, mode
):
    public = {"SERVER__PUBLIC_URL": "https://correo.sender.test"}
    async with CampaignRelay(tmp_path / "tracked", network, **public) as relay:
        await _remind(relay, mode)


async def _remind(relay, mode):
    """Those who did not open a campaign that was sent in this mode."""
    service = relay.services.areas.tracking.service
    await service.set_mode(OPERATOR, relay.account, mode)
    draft = await relay.draft(1)
    await relay.campaigns.start(OPERATOR, draft.id, ANY)
    await relay.until_status(draft, S.FINISHED)
    await service.set_mode(OPERATOR, relay.account, TrackingMode.FULL)  # later it knows of others
    if mode is TrackingMode.FULL:
        again = await relay.campaigns.resend(OPERATOR, draft.id, Origin.NOT_OPENED)
        assert again.parent == draft.id
        return
    with pytest.raises(PermanentError, match="not known"):
        await relay.campaigns.resend(OPERATOR, draft.id, Origin.NOT_OPENED)


async def test_who_unsubscribes_while_a_campaign_waits_gets_nothing_and_costs_nothing(
    relay, receiver
):
    await relay.bag(10)
    draft = await relay.draft(4, rate_per_hour=360_000)
    claiming = relay.store.gate("delivery_claim")
    await relay.campaigns.start(OPERATOR, draft.id, ANY)
    await relay.until(lambda: relay.sql("SELECT count(*) FROM delivery")[0][0] == 4)
    ((waiting,),) = relay.sql("SELECT id FROM delivery WHERE address LIKE 'u3@%'")
    effects = relay.engine.feedback.effects
    await effects.unsubscribed(await effects.find(waiting), "one-click", {"peer": "192.0.2.7"})
    lists = relay.engine.foundation.suppression
    await relay.until(lambda: len(lists))
    claiming.set()
    await relay.until_status(draft, S.FINISHED)
    got = {address for mail in receiver.received for address in mail.recipients}
    assert len(got) == 3
    assert not any("u3@" in address for address in got)
    progress = await relay.campaigns.progress(OPERATOR, draft.id)
    assert (progress.delivered, progress.suppressed) == (3, 1)
    page = await relay.campaigns.recipients(OPERATOR, draft.id, "suppressed")
    assert [one.address for one in page.recipients] == ["u3@one.test"]
    await relay.until_left(7)
    rows = relay.sql("SELECT data FROM event WHERE delivery = ?", waiting)
    assert any('"by":"one-click"' in data and "192.0.2.7" in data for (data,) in rows)


async def test_T_p_a_training_campaign_is_told_whom_its_file_names_in_vain(relay):
    learners = await relay.services.accounts.add(
        OPERATOR, "Práctica", parent=relay.account, kind=AccountKind.TRAINING
    )
    draft = await relay.draft(3)
    assert await _in_vain(relay, draft) == []  # an account like others writes to anybody
    relay.account = learners.id
    draft, training = await relay.draft(3), relay.services.quota.training
    assert await _in_vain(relay, draft) == [3]
    await training.allow(OPERATOR, learners.id, str(relay.lists.rows[2].recipient(1).address))
    assert await _in_vain(relay, draft) == [2]


async def _in_vain(relay, draft):
    report = await relay.campaigns.preflight(OPERATOR, draft.id)
    return [one.values["others"] for one in report.findings if one.code == "audience.training"]
