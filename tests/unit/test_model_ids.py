"""Ids and days as callers write them."""

from zoneinfo import ZoneInfo

import pytest

from console.accounts.actor import NotVisible
from console.pages.forms import day_in
from mta.model.ids import MAX_ID, id_in
from tests.accounts_world import OPERATOR, open_world

LIMA = ZoneInfo("America/Lima")


@pytest.mark.parametrize(
    "text",
    ["", "-1", "+1", " 1", "1_0", "1e5", "0x1", "٣", "²", "1\n", str(MAX_ID + 1), "9" * 40],
)  # fmt: skip
def test_what_is_no_id_of_the_store_is_nobodys(text: str):
    assert id_in(text) == 0


def test_ids_are_read_up_to_the_greatest_that_the_store_has():
    assert [id_in(text) for text in ("1", "007", str(MAX_ID))] == [1, 7, MAX_ID]


@pytest.mark.parametrize("number", ["9" * 19, str(MAX_ID + 1), "9" * 40, "٣"])
async def test_a_credential_with_an_id_that_cannot_be_does_not_exist(tmp_path, number: str):
    async with open_world(tmp_path) as world:
        with pytest.raises(NotVisible):
            await world.accounts.credentials.get(OPERATOR, number)


@pytest.mark.parametrize("text", ["", "2026-02-30", "9999-12-31", "10000-01-01", "today", "٢٠٢٦"])
def test_a_day_without_a_next_one_is_none(text: str):
    assert day_in(text, LIMA) is None


def test_a_day_begins_at_midnight_of_its_zone():
    day = day_in("2026-11-23", LIMA)
    assert day is not None
    assert day.isoformat() == "2026-11-23T00:00:00-05:00"
