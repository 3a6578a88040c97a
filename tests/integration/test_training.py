"""Exercises of a training account: done is what happened in it, and the certificate comes at the end."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from console.accounts.actor import Actor, ActorKind, NotVisible, expand_grants
from console.accounts.values import AccountKind, Role
from console.training.exercises import Exercise, TrainingCourse, issued_with
from mta.model.errors import PermanentError
from tests.accounts_world import OPERATOR
from tests.matrix.stand import Stand, open_stand

EMAIL = "rosa@example.org"


class Ground:
    """A training account with one person who learns and one who manages."""

    def __init__(self, stand: Stand, account: int, ids: dict[Role, int], folder: Path) -> None:
        base = stand.services.foundation
        self.stand = stand
        self.account = account
        self.ids = ids
        self.database = folder / "queue" / "relevo.db"
        self.course = TrainingCourse(base.store, base.clock, stand.services.trail)

    async def actor(self, role: Role, account: int = 0) -> Actor:
        known = await self.stand.services.accounts.list(OPERATOR)
        grants = expand_grants([(account or self.account, role)], known)
        return Actor(ActorKind.USER, self.ids[role], f"{role}@example.org", grants)

    def rows(self, sql: str, *values: object) -> None:
        with sqlite3.connect(self.database) as other:
            other.execute(sql, values)

    async def done(self, role: Role = Role.SENDER) -> set[Exercise]:
        actor = await self.actor(role)
        seen = await self.course.progress(actor, self.account)
        return set(next(one for one in seen if one.user == actor.id).done)


@pytest.fixture
async def ground(tmp_path: Path):
    async with open_stand(tmp_path) as stand:
        accounts = stand.services.accounts
        made = await accounts.add(
            OPERATOR, "Práctica", parent=stand.accounts["own"], kind=AccountKind.TRAINING
        )
        ids = {}
        for role, email in ((Role.SENDER, EMAIL), (Role.OWNER, "jefa@example.org")):
            await accounts.users.add(OPERATOR, email, role, made.id, "una contraseña larga")
            ids[role] = (await accounts.users.get(OPERATOR, email)).id
        yield Ground(stand, made.id, ids, tmp_path)


def _campaign(ground: Ground, status: str = "finished") -> None:
    ground.rows(
        "INSERT INTO campaign (id, account, name, status, etag, content, audience, plan,"
        " created_by_kind, created_by, created_by_name, created_ms, changed_ms)"
        " VALUES (5, ?, 'c', ?, 1, '{}', '{}', '{}', 'user', ?, 'r', 10, 20)",
        ground.account, status, ground.ids[Role.SENDER],
    )  # fmt: skip


def _resumed(ground: Ground) -> None:
    ground.rows(
        "INSERT INTO campaign_history (campaign, was, became, reason, note, actor_kind, actor,"
        " actor_name, at_ms) VALUES (5, 'paused', 'running', '', '', 'user', ?, 'r', 15)",
        ground.ids[Role.SENDER],
    )


def _unsubscribed(ground: Ground, at_ms: int = 30) -> None:
    ground.rows(
        "INSERT INTO suppression (account, digest, reason, scope, address, folded, note, message,"
        " delivery, created_by, created_ms, expires_ms)"
        " VALUES (?, 1, 'unsubscribe', 'commercial', 'x@y', 'x@y', '', 0, 0, '', ?, 0)",
        ground.account, at_ms,
    )  # fmt: skip


def _came(ground: Ground, tags: str = '["test"]') -> None:
    ground.rows(
        "INSERT INTO message VALUES (9000, 1, ?, 0, 'a@b', 1, 0, 1, 0, 0, '', '', '', '', '', ?, '')",
        ground.account,
        tags,
    )
    ground.rows(
        "INSERT INTO delivery (id, message, n, flow, class, kind, site, domain, address, state,"
        " due_ms, changed_ms) VALUES (9001, 9000, 0, 1, 1, 1, 1, 'example.org', ?, 10, 0, 5)",
        EMAIL,
    )


async def _everything(ground: Ground) -> None:
    actor, trail = await ground.actor(Role.SENDER), ground.stand.services.trail
    for action, what in (
        ("upload.received", 77), ("template.created", 1), ("campaign.created", 5),
        ("campaign.scheduled", 5), ("campaign.paused", 5), ("campaign.tested", 5),
    ):  # fmt: skip
        await trail.note(actor, action, ground.account, what)
    await trail.note(actor, "recipients.exported", ground.account, 5, after={"who": "bounced"})
    ground.rows("INSERT INTO flow_count VALUES (5, 11, 2)")
    ground.rows("INSERT INTO upload_reject VALUES (77, 3, 1, 'x', 'syntax', '')")
    makers: tuple[Callable[[Ground], None], ...] = (_campaign, _resumed, _unsubscribed, _came)
    for make in makers:
        make(ground)


async def test_T_p_exercises_are_done_by_what_happened_and_nothing_else(ground: Ground):
    assert await ground.done() == set()
    actor, trail = await ground.actor(Role.SENDER), ground.stand.services.trail
    await trail.note(actor, "upload.received", ground.account, 77)
    assert await ground.done() == set()  # a file without a fault
    ground.rows("INSERT INTO upload_reject VALUES (77, 3, 1, 'x', 'syntax', '')")
    assert await ground.done() == {Exercise.IMPORT}
    await trail.note(actor, "recipients.exported", ground.account, 5, after={"who": "opened"})
    await trail.note(actor, "campaign.paused", ground.stand.accounts["own"], 5)  # not there
    _campaign(ground, "running")
    _unsubscribed(ground, 5)  # before that campaign
    assert await ground.done() == {Exercise.IMPORT}


async def test_T_p_a_mail_of_others_or_a_list_of_nobody_is_no_exercise(ground: Ground):
    actor, trail = await ground.actor(Role.SENDER), ground.stand.services.trail
    await trail.note(actor, "recipients.exported", ground.account, 5, after={"who": "bounced"})
    ground.rows("INSERT INTO flow_count VALUES (5, 10, 2)")  # delivered to all
    _came(ground, "")
    await trail.note(actor, "campaign.tested", ground.account, 5)
    assert await ground.done() == set()  # it was no test that came
    ground.rows("UPDATE message SET tags = ?", '["test"]')
    ground.rows("INSERT INTO flow_count VALUES (5, 11, 1)")
    assert await ground.done() == {Exercise.TEST, Exercise.BOUNCES}
    assert await ground.done(Role.OWNER) == set()


async def test_T_p_the_certificate_is_issued_once_all_are_done_and_can_be_verified(ground: Ground):
    actor = await ground.actor(Role.SENDER)
    with pytest.raises(PermanentError):
        await ground.course.certify(actor, ground.account)
    await _everything(ground)
    assert await ground.done() == set(Exercise)
    assert await ground.done(Role.OWNER) == set()  # what another one did is not one's own
    issued = await ground.course.certify(actor, ground.account)
    assert (issued.email, issued.institution) == (EMAIL, "Práctica")
    assert await ground.course.certify(actor, ground.account) == issued
    assert (
        await issued_with(
            ground.stand.services.foundation.store, issued.code.lower().replace("-", " ")
        )
        == issued
    )
    assert await issued_with(ground.stand.services.foundation.store, "ABCD-ABCD-ABCD-ABCD") is None


async def test_T_p_progress_of_others_is_for_who_manages_people(ground: Ground):
    sender = await ground.course.progress(await ground.actor(Role.SENDER), ground.account)
    assert [one.email for one in sender] == [EMAIL]
    owner = await ground.course.progress(await ground.actor(Role.OWNER), ground.account)
    assert {EMAIL, "jefa@example.org"} <= {one.email for one in owner}
    stranger = await ground.actor(Role.OWNER, ground.stand.accounts["other"])
    with pytest.raises(NotVisible):
        await ground.course.progress(stranger, ground.account)


async def test_T_p_an_account_that_is_not_for_training_has_no_exercises(ground: Ground):
    own = ground.stand.accounts["own"]
    actor = await ground.actor(Role.SENDER, own)
    assert await ground.course.progress(actor, own) == []
    with pytest.raises(PermanentError):
        await ground.course.certify(actor, own)
