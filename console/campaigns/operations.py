"""What commands can ask of campaigns: a name, arguments as JSON, a result as JSON."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from typing import Any

import orjson

from console.accounts.arguments import OPERATOR, text_of, time_of
from console.campaigns.progress import Progress
from console.campaigns.service import CampaignService
from console.campaigns.states import CampaignStatus
from console.campaigns.values import Campaign
from mta.events.record import rfc3339
from mta.model.errors import PermanentError
from mta.model.ids import id_in

Arguments = Mapping[str, Any]
Operation = Callable[[Arguments], Awaitable[object]]
AccountFinder = Callable[[str | None], Awaitable[int]]  # by name or id; None: the only one
MAX_LIST = 1_000


class CampaignOperations:
    """Carried out for an operator."""

    def __init__(self, service: CampaignService, find_account: AccountFinder) -> None:
        self._service = service
        self._find_account = find_account

    def operations(self) -> dict[str, Operation]:
        """All by the names that the control socket knows."""
        return {
            "campaign.list": self.list,
            "campaign.show": self.show,
            "campaign.pause": self.pause,
            "campaign.resume": self.resume,
            "campaign.stop": self.stop,
        }

    async def list(self, arguments: Arguments) -> object:
        """The newest first; of one `account`, in one `status`, if given."""
        wanted = arguments.get("account")
        account = None if wanted is None else await self._find_account(wanted)
        status = arguments.get("status")
        found = await self._service.list(
            OPERATOR, account, count=MAX_LIST,
            statuses=(CampaignStatus(status),) if status else (),
        )  # fmt: skip
        rows = []
        for campaign in found:
            progress = await self._service.progress(OPERATOR, campaign.id, with_providers=False)
            row = campaign_json(campaign)
            rows.append({**row, "delivered": progress.delivered, "total": progress.total})
        return [{k: v for k, v in row.items() if k not in ("content", "plan")} for row in rows]

    async def show(self, arguments: Arguments) -> object:
        """`id`: with its progress and its history."""
        number = _id_of(arguments)
        campaign = await self._service.get(OPERATOR, number)
        progress = await self._service.progress(OPERATOR, number)
        history = await self._service.history(OPERATOR, number)
        told = [
            {
                "at": rfc3339(one.at_ms), "status": one.became, "reason": one.reason,
                "by": one.actor_name, "note": one.note,
            }
            for one in history
        ]  # fmt: skip
        shown = campaign_json(campaign)
        return {**shown, "progress": progress_json(progress), "history": told}

    async def pause(self, arguments: Arguments) -> object:
        """`id`, `reason`."""
        note = str(arguments.get("reason") or "")
        return campaign_json(await self._service.pause(OPERATOR, _id_of(arguments), note))

    async def resume(self, arguments: Arguments) -> object:
        """`id`; `accept`: warnings; `confirm`: it may go on though a rule stopped it."""
        accept = [str(code) for code in arguments.get("accept") or ()]
        return campaign_json(
            await self._service.resume(
                OPERATOR, _id_of(arguments), accept, is_confirmed=bool(arguments.get("confirm"))
            )
        )

    async def stop(self, arguments: Arguments) -> object:
        """Pause everything: of one `account`, or of all of them; `reason`."""
        wanted = arguments.get("account")
        account = None if wanted is None else await self._find_account(wanted)
        note = str(arguments.get("reason") or "")
        stopped = await self._service.stop_all(OPERATOR, account, note)
        return [campaign_json(campaign) for campaign in stopped]


def campaign_json(campaign: Campaign) -> dict[str, object]:
    """A campaign as programs see it."""
    plan, figures = campaign.plan, campaign.figures
    return {
        "id": str(campaign.id),
        "account": str(campaign.account),
        "name": campaign.name,
        "status": campaign.status.value,
        "reason": campaign.reason.value,
        "note": campaign.note,
        "etag": campaign.etag,
        "content": {
            **orjson.loads(campaign.content.dump()),
            "files": [str(one) for one in campaign.content.files],
        },
        "audience": {
            "audience": str(campaign.audience.audience) if campaign.audience.audience else None,
            "include": [str(one) for one in campaign.audience.include],
            "exclude": [str(one) for one in campaign.audience.exclude],
            "count": campaign.audience.count,
        },
        "plan": {
            "send_at": time_of(plan.send_at_ms),
            "timezone": plan.timezone,
            "days": list(plan.days),
            "from_minute": plan.from_minute,
            "to_minute": plan.to_minute,
            "grace_min": plan.grace_min,
            "rate_per_hour": plan.rate_per_hour,
            "end": time_of(plan.end_ms),
            "canary": plan.canary,
        },
        "accepted": list(campaign.accepted.codes),
        "flow": str(campaign.frozen.flow) if campaign.frozen.flow else None,
        "parent": str(campaign.parent) if campaign.parent else None,
        "created": rfc3339(campaign.created_ms),
        "created_by": campaign.created_by_name,
        "started": time_of(figures.started_ms),
        "finished": time_of(figures.finished_ms),
    }


def progress_json(progress: Progress) -> dict[str, object]:
    """Figures as programs see them: times as RFC 3339, durations in seconds."""
    counted = (
        "total", "pending", "queued", "deferred", "delivered", "bounced", "expired", "suppressed",
        "cancelled", "per_hour",
    )  # fmt: skip
    return {
        **{name: getattr(progress, name) for name in counted},
        "status": progress.status.value,
        "trouble": progress.trouble,
        "per_minute": round(progress.per_minute, 1),
        "percent": round(progress.percent, 1),
        "started": time_of(progress.started_ms),
        "finished": time_of(progress.finished_ms),
        "expected": time_of(progress.eta_ms),
        "elapsed_s": progress.elapsed_ms // 1000,
        "sending_s": progress.sending_ms // 1000,
        "t50_s": progress.t50_ms / 1000,
        "t90_s": progress.t90_ms / 1000,
        "t99_s": progress.t99_ms / 1000,
        "providers": [asdict(one) for one in progress.providers],
    }


def _id_of(arguments: Arguments) -> int:
    text = text_of(arguments, "id")
    if not (number := id_in(text)):
        raise PermanentError(f"{text!r} is no id of a campaign")
    return number
