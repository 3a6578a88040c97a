"""Campaigns: drafts, review, sending."""

from console.accounts.permissions import Permission
from console.campaigns.states import CampaignStatus, Reason
from console.campaigns.values import AudienceSpec, Campaign, Content
from tests.accounts_world import OPERATOR
from tests.matrix.stand import Row, Stand

WITHOUT_ACTOR = {
    "CampaignBook.observe_ids": "at the start, gives nothing away",
    **dict.fromkeys(
        (
            "CampaignBook.between",
            "CampaignBook.name_after",
            "CampaignBook.find",
            "CampaignBook.get",
            "CampaignBook.page",
            "CampaignBook.unsettled",
            "CampaignBook.history",
            "CampaignBook.counts",
            "CampaignBook.is_expanded",
            "CampaignBook.put_frozen",
            "CampaignBook.settle",
        ),
        "the table itself: the service asks",
    ),
    **dict.fromkeys(
        (
            "CampaignAudiences.counts",
            "CampaignAudiences.columns",
            "CampaignAudiences.row",
            "CampaignAudiences.of_campaign",
        ),
        "for the service and the runner",
    ),
}

INSIDE = {
    "CampaignBook.tested": "a note in the trail: who sends test mail has asked",
    "CampaignBook.create": "the table itself: the service asks",
    "CampaignBook.change": "the table itself: the service asks",
    "CampaignBook.move": "the table itself: the service asks",
    "CampaignLife.apply": "a step that was allowed already",
    "Reviewed.rejected": "the effect of a decision that was allowed already",
    "Reviewed.approved": "the effect of a decision that was allowed already",
    "CampaignAudiences.freeze": "for the runner",
}

_CONTENT = Content(from_address="a@example.org", subject="x", source="x", kind="text")


def _service(stand: Stand):
    return stand.services.campaigns.service


async def _draft(stand: Stand, account: int) -> Campaign:
    return await _service(stand).create(
        OPERATOR, account, stand.name(), _CONTENT, AudienceSpec(audience=1, count=1)
    )


async def _kept(stand: Stand, account: int) -> Campaign:
    return await stand.once(f"campaign {account}", lambda: _draft(stand, account))


async def _started(stand: Stand, account: int) -> Campaign:
    """One past its preflight, which this one would not pass."""
    book, draft = stand.services.campaigns.book, await _draft(stand, account)
    await book.store.submit(book.move(OPERATOR, draft, CampaignStatus.PREPARING, Reason.USER))
    return await book.get(draft.id)


async def _paused(stand: Stand, account: int) -> Campaign:
    return await _service(stand).pause(OPERATOR, (await _started(stand, account)).id)


async def _shown(stand, actor, _account, campaign):
    found = await _service(stand).list(actor, count=1000)
    return any(one.id == campaign.id for one in found)


def _on(verb: str, *arguments, **named):
    return lambda s, a, _n, made: getattr(_service(s), verb)(a, made.id, *arguments, **named)


_EDIT, _SEND = Permission.CAMPAIGN_EDIT, Permission.CAMPAIGN_SEND

ROWS = (
    Row("CampaignService.list", Permission.CAMPAIGN_VIEW, _shown, make=_kept, lists=True),
    Row(
        "CampaignService.list",
        Permission.CAMPAIGN_VIEW,
        lambda s, a, n, _: _service(s).list(a, n),
    ),
    Row(
        "CampaignService.between",
        Permission.CAMPAIGN_VIEW,
        lambda s, a, n, _: _service(s).between(a, n, 0, 1, 1),
    ),
    Row("CampaignService.get", Permission.CAMPAIGN_VIEW, _on("get"), make=_kept),
    Row("CampaignService.history", Permission.CAMPAIGN_VIEW, _on("history"), make=_kept),
    Row("CampaignService.progress", Permission.CAMPAIGN_VIEW, _on("progress"), make=_kept),
    Row("CampaignService.reported", Permission.REPORT_VIEW, _on("reported"), make=_kept),
    Row("CampaignService.recipients", Permission.CAMPAIGN_VIEW, _on("recipients"), make=_kept),
    Row("CampaignService.preflight", Permission.CAMPAIGN_VIEW, _on("preflight"), make=_kept),
    Row("CampaignService.seen_as", Permission.CAMPAIGN_TEST, _on("seen_as", 0), make=_kept),
    Row(
        "CampaignService.test_send",
        Permission.CAMPAIGN_TEST,
        _on("test_send", ["a@example.com"]),
        make=_kept,
    ),
    Row("CampaignService.create", _EDIT, lambda s, a, n, _: _service(s).create(a, n, "x")),
    Row("CampaignService.edit", _EDIT, _on("edit", name="y"), make=_draft),
    Row("CampaignService.set_audience", _EDIT, _on("set_audience", AudienceSpec()), make=_draft),
    Row("CampaignService.set_content", _EDIT, _on("set_content", Content()), make=_draft),
    Row("CampaignService.submit_for_review", _EDIT, _on("submit_for_review"), make=_draft),
    Row("CampaignService.approve", _SEND, _on("approve"), make=_draft),
    Row("CampaignService.reject", _EDIT, _on("reject", "no"), make=_draft),
    Row("CampaignService.clone", _EDIT, _on("clone"), make=_kept),
    Row("CampaignService.resend", _EDIT, _on("resend"), make=_kept),
    Row("CampaignService.correct", _EDIT, _on("correct"), make=_kept),
    Row("CampaignLife.schedule", _SEND, _on("schedule", 2_000_000_000_000), make=_draft),
    Row("CampaignLife.unschedule", _SEND, _on("unschedule"), make=_draft),
    Row("CampaignLife.start", _SEND, _on("start"), make=_draft),
    Row("CampaignLife.pause", _SEND, _on("pause"), make=_started),
    Row("CampaignLife.resume", _SEND, _on("resume"), make=_paused),
    Row("CampaignLife.cancel", _SEND, _on("cancel"), make=_draft),
    Row("CampaignLife.stop_all", _SEND, lambda s, a, n, _: _service(s).stop_all(a, n)),
)
