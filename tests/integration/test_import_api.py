"""Files of people over the API of a whole server: as curl sends them, looked at, read, removed."""

import asyncio
import json
import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from console.accounts.values import Limits, Scope
from console.app.exporting import write_export
from tests.accounts_world import OPERATOR
from tests.contacts_world import workbook
from tests.whole_server import Whole, open_whole

PATH = "api/v1/imports"
CSV = (
    "Correo;Nombre;Nota\nana@example.org;Ana;x\nANA@example.org;Otra;=1+1\nluis@gamil.com;Luis;-2\n"
)


@dataclass
class Client:
    """A program with a key."""

    whole: Whole
    http: aiohttp.ClientSession
    key: str
    account: int

    async def ask(self, method: str, path: str = "", **options) -> tuple[int, object]:
        async with self.http.request(method, f"{PATH}{path}", **options) as answer:
            text = await answer.text()
            is_json = "json" in answer.headers.get("Content-Type", "")
            return answer.status, json.loads(text) if is_json else text

    async def send(self, data: bytes, name: str = "lista.csv") -> dict:
        status, made = await self.ask("POST", data=data, params={"name": name})
        assert status == 201, made
        return made

    async def read(self, number: str, **options) -> dict:
        status, found = await self.ask("POST", f"/{number}/start", json=options)
        assert status == 200, found
        return await self.wait(number)

    async def wait(self, number: str) -> dict:
        found = (await self.ask("GET", f"/{number}"))[1]
        async with asyncio.timeout(30):
            while found["state"] not in ("ready", "failed"):
                await asyncio.sleep(0.02)
                found = (await self.ask("GET", f"/{number}"))[1]
        return found


async def key_of(whole: Whole, account: int, *scopes: Scope) -> str:
    """A new one."""
    credentials = whole.services.accounts.credentials
    made = await credentials.add(OPERATOR, account, "ERP", Limits(scopes=frozenset(scopes)))
    return made.secret


@pytest.fixture
async def client(tmp_path) -> AsyncIterator[Client]:
    async with open_whole(tmp_path) as whole:
        key = await key_of(whole, whole.account, Scope.CONTACT_VIEW, Scope.CONTACT_EDIT)
        headers = {"Authorization": f"Bearer {key}"}
        async with aiohttp.ClientSession(whole.url, headers=headers) as http:
            yield Client(whole, http, key, whole.account)


async def curl(client: Client, *arguments: str) -> dict:
    """What curl gets."""
    process = await asyncio.create_subprocess_exec(
        "curl", "-sS", "-H", f"Authorization: Bearer {client.key}", *arguments,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await process.communicate()
    assert process.returncode == 0
    return json.loads(out)


async def test_T_a_a_program_sends_a_workbook_and_gets_an_audience(client, tmp_path):
    file: Path = tmp_path / "lista de marzo.xlsx"
    file.write_bytes(workbook(["Correo", "RUC"], ["ana@example.org", 20123456789.0], ["nada", 1]))
    url = f"{client.whole.url}{PATH}"
    made = await curl(client, "-F", f"file=@{file}", url)
    assert (made["name"], made["state"], made["audience"]) == (file.name, "received", None)
    seen = await curl(client, f"{url}/{made['id']}/preview")
    assert (seen["header"], seen["sheet"]) == (True, "Hoja1")
    assert [(c["place"], c["field"], c["email"]) for c in seen["columns"]] == [
        (0, "email", True), (1, "ruc", False)
    ]  # fmt: skip
    assert seen["rows"][0] == ["ana@example.org", "20123456789"]
    await curl(client, "--json", "{}", f"{url}/{made['id']}/start")
    found = await client.wait(made["id"])
    assert (found["state"], found["counts"]) == ("ready", {"rows": 2, "accepted": 1, "invalid": 1})
    audience = await client.whole.services.contacts.audiences.get(OPERATOR, int(found["audience"]))
    assert (audience.account, audience.total) == (client.account, 1)
    assert made["id"] in [one["id"] for one in (await curl(client, url))["items"]]


async def test_what_is_left_out_is_listed_and_comes_as_a_file_without_formulas(client):
    made = await client.send(CSV.encode())
    await client.read(made["id"], email=0, fields={"nombre": 1, "nota": 2}, header=True)
    _, first = await client.ask("GET", f"/{made['id']}/rejected", params={"limit": "1"})
    assert [(one["row"], one["reason"]) for one in first["items"]] == [(3, "duplicated")]
    _, rest = await client.ask("GET", f"/{made['id']}/rejected", params={"cursor": first["next"]})
    assert [(one["row"], one["hint"]) for one in rest["items"]] == [(4, "luis@gmail.com")]
    status, text = await client.ask("GET", f"/{made['id']}/rejected.csv")
    assert status == 200
    assert text.lstrip("\ufeff").splitlines() == [
        "email,nombre,nota,row,column,value,reason,hint",
        "ANA@example.org,Otra,'=1+1,3,1,ANA@example.org,duplicated,",
        "luis@gamil.com,Luis,'-2,4,1,luis@gamil.com,typo,luis@gmail.com",
    ]


async def test_a_file_is_gone_with_its_rows_but_not_under_a_campaign(client):
    made = await client.send(CSV.encode())
    found = await client.read(made["id"])
    campaigns = client.whole.services.campaigns.service
    campaign = await campaigns.create(OPERATOR, client.account, "Aviso")
    spec = type(campaign.audience)(audience=int(found["audience"]), count=1)
    await campaigns.set_audience(OPERATOR, campaign.id, spec)
    status, problem = await client.ask("DELETE", f"/{made['id']}")
    assert (status, problem["violations"][0]["code"]) == (422, "file_in_use")
    await campaigns.set_audience(OPERATOR, campaign.id, type(spec)(include=(1,)))
    assert (await client.ask("DELETE", f"/{made['id']}"))[0] == 204
    assert (await client.ask("GET", f"/{made['id']}"))[0] == 404
    services = client.whole.services
    assert not services.contacts.uploads.folder_of(int(made["id"])).exists()
    rows = await services.foundation.store.read(
        "audience_rows", audience=int(found["audience"]), first=0, count=10
    )
    assert rows == []


async def test_what_cannot_be_a_list_is_refused_before_or_while_it_is_read(client):
    status, problem = await client.ask("POST", data=b"\xd0\xcf\x11\xe0" + b"0" * 100)
    assert (status, problem["violations"][0]["code"]) == (422, "file_old_workbook")
    form = aiohttp.FormData()
    form.add_field("other", "x", filename="x.csv")
    status, problem = await client.ask("POST", data=form)
    assert (status, problem["violations"]) == (422, [
        {"field": "file", "code": "required", "message": "Este campo es obligatorio"}
    ])  # fmt: skip
    made = await client.send(b"nombre\nAna\n")
    status, problem = await client.ask("POST", f"/{made['id']}/start", json={})
    assert (status, problem["violations"][0]["code"]) == (422, "file_no_email")
    assert (await client.ask("POST", data=b"x", headers={"Content-Encoding": "gzip"}))[0] == 415


async def test_a_file_that_says_it_is_too_large_is_refused_unread(client):
    reader, writer = await asyncio.open_connection(*client.whole.server.console.addresses[0][:2])
    head = (
        f"POST /{PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {client.key}\r\n"
        "Content-Length: 5000000000\r\nContent-Type: application/octet-stream\r\n\r\n"
    )
    writer.write(head.encode())  # nothing of the file itself
    assert b" 413 " in await asyncio.wait_for(reader.readline(), 10)
    writer.close()


async def test_files_of_others_are_not_there(client):
    other = (await client.whole.services.accounts.add(OPERATOR, "Otra")).id
    await client.whole.services.quota.contracts.add(OPERATOR, other, "bag", 1_000)
    made = await client.send(CSV.encode())
    await client.whole.services.authenticator.refresh()
    key = await key_of(client.whole, other, Scope.CONTACT_VIEW, Scope.CONTACT_EDIT)
    headers = {"Authorization": f"Bearer {key}"}
    for method, path in (
        ("GET", ""), ("GET", "/preview"), ("POST", "/start"), ("GET", "/rejected"),
        ("GET", "/rejected.csv"), ("DELETE", ""),
    ):  # fmt: skip
        status, _ = await client.ask(
            method, f"/{made['id']}{path}", headers=headers, json={} if method == "POST" else None
        )
        assert status == 404, (method, path)


@pytest.mark.parametrize("body", [b"--x\r\nNone--x--\r\n", b"--x\r\n\r\n", b"no part at all"])
async def test_a_form_that_is_none_is_refused(client, body):
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    status, problem = await client.ask("POST", data=body, headers=headers)
    assert (status, problem["violations"][0]["field"]) == (422, "file")


async def test_T_t_a_person_is_told_and_forgotten_out_of_files(client, tmp_path):
    text = CSV + "Marí <ana@example.org>;x@y.pe;z\nmariana@example.org;M;x\n"
    made = await client.send(text.encode())
    found = await client.read(made["id"])
    services = client.whole.services
    persons, ana = services.areas.privacy.persons, "Ana@example.org"
    told = (await persons.export(OPERATOR, ana))["uploads"]
    assert [(one["upload"], one.get("values", {}).get("nombre"), one["row"]) for one in told] == [
        (made["id"], "Ana", 0), (made["id"], None, 3), (made["id"], None, 5)
    ]  # fmt: skip
    loaded = services.foundation.loaded
    await asyncio.to_thread(
        write_export, loaded, client.account, tmp_path / "a.zip", lambda *_: None
    )
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        lines = {
            name: archive.read(f"{name}.jsonl").splitlines()
            for name in ("upload", "upload_reject", "audience", "audience_row")
        }
    assert [len(rows) for rows in lines.values()] == [1, 3, 1, 2]
    assert json.loads(lines["audience_row"][0])["values"]["nombre"] == "Ana"
    await persons.erase(OPERATOR, ana, "asked for it")
    folder = services.contacts.uploads.folder_of(int(made["id"]))
    assert list(folder.iterdir()) == []
    assert (await persons.export(OPERATOR, ana))["uploads"] == []
    rows = [
        *await services.foundation.store.read(
            "audience_rows", audience=int(found["audience"]), first=0, count=9
        ),
        *await services.contacts.uploads.rejects(OPERATOR, int(made["id"])),
    ]
    assert "ana@example.org" not in repr(rows).lower().replace("mariana@", "")
    status, text = await client.ask("GET", f"/{made['id']}/rejected.csv")
    assert (status, "luis@gamil.com" in text) == (200, True)
