"""Templates in a whole server: pages, frames, images and files in public, messages that name one."""

import re
import sqlite3
from contextlib import asynccontextmanager
from email import message_from_bytes, policy

import aiohttp
import pytest

from console.accounts.values import Limits, Scope
from console.content.source import SourceKind
from console.templates.images import ImageRefused
from console.templates.media import PART
from console.templates.values import Draft
from mta.model.errors import PermanentError
from mta.store.work import ContentRef
from tests.accounts_world import OPERATOR
from tests.matrix.templates import image
from tests.web_world import sign_in, token_of
from tests.whole_server import EMAIL, PASSWORD, open_whole


@pytest.fixture
async def whole(tmp_path):
    async with open_whole(tmp_path) as whole:
        yield whole


@asynccontextmanager
async def person(whole):
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(whole.url, cookie_jar=jar) as browser:
        assert (await sign_in(browser, email=EMAIL, password=PASSWORD)).status == 303
        async with browser.get("/templates?lang=es") as page:
            yield browser, token_of(await page.text())


async def text_of(browser, path):
    async with browser.get(path) as response:
        assert response.status == 200, path
        return await response.text(), response.headers


async def test_T_h_a_design_becomes_a_template_with_versions(whole):
    async with person(whole) as (browser, csrf):
        gallery, _ = await text_of(browser, "/templates/gallery")
        assert gallery.count("<iframe") >= 12
        form = {"csrf": csrf, "design": "notice", "name": "<b>Aviso"}
        async with browser.post("/templates", data=form, allow_redirects=False) as made:
            place = made.headers["Location"]
        for title in ("Uno <script>", "Dos"):
            form = {"csrf": csrf, "name": "<b>Aviso", "subject": "Hola {{ nombre }}",
                    "slot.title": title, "do": "save"}  # fmt: skip
            async with browser.post(place, data=form, allow_redirects=False) as saved:
                assert saved.status == 303
        page, _ = await text_of(browser, place)
        assert "<b>Aviso" not in page
        assert "Hola Rosa" in page
        frame, headers = await text_of(browser, f"{place}/frame?version=2")
        assert "Uno &lt;script&gt;" in frame
        assert headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
        form = {"csrf": csrf, "number": "2"}
        async with browser.post(f"{place}/restore", data=form) as restored:
            assert "Uno &lt;script&gt;" in await restored.text()
        versions, _ = await text_of(browser, f"{place}/versions")
        assert versions.count("/frame?version=") == 4


async def test_T_n_a_template_is_seen_on_a_tablet_and_on_a_phone(whole):
    service = whole.services.areas.templates.service
    made = await service.create(
        OPERATOR, whole.account, "x", Draft(SourceKind.MJML, "Hola", "notice")
    )
    async with person(whole) as (browser, _):
        page, _ = await text_of(browser, f"/templates/{made.id}/preview")
        for device in ("device-desktop", "device-tablet", "device-phone"):
            assert device in page
        assert all("sandbox" in frame for frame in re.findall(r"<iframe[^>]*>", page))
        off, headers = await text_of(browser, f"/templates/{made.id}/frame?images=off")
        assert "img-src 'none'" in headers["Content-Security-Policy"]
        assert "Rosa" in off
        empty, _ = await text_of(browser, f"/templates/{made.id}/frame?with=empty")
        assert "usuario/a" in empty
        _, headers = await text_of(browser, f"/templates/{made.id}/frame?text")
        assert headers["Content-Type"].startswith("text/plain")


async def test_T_h_a_mistake_keeps_what_was_written_and_names_its_line(whole):
    service = whole.services.areas.templates.service
    draft = Draft(SourceKind.MJML, "x", "", "<mjml><mj-body></mj-body></mjml>")
    made = await service.create(OPERATOR, whole.account, "x", draft)
    source = "<mjml>\r\n<mj-body>\r\n<mj-foo/>\r\n</mj-body></mjml>"
    async with person(whole) as (browser, csrf):
        form = {"csrf": csrf, "name": "x", "source": source, "do": "save"}
        async with browser.post(f"/templates/{made.id}", data=form) as refused:
            assert refused.status == 422
            page = await refused.text()
        assert "Línea 3" in page
        assert "&lt;mj-foo/&gt;" in page
        again, _ = await text_of(browser, f"/templates/{made.id}")
        assert "&lt;mj-body&gt;\n&lt;mj-foo/&gt;\n" in again
        assert (await service.version(OPERATOR, made.id)).draft == draft


async def test_a_test_mail_goes_to_who_asks_with_its_files_and_costs_nothing(whole, tmp_path):
    service = whole.services.areas.templates.service
    library = whole.services.areas.templates.media
    paper = await library.add_file(OPERATOR, whole.account, "bases.pdf", b"%PDF-1.4 bases")
    draft = Draft(SourceKind.MJML, "Hola {{ nombre }}", "notice", files=(paper.id,))
    made = await service.create(OPERATOR, whole.account, "x", draft)
    before = whole.services.quota.meter.line(whole.account, 0).free
    async with person(whole) as (browser, csrf):
        async with browser.post(f"/templates/{made.id}/test", data={"csrf": csrf}) as answer:
            assert EMAIL in await answer.text()
    assert whole.services.quota.meter.line(whole.account, 0).free == before
    with sqlite3.connect(f"file:{tmp_path}/queue/relevo.db?mode=ro", uri=True) as connection:
        place = 'SELECT segment, "offset", length, checksum FROM message ORDER BY id DESC LIMIT 1'
        (row,) = connection.execute(place).fetchall()
    connection.close()
    content = await whole.services.foundation.store.read_content(ContentRef(*row))
    mail = message_from_bytes(content, policy=policy.default)
    assert mail["Subject"] == "[PRUEBA] Hola Rosa"
    assert [part.get_content() for part in mail.iter_attachments()] == [b"%PDF-1.4 bases"]


async def test_images_are_public_for_ever_and_files_are_downloads(whole):
    media = whole.services.areas.templates.media
    picture = await media.add_image(OPERATOR, whole.account, '../"lo\r\ngo".png', image())
    data = b"%PDF-1.4 " + b"x" * (2 * PART)
    paper = await media.add_file(OPERATOR, whole.account, "aviso año.pdf", data)
    async with aiohttp.ClientSession(whole.url) as anybody:
        async with anybody.get(picture.path) as shown:
            assert shown.status == 200
            assert shown.headers["Content-Type"] == "image/png"
            assert "immutable" in shown.headers["Cache-Control"]
            assert shown.headers["X-Content-Type-Options"] == "nosniff"
        async with anybody.get(paper.path) as got:
            assert got.headers["Content-Disposition"].startswith("attachment;")
            assert "sandbox" in got.headers["Content-Security-Policy"]
            assert await got.read() == data
        for path in ("/i/x", f"/f/{picture.token}", f"/i/{paper.token}", "/i/../templates"):
            async with anybody.get(path, allow_redirects=False) as missing:
                assert missing.status in (303, 404)
    for name, content in (("a.exe", b"MZ"), ("a.pdf", b"<html>"), ("a.html", b"%PDF-1")):
        with pytest.raises(ImageRefused):
            await media.add_file(OPERATOR, whole.account, name, content)
    files = await media.attachments(whole.account, (paper.id,))
    assert files[0].data == data
    with pytest.raises(PermanentError):
        await media.attachments(whole.account + 1, (paper.id,))


async def test_T_h_a_message_names_a_template_and_fills_it(whole):
    services = whole.services
    added = await services.accounts.credentials.add(
        OPERATOR, whole.account, "ERP", Limits(frozenset({Scope.SEND, Scope.TEMPLATE_EDIT}))
    )
    head = {"Authorization": f"Bearer {added.secret}"}
    async with aiohttp.ClientSession(whole.url, headers=head) as api:
        new = {"name": "Aviso", "design": "notice", "subject": "Hola {{ nombre }}"}
        async with api.post("/api/v1/templates", json=new) as made:
            assert made.status == 201, await made.text()
            template = await made.json()
        assert template["findings"] == []
        async with api.post(
            f"/api/v1/templates/{template['id']}/preview", json={"merge": {"nombre": "<i>Ana"}}
        ) as seen:
            shown = await seen.json()
        assert shown["subject"] == "Hola <i>Ana"
        assert "Estimado/a &lt;i&gt;Ana" in shown["html"]
        mail = {"from": "a@muni.example", "to": ["ok@example.com"], "template": "Aviso",
                "merge": {"nombre": "Ana"}}  # fmt: skip
        async with api.post("/api/v1/messages", json=mail) as taken:
            assert taken.status == 202, await taken.text()
        personal = {"from": "a@muni.example", "template": template["id"],
                    "recipients": [{"email": "ok@example.com", "merge": {"nombre": "Eva"}}]}  # fmt: skip
        async with api.post("/api/v1/messages", json=personal) as taken:
            assert taken.status == 202, await taken.text()
        async with api.post("/api/v1/messages", json={**mail, "template": "nada"}) as unknown:
            assert unknown.status == 422
            assert "template_unknown" in await unknown.text()
        bad = {"name": "Mal", "source": "<p>{{ ''.__class__ }}</p>"}
        async with api.post("/api/v1/templates", json=bad) as refused:
            assert refused.status == 422


async def test_T_h_files_of_a_template_go_with_the_messages_that_name_it(whole):
    services = whole.services
    added = await services.accounts.credentials.add(
        OPERATOR, whole.account, "ERP", Limits(frozenset({Scope.SEND, Scope.TEMPLATE_EDIT}))
    )
    other = (await services.accounts.add(OPERATOR, "Otra")).id
    library = services.areas.templates.media
    mine, foreign = [
        (await library.add_file(OPERATOR, account, "bases.pdf", b"%PDF-1.4 " + b"x" * 90_000)).id
        for account in (whole.account, other)
    ]
    head = {"Authorization": f"Bearer {added.secret}"}
    async with aiohttp.ClientSession(whole.url, headers=head) as api:
        for name, file in (("Bases", mine), ("Ajena", foreign)):
            new = {"name": name, "source": "<p>Hola</p>", "subject": "x", "files": [str(file)]}
            async with api.post("/api/v1/templates", json=new) as made:
                assert (await made.json())["files"] == [str(file)]
        mail = {"from": "a@muni.example", "to": ["ok@example.com"], "template": "Bases"}
        async with api.post("/api/v1/messages", json=mail) as taken:
            message = int((await taken.json())["id"])
        rows = await services.foundation.store.read("message_shown", message=message)
        assert any(isinstance(part, int) and 120_000 < part < 140_000 for part in rows[0])
        async with api.post("/api/v1/messages", json={**mail, "template": "Ajena"}) as refused:
            assert refused.status == 422
            assert f"no existe el archivo {foreign}" in await refused.text()


async def test_T_h_images_and_files_are_kept_listed_and_removed_by_programs(whole):
    added = await whole.services.accounts.credentials.add(
        OPERATOR, whole.account, "ERP", Limits(frozenset({Scope.TEMPLATE_EDIT}))
    )
    head = {"Authorization": f"Bearer {added.secret}"}
    async with aiohttp.ClientSession(whole.url, headers=head) as api:
        body = aiohttp.FormData()
        body.add_field("file", b"%PDF-1.4", filename="bases.pdf")
        async with api.post("/api/v1/media", data=body) as made:
            assert made.status == 201, await made.text()
            paper = await made.json()
        assert (paper["kind"], paper["name"], paper["size"]) == ("file", "bases.pdf", 8)
        async with api.post("/api/v1/media?name=logo.png", data=image()) as made:
            logo = await made.json()
        assert (logo["kind"], logo["width"]) == ("image", 4)
        async with api.get(f"/f/{paper['url'].rpartition('/')[2]}") as got:
            assert await got.read() == b"%PDF-1.4"
        async with api.post("/api/v1/media?name=a.svg", data=b"<svg onload=x>") as refused:
            assert refused.status == 422
        async with api.delete(f"/api/v1/media/{logo['id']}") as gone:
            assert gone.status == 204
        async with api.get("/api/v1/media?limit=1") as listed:
            assert [one["id"] for one in (await listed.json())["items"]] == [paper["id"]]
