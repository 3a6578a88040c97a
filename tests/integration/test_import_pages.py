"""Files of people over the console's own pages, without a browser: upload, columns, result, campaign."""

import asyncio
import io
import re
import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest
from openpyxl import load_workbook

from tests.accounts_world import OPERATOR
from tests.contacts_world import filtered
from tests.web_world import sign_in, token_of
from tests.whole_server import EMAIL, PASSWORD, Whole, open_whole

CSV = (
    "Correo;Nombre;Nota\nana@example.org;Ana;x\nANA@example.org;Otra;=1+1\n"
    "sin arroba;<script>alert(1)</script>;+51\nluis@gamil.com;Luis;-2\n"
)


@dataclass
class Person:
    """Somebody who has signed in."""

    whole: Whole
    http: aiohttp.ClientSession
    token: str = ""

    async def get(self, path: str) -> str:
        async with self.http.get(path) as page:
            assert page.status == 200, path
            return await page.text()

    async def upload(
        self, data: bytes, name: str = "lista.csv", query: str = "", *, token: str | None = None
    ) -> tuple[int, str]:
        """Status, and where it leads."""
        form = aiohttp.FormData()
        form.add_field("csrf", self.token if token is None else token)
        form.add_field("file", data, filename=name, content_type="text/csv")
        async with self.http.post(f"/imports{query}", data=form, allow_redirects=False) as page:
            return page.status, page.headers.get("Location", "")

    async def post(self, path: str, **form: str) -> tuple[int, str]:
        data = {"csrf": self.token, **form}
        async with self.http.post(path, data=data, allow_redirects=False) as page:
            return page.status, page.headers.get("Location", "")

    async def read(self, data: bytes, query: str = "") -> str:
        """Upload it, confirm, wait until it is read; gives its path."""
        status, path = await self.upload(data, query=query)
        assert status == 303
        fields = {"email": "0", "field-1": "nombre", "field-2": "nota", "skip_typos": "1"}
        assert (await self.post(path, **fields))[0] == 303
        number = int(path.partition("?")[0].rpartition("/")[2])
        uploads = self.whole.services.contacts.uploads
        async with asyncio.timeout(30):
            while not (await uploads.get(OPERATOR, number)).is_over:
                await asyncio.sleep(0.02)
        return path


@pytest.fixture
async def person(tmp_path) -> AsyncIterator[Person]:
    async with (
        open_whole(tmp_path) as whole,
        aiohttp.ClientSession(whole.url, cookie_jar=aiohttp.CookieJar(unsafe=True)) as http,
    ):
        await sign_in(http, email=EMAIL, password=PASSWORD)
        found = Person(whole, http)
        found.token = token_of(await found.get("/profile"))
        yield found


async def test_T_a_a_file_becomes_the_audience_of_a_campaign(person):
    campaigns = person.whole.services.campaigns.service
    campaign = await campaigns.create(OPERATOR, person.whole.account, "Aviso")
    assert "file" in await person.get(f"/campaigns/{campaign.id}/audience")
    path = await person.read(CSV.encode("cp1252"), f"?campaign={campaign.id}")
    page = await person.get(path)
    audience = re.search(r'name="audience" value="(\d+)"', page)
    assert audience is not None
    to = f"/campaigns/{campaign.id}/audience"
    assert await person.post(to, audience=audience[1]) == (
        303, f"/campaigns/{campaign.id}/template"
    )  # fmt: skip
    spec = (await campaigns.get(OPERATOR, campaign.id)).audience
    assert (spec.audience, spec.count) == (int(audience[1]), 1)


async def test_T_a_what_a_workbook_hides_is_told_and_taken_only_if_wanted(person):
    made = await person.whole.services.campaigns.service.create(
        OPERATOR, person.whole.account, "Aviso"
    )
    data = filtered(20, range(2, 19))
    status, path = await person.upload(data, "l.xlsx")
    assert status == 303
    number = path.rpartition("/")[2]
    for one in (path, f"/campaigns/{made.id}/file?upload={number}"):
        page = await person.get(one)
        assert "17 filas ocultas" in page
        assert "columna oculta" in page
        assert "Incluir las filas ocultas" in page
    assert (await person.post(path, email="0"))[0] == 303
    async with asyncio.timeout(30):
        while "Fila oculta en la hoja" not in (page := await person.get(path)):
            await asyncio.sleep(0.02)
    assert "3 destinatarios listos." in page


async def test_rows_that_are_left_out_come_back_as_a_workbook_without_formulas(person):
    path = await person.read(CSV.encode())
    page = await person.get(path)
    assert "<script>alert" not in page
    assert "&lt;script&gt;" not in page  # only the address is shown
    async with person.http.get(f"{path}/rejected.xlsx") as answer:
        data = await answer.read()
    sheet = load_workbook(io.BytesIO(data)).active
    rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
    assert rows[0][:3] == ["email", "nombre", "nota"]
    assert [row[:5] for row in rows[1:]] == [
        ["ANA@example.org", "Otra", "=1+1", 3, "A3"],
        ["sin arroba", "<script>alert(1)</script>", "+51", 4, "A4"],
        ["luis@gamil.com", "Luis", "-2", 5, "A5"],
    ]
    assert {cell.data_type for row in sheet.iter_rows() for cell in row} <= {"s", "n"}
    assert rows[3][-1] == "luis@gmail.com"
    with zipfile.ZipFile(io.BytesIO(data)) as parts:
        assert b"<f>" not in parts.read("xl/worksheets/sheet1.xml")


async def test_T_a_only_the_corrected_rows_are_uploaded_and_join_the_others(person):
    first = await person.read(CSV.encode(), "?campaign=5")
    page = await person.get(first)
    to = re.search(r'action="/imports(\?correct=\d+&amp;campaign=5)"', page)
    assert to is not None
    corrected = b"email;nombre;nota\nb@example.org;B;x\nANA@example.org;Otra;y\n"
    second = await person.read(corrected, to[1].replace("&amp;", "&"))
    assert "campaign=5" in second
    uploads = person.whole.services.contacts.uploads
    done = await uploads.get(OPERATOR, int(second.partition("?")[0].rpartition("/")[2]))
    assert done.counts == {"rows": 2, "accepted": 2, "duplicated": 1}


async def test_a_large_file_comes_in_piece_by_piece(person):
    lines = "".join(f"u{n}@example.org;Nombre {n};x\n" for n in range(20_000))
    path = await person.read(f"correo;nombre;nota\n{lines}".encode())
    number = int(path.rpartition("/")[2])
    upload = await person.whole.services.contacts.uploads.get(OPERATOR, number)
    assert (upload.size > 500_000, upload.counts["accepted"]) == (True, 20_000)


async def test_a_file_of_another_page_is_refused_before_it_is_read(person):
    folder = person.whole.services.contacts.uploads._folder
    before = set(folder.glob("*"))
    assert (await person.upload(CSV.encode(), token="x"))[0] == 403
    form = aiohttp.FormData()
    form.add_field("file", b"correo\n", filename="x.csv")  # the token behind it is none
    form.add_field("csrf", person.token)
    async with person.http.post("/imports", data=form, allow_redirects=False) as page:
        assert page.status == 403
    assert set(folder.glob("*")) == before


async def test_what_is_no_table_is_told_on_the_page(person):
    assert (await person.upload(b"\x00\x01\x02", "x.exe"))[0] == 422
    status, path = await person.upload(CSV.encode(), "../../<b>etc/passwd.csv")
    assert status == 303
    page = await person.get(path)
    assert "passwd.csv" in page
    assert "<b>etc" not in page
    assert (await person.post(path, email=""))[0] == 422


async def test_contacts_are_kept_by_hand_and_their_export_is_never_a_formula(person):
    assert (await person.post("/contacts", email="Ana@example.org", first_name="<i>Ana"))[0] == 303
    contacts = person.whole.services.contacts.contacts
    (ana,) = await contacts.search(OPERATOR, person.whole.account, "ana@")
    assert (ana.attrs, ana.name) == ({"nombre": "<i>Ana"}, "<i>Ana")  # as texts name it
    values = "nombre: Ana\n=1+1: x"
    to = f"/contacts/{ana.id}"
    assert (await person.post(to, email=ana.email, values=values, status="active"))[0] == 303
    await contacts.change(OPERATOR, ana.id, "=cmd@example.org", {"=1+1": "x"}, "active")
    page = await person.get("/contacts?q=cmd")
    assert "=cmd@example.org" in page
    assert "<i>Ana" not in page
    assert "'=cmd@example.org,active,page,'=1+1: x" in await person.get("/contacts/export.csv")
    assert (await person.post("/lists", name="Boletín"))[0] == 303
    (list_,) = await contacts.lists(OPERATOR, person.whole.account)
    assert (await person.post(f"/lists/{list_.id}/members", email="no"))[0] == 422
    assert (await person.post(f"/lists/{list_.id}/members", email="b@example.org"))[0] == 303
    assert "b@example.org" in await person.get(f"/lists/{list_.id}")


async def test_who_left_before_the_columns_were_confirmed_goes_on_from_the_campaign(person):
    made = await person.whole.services.campaigns.service.create(
        OPERATOR, person.whole.account, "Aviso"
    )
    _, path = await person.upload(CSV.encode("cp1252"), "l.csv")
    onward = f"/campaigns/{made.id}/file?upload={path.rpartition('/')[2]}"
    assert f'href="{onward}"' in await person.get(f"/campaigns/{made.id}/audience")
    assert 'name="column-0"' in await person.get(onward)
