"""The page behind the unsubscribe link: topics, reasons, the other language; looking changes nothing."""

import orjson
import pytest

from console.app.topics import ContactTopics
from mta.intake.unsubscribe_links import UnsubscribeLinks
from mta.spool.rows import DeliveryFlag
from mta.store.sqlite import SqliteStore
from mta.store.statements import StatementPackage
from mta.store.work import Rows
from tests.integration.feedback_stand import FeedbackStand, public_pages
from tests.integration.queue_stand import Stand

ADDRESS = "ana@example.com"
ES = {"Accept-Language": "es-PE", "User-Agent": "Firefox"}


class World:
    """The site over a queue, with contacts beside it."""

    def __init__(self, stand, contacts, http) -> None:
        self.stand, self.contacts, self.http = stand, contacts, http

    async def get(self, path: str, **headers: str) -> str:
        async with self.http.get(path, headers=headers or ES) as response:
            assert response.status == 200
            return await response.text()

    async def post(self, path: str, form) -> str:
        async with self.http.post(path, data=form, headers=ES) as response:
            assert response.status == 200
            return await response.text()

    async def statuses(self, account: int) -> dict[int, str]:
        rows = await self.contacts.read("topics_of", account=account, key=ADDRESS)
        return {row[0]: row[3] for row in rows}


@pytest.fixture
async def world(tmp_path):
    (tmp_path / "contacts").mkdir()
    queue = await Stand.open(tmp_path)
    stand = FeedbackStand(queue, tmp_path)
    names = ("console.contacts", "console.public")
    contacts = await SqliteStore.open(
        tmp_path / "contacts", [StatementPackage.of(n) for n in names]
    )
    topics = ContactTopics(contacts, queue.ids, queue.clock)
    async with public_pages(stand, queue, topics) as (_, http):
        yield World(stand, contacts, http)
    await contacts.close()
    await queue.store.close()


async def subject_of(world):
    delivery = await world.stand.delivered(ADDRESS)
    path = UnsubscribeLinks(world.stand.key, "http://x").url(delivery.id).removeprefix("http://x")
    return await world.stand.effects.find(delivery.id), path


async def join(world, account: int) -> None:
    """Ana is on two topics, has left a third, and is on a list that is none."""
    lists = [
        (1, "Avisos", "topic"),
        (2, "Boletín", "topic"),
        (3, "Cursos", "topic"),
        (4, "Otra", "audience"),
    ]
    await world.contacts.submit(
        [
            Rows("contact_put", [(9, account, ADDRESS, ADDRESS, "{}", "test", 1)]),
            Rows(
                "list_insert",
                [(n, account, name, kind, "single", "", 1) for n, name, kind in lists],
            ),
        ]
    )
    states = {1: "confirmed", 2: "confirmed", 3: "unsubscribed", 4: "confirmed"}
    await world.contacts.submit(
        [Rows("list_member_put", [(n, 9, state, 1) for n, state in states.items()])]
    )


async def told(world) -> dict[str, str]:
    """What the last event of an unsubscribe says."""
    store = world.stand.effects._store
    rows = await store.read("events_after", after=0, span=1000, types="[23]", count=100)
    return orjson.loads(rows[-1][9])


async def test_a_reader_keeps_the_topics_that_are_ticked(world):
    subject, path = await subject_of(world)
    await join(world, subject.account)
    page = await world.get(path)
    assert "Recibir solo lo marcado" in page
    assert 'value="1" checked> Avisos' in page
    assert 'value="3"> Cursos' in page
    assert "Otra" not in page
    before = await world.statuses(subject.account)
    await world.get(f"{path}?how=topics&topic=3")
    assert await world.statuses(subject.account) == before
    page = await world.post(
        path, [("how", "topics"), ("topic", "1"), ("topic", "3"), ("topic", "4"), ("topic", "x")]
    )
    assert "Guardado" in page
    assert f'href="{path}' in page  # what was chosen can be changed again
    assert await world.statuses(subject.account) == {
        1: "confirmed",
        2: "unsubscribed",
        3: "confirmed",
    }
    assert not (await world.stand.effects.find(subject.delivery)).flags & DeliveryFlag.UNSUBSCRIBED


async def test_topics_of_another_account_cannot_be_chosen(world):
    subject, path = await subject_of(world)
    await join(world, subject.account + 1)
    assert "Recibir solo lo marcado" not in await world.get(path)
    await world.post(path, [("how", "topics")])
    assert (await world.statuses(subject.account + 1))[1] == "confirmed"


async def test_unsubscribing_from_all_keeps_the_reason_as_evidence(world):
    subject, path = await subject_of(world)
    await join(world, subject.account)
    page = await world.get(path)
    assert 'name="how" value="page"' in page
    assert '<option value="too_many">Llegan demasiados</option>' in page
    await world.post(path, {"how": "page", "why": "too_many"})
    assert (await world.stand.effects.find(subject.delivery)).flags & DeliveryFlag.UNSUBSCRIBED
    assert await told(world) | {"peer": ""} == {
        "address": ADDRESS, "by": "page", "peer": "", "agent": "Firefox", "why": "too_many",
    }  # fmt: skip


async def test_a_reason_that_is_none_of_ours_is_not_kept(world):
    _, path = await subject_of(world)
    await world.post(path, {"how": "page", "why": "<script>"})
    assert "why" not in await told(world)


async def test_the_page_is_there_in_the_other_language(world):
    _, path = await subject_of(world)
    page = await world.get(path)
    assert f'href="{path}?lang=en"' in page
    english = await world.get(f"{path}?lang=en")
    assert "Stop receiving" in english
    assert f'action="{path}?lang=en"' in english
    assert "Listo" not in await world.post(f"{path}?lang=en", {"how": "page"})
