"""Exercises of a training account, checked from what happened in it, and the certificate at the end (T-p)."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from console.accounts.actor import Actor, ActorKind, NotVisible
from console.accounts.audit import AuditTrail
from console.accounts.permissions import Permission
from console.accounts.values import AccountKind
from console.training.certificates import plain_code, verification_code
from mta.model.clock import Clock
from mta.model.errors import PermanentError
from mta.store.base import Store
from mta.store.work import Rows


class Exercise(StrEnum):
    """In the order in which they are best done."""

    IMPORT = "import"  # a file of which rows are set aside
    TEMPLATE = "template"
    CAMPAIGN = "campaign"
    TEST = "test"  # a test mail that the person sent came to the own address
    SCHEDULE = "schedule"
    PAUSE = "pause"
    RESUME = "resume"
    FINISH = "finish"
    BOUNCES = "bounces"  # the list of those that bounced, and some did, downloaded from a report
    UNSUBSCRIBE = "unsubscribe"  # somebody did, after a campaign of the person


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate of the exercises."""

    number: int
    account: int
    user: int
    person: str
    email: str
    institution: str
    code: str
    issued_ms: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a person is."""

    user: int
    email: str
    name: str
    done: Mapping[Exercise, int]  # when first, in milliseconds
    certificate: Issued | None

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left to do."""
        return len(self.done) == len(Exercise)


class TrainingCourse:
    """The exercises of all training accounts."""

    def __init__(self, store: Store, clock: Clock, trail: AuditTrail) -> None:
        self._store = store
        self._clock = clock
        self._trail = trail

    async def progress(self, actor: Actor, account: int) -> Sequence[Progress]:
        """Of everybody with a role there, for who manages people; else of the actor alone.

        Empty for an account that is not for training. Raises `NotVisible`.
        """
        actor.require(Permission.ACCOUNT_VIEW, account)
        if await self._institution(account) is None:
            return []
        everybody = actor.may(Permission.USER_MANAGE, account)
        done: dict[int, dict[Exercise, int]] = {}
        for user, exercise, at_ms in await self._store.read("training_done", account=account):
            done.setdefault(user, {})[Exercise(exercise)] = at_ms
        issued = {one.user: one for one in await self._issued(account)}
        return [
            Progress(user, email, name, done.get(user, {}), issued.get(user))
            for user, email, name in await self._store.read("training_people", account=account)
            if everybody or _is(actor, user)
        ]

    async def certify(self, actor: Actor, account: int) -> Issued:
        """The actor's certificate, issued when it is asked for first.

        Raises `PermanentError` while exercises are left, `NotVisible`.
        """
        own = [one for one in await self.progress(actor, account) if _is(actor, one.user)]
        if not own or not own[0].is_complete:
            raise PermanentError("exercises are left to do")
        (person,) = own
        if person.certificate is None:
            institution = await self._institution(account) or ""
            code = verification_code(secrets.token_hex(32), str(account), str(person.user))
            row = (
                account, person.user, person.name or person.email, person.email, institution, code,
                self._clock.now_ms(),
            )  # fmt: skip
            entry = self._trail.entry(actor, "training.certified", account, person.email)
            await self._store.submit([Rows("training_certificate_insert", [row]), entry])
        return await self.certificate(actor, account, person.user)

    async def certificate(self, actor: Actor, account: int, user: int) -> Issued:
        """One that was issued: one's own, or of anybody for who manages people. Raises `NotVisible`."""
        for one in await self.progress(actor, account):
            if one.user == user and one.certificate is not None:
                return one.certificate
        raise NotVisible("there is no such certificate")

    async def _issued(self, account: int) -> Sequence[Issued]:
        rows = await self._store.read("training_certificates", account=account)
        return [Issued(*row) for row in rows]

    async def _institution(self, account: int) -> str | None:
        """The account's name; None where it is not for training."""
        rows = await self._store.read("training_account", account=account)
        return rows[0][0] if rows and rows[0][1] == AccountKind.TRAINING else None


async def issued_with(store: Store, code: str) -> Issued | None:
    """Whose certificate has that code; anybody who knows one may ask."""
    rows = await store.read("training_certificate_by_code", code=plain_code(code))
    return Issued(*rows[0]) if rows else None


def _is(actor: Actor, user: int) -> bool:
    return actor.kind is ActorKind.USER and actor.id == user
