"""Files of people: read as spreadsheets write them, whatever is in them."""

import io
import json
import zipfile

import pytest

from console.contacts.importing import Importer
from console.contacts.uploads import UnusableUpload
from console.contacts.values import ColumnMapping, UploadState
from mta.model.errors import PermanentError, StoreError
from tests.contacts_world import ACCOUNT, OPERATOR, mapping_of, open_contacts, workbook

CSV = "Correo;Nombre;Razón Social\nana@example.org;Ana;Ñandú SAC\nluis@example.org;Luis;\n"


@pytest.fixture
async def world(tmp_path):
    async with open_contacts(tmp_path) as opened:
        yield opened


@pytest.mark.parametrize("separator", [";", ",", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
async def test_T_a_text_is_read_whatever_its_encoding_and_separator(world, separator, encoding):
    upload = await world.read(CSV.replace(";", separator).encode(encoding))
    assert (upload.state, upload.counts["accepted"]) == (UploadState.READY, 2)
    assert (await world.rows(upload.audience))[0] == {
        "email": "ana@example.org", "nombre": "Ana", "razon_social": "Ñandú SAC"
    }  # fmt: skip


async def test_T_a_a_workbook_is_read_with_numbers_and_dates_as_people_see_them(world):
    data = workbook(
        ["Correo electrónico", "RUC", "DNI", "Nombre", "Nombre"],
        ["ana@example.org", 20123456789.0, "01234567", "Ana", "Dos"],
        ["luis@example.org", 1.5, "", "", ""],
    )
    upload = await world.read(data)
    first, second = await world.rows(upload.audience)
    assert first == {
        "email": "ana@example.org", "ruc": "20123456789", "dni": "01234567", "nombre": "Ana",
        "nombre_2": "Dos",
    }  # fmt: skip
    assert second == {"email": "luis@example.org", "ruc": "1.5"}
    columns = {
        c.name: c.filled for c in (await world.audiences.get(OPERATOR, upload.audience)).columns
    }
    assert columns == {"email": 2, "ruc": 2, "dni": 1, "nombre": 1, "nombre_2": 1}


async def test_every_row_that_is_left_out_is_told_with_its_place_and_reason(world):
    world.suppressed.add("no@example.org")
    lines = [
        "correo,nombre", "ana@example.org,1", "ANA@example.org,2", ",3", "sin arroba,4",
        "x@gamil.com,5", "no@example.org,6", "a@b,7", "<luis@example.org>;,8",
    ]  # fmt: skip
    upload = await world.read("\n".join(lines).encode())
    told = [
        (one.row, one.reason, one.hint) for one in await world.uploads.rejects(OPERATOR, upload.id)
    ]
    assert told == [
        (3, "duplicated", ""), (4, "empty", ""), (5, "invalid", ""), (6, "typo", "x@gmail.com"),
        (7, "suppressed", ""), (8, "invalid", ""),
    ]  # fmt: skip
    assert upload.counts == {
        "rows": 8, "accepted": 2, "duplicated": 1, "empty": 1, "invalid": 2, "typo": 1,
        "suppressed": 1,
    }  # fmt: skip
    assert [row["email"] for row in await world.rows(upload.audience)] == [
        "ana@example.org", "luis@example.org"
    ]  # fmt: skip


async def test_of_rows_with_one_address_the_first_or_the_last_counts(world):
    data = b"correo,nombre\na@example.org,uno\nb@example.org,x\nA@example.org,dos\n"
    first = await world.read(data)
    last = await world.read(data, keep="last")
    assert {r["nombre"] for r in await world.rows(first.audience)} == {"uno", "x"}
    assert {r["nombre"] for r in await world.rows(last.audience)} == {"dos", "x"}


async def test_a_file_without_a_header_is_read_from_its_first_row(world):
    upload = await world.read(b"ana@example.org;Ana\nluis@example.org;Luis\n")
    assert await world.rows(upload.audience) == [
        {"email": "ana@example.org", "columna_2": "Ana"},
        {"email": "luis@example.org", "columna_2": "Luis"},
    ]


async def test_hidden_sheets_are_told_and_not_chosen(world):
    data = workbook(["correo"], ["ana@example.org"], hidden=[["correo"], ["secreto@example.org"]])
    upload = await world.receive(data)
    preview = await world.uploads.preview(OPERATOR, upload.id)
    assert [(s.name, s.is_hidden) for s in preview.sheets] == [("Oculta", True), ("Hoja1", False)]
    assert (preview.sheet, preview.rows) == ("Hoja1", [["ana@example.org"]])
    hidden = await world.uploads.preview(OPERATOR, upload.id, sheet="Oculta")
    assert hidden.rows == [["secreto@example.org"]]
    with pytest.raises(UnusableUpload, match="no_sheet"):
        await world.uploads.preview(OPERATOR, upload.id, sheet="Otra")


async def test_two_hundred_columns_and_headers_of_any_kind_become_fields(world):
    headers = ["correo", "", "Cargo", "cargo", "=1+1", *[f"c{n}" for n in range(195)]]
    row = ["ana@example.org", "x", "Jefa", "y", "z", *["v"] * 195]
    upload = await world.read(f"{';'.join(headers)}\n{';'.join(row)}\n".encode())
    (found,) = await world.rows(upload.audience)
    assert len(found) == 200
    assert (found["cargo"], found["cargo_2"], found["columna_2"], found["1_1"]) == (
        "Jefa",
        "y",
        "x",
        "z",
    )


def _bomb() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * 50_000_000)
    return out.getvalue()


def _zip(name: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, b"x")
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b" \n\n", "empty"),
        (b"PK\x03\x04 cut off", "damaged_workbook"),
        (_zip("hola.txt"), "no_workbook"),
        (_zip("xl/workbook.xml"), "damaged_workbook"),
        (_bomb(), "too_big_unpacked"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"0" * 100, "old_workbook"),
        (b"a,b\0c\n1,2\n", "binary"),
    ],
    ids=["nothing", "blank", "cut", "zip", "empty_book", "bomb", "xls", "binary"],
)
async def test_what_is_no_list_of_people_is_refused_and_not_kept(world, data, reason):
    with pytest.raises(UnusableUpload) as caught:
        await world.receive(data)
    assert caught.value.reason == reason
    assert await world.uploads.list(OPERATOR) == []
    assert list(world.uploads._folder.iterdir()) == []


async def test_a_name_from_outside_is_only_shown(world):
    upload = await world.receive(CSV.encode(), name="..\\..\\etc/<script>x\n.csv")
    assert upload.name == "<script>x.csv"
    assert (world.uploads.folder_of(upload.id) / "file").read_bytes() == CSV.encode()


async def test_T_t_old_files_go_with_their_rows_unless_a_campaign_needs_them(world):
    needed, old = await world.read(CSV.encode()), await world.read(b"correo\nmalo\nb@example.org\n")
    world.used.add(needed.audience)
    assert await world.removal.run() > 0
    assert len(await world.uploads.list(OPERATOR)) == 2
    world.clock.advance(90 * 86_400 + 1)
    young = await world.receive(CSV.encode())
    await world.removal.run()
    assert {one.id for one in await world.uploads.list(OPERATOR)} == {needed.id, young.id}
    world.clock.advance(8 * 86_400)  # nobody confirmed it
    await world.removal.run()
    assert [one.id for one in await world.uploads.list(OPERATOR)] == [needed.id]
    assert await world.rows(old.audience) == []
    assert len(await world.rows(needed.audience)) == 2
    assert await world.store.read("upload_rejects", upload=old.id, after=0, count=9) == []
    assert not world.uploads.folder_of(old.id).exists()


async def test_a_file_that_is_read_again_forgets_what_the_first_reading_left_out(world):
    data = b"nombre,correo\nAna,ana@example.org\nLuis,malo\n"
    upload = await world.receive(data)
    for email in (0, 1):
        await world.uploads.start(OPERATOR, upload.id, ColumnMapping(email, {}))
        await world.importer.read_all()
    done = await world.uploads.get(OPERATOR, upload.id)
    assert done.counts == {"rows": 2, "accepted": 1, "invalid": 1}
    assert [one.row for one in await world.uploads.rejects(OPERATOR, upload.id)] == [3]
    assert len(await world.rows(done.audience)) == 1


async def test_T_a_the_corrected_rows_join_the_same_audience_and_nobody_comes_twice(world):
    first = await world.read(b"correo,nombre\na@example.org,A\nmalo,B\nc@gamil.com,C\n")
    corrected = b"email,nombre,Motivo\nb@example.org,B,x\nc@gmail.com,C,y\nA@example.org,Z,\n"
    for keep in ("first", "last"):
        both = await world.read(corrected, continues=first.id, keep=keep)
        rows = await world.rows(both.audience)
        assert [row["email"] for row in rows] == ["a@example.org", "b@example.org", "c@gmail.com"]
        assert rows[0]["nombre"] == "A"
        assert both.counts == {"rows": 3, "accepted": 3, "duplicated": 1}
        columns = {c.name: c.filled for c in both.columns}
        assert columns == {"email": 3, "nombre": 3, "motivo": 2}
    page = await world.audiences.source(both.audience).page("", 50)
    assert len(page.recipients) == 3
    assert await world.rows(first.audience) == [{"email": "a@example.org", "nombre": "A"}]
    with pytest.raises(UnusableUpload, match="no_base"):
        await world.read(corrected, continues=(await world.receive(corrected)).id)


async def test_the_end_of_each_reading_is_an_event(world):
    done = await world.read(b"correo\nmalo\na@example.org\n", "lista.csv")
    cut = await world.receive(CSV.encode())
    preview = await world.uploads.preview(OPERATOR, cut.id)
    (world.uploads.folder_of(cut.id) / "file").unlink()
    await world.uploads.start(OPERATOR, cut.id, mapping_of(preview))
    await world.importer.read_all()
    events = await world.store.read("events_after", after=0, span=9, count=9, types="[70]")
    assert [row[5] for row in events] == [ACCOUNT, ACCOUNT]
    told = [json.loads(row[-1]) for row in events]
    assert told[0] == {
        "import": str(done.id), "name": "lista.csv", "state": "ready",
        "audience": str(done.audience), "accepted": 1, "rejected": 1,
    }  # fmt: skip
    assert (told[1]["import"], told[1]["state"]) == (str(cut.id), "failed")
    assert told[1]["problem"] == (await world.uploads.get(OPERATOR, cut.id)).problem == "gone"


async def test_columns_that_cannot_be_are_refused(world):
    upload = await world.receive(CSV.encode())
    for mapping in (
        ColumnMapping(-1, {}),
        ColumnMapping(0, {"": 1}),
        ColumnMapping(0, {}, keep="x"),
    ):
        with pytest.raises(UnusableUpload):
            await world.uploads.start(OPERATOR, upload.id, mapping)
    with pytest.raises(UnusableUpload, match="no_list"):
        await world.uploads.start(OPERATOR, upload.id, ColumnMapping(0, {}, save_as_list=5))


async def test_a_restart_in_the_middle_stores_each_row_once(world, monkeypatch):
    monkeypatch.setattr("console.contacts.importing.PAGE", 10)
    lines = [f"p{n}@example.org" if n % 7 else "malo" for n in range(100)]
    upload = await world.receive(("correo\n" + "\n".join(lines)).encode())
    preview = await world.uploads.preview(OPERATOR, upload.id)
    await world.uploads.start(OPERATOR, upload.id, mapping_of(preview))
    pages, work = 0, Importer._work

    def dying(self, *arguments):
        nonlocal pages
        pages += 1
        if pages in (3, 6):
            raise StoreError("killed")
        return work(self, *arguments)

    monkeypatch.setattr(Importer, "_work", dying)
    for _ in range(2):
        with pytest.raises(StoreError):
            await world.importer.read_all()
        world.restart()
    await world.importer.read_all()
    done = await world.uploads.get(OPERATOR, upload.id)
    assert (done.state, done.counts["accepted"], done.counts["invalid"]) == (
        UploadState.READY,
        85,
        15,
    )
    rows = await world.rows(done.audience)
    assert len({row["email"] for row in rows}) == len(rows) == 85
    assert len(await world.uploads.rejects(OPERATOR, upload.id)) == 15
    page = await world.audiences.source(done.audience).page("", 50)
    rest = await world.audiences.source(done.audience).page(page.place, 50)
    assert (len(page.recipients), page.is_last, len(rest.recipients), rest.is_last) == (
        50,
        False,
        35,
        True,
    )


async def test_rows_become_contacts_on_a_list_if_wanted(world):
    members = await world.contacts.add_list(OPERATOR, ACCOUNT, "Proveedores")
    await world.read(CSV.encode(), save_as_list=members.id)
    again = b"Correo;Cargo\nana@example.org;Jefa\n"
    await world.read(again, save_as_list=members.id)
    found = await world.contacts.search(OPERATOR, ACCOUNT, "ANA")
    assert [dict(one.attrs) for one in found] == [
        {"nombre": "Ana", "razon_social": "Ñandú SAC", "cargo": "Jefa"}
    ]
    assert (await world.contacts.list(OPERATOR, members.id)).members == 2


async def test_a_file_confirms_nobody_on_a_list_that_asks_people_themselves(world):
    members = await world.contacts.add_list(OPERATOR, ACCOUNT, "Boletín", optin="double")
    await world.read(CSV.encode(), save_as_list=members.id)
    found = await world.contacts.members(OPERATOR, members.id)
    assert [status for _, status in found] == ["unconfirmed", "unconfirmed"]
    audience = await world.audiences.of_lists(OPERATOR, ACCOUNT, [members.id])
    assert audience.total == 0


@pytest.mark.parametrize("value", ["a\0b", "\ud800"])
async def test_what_cannot_be_stored_is_refused_not_cut(world, value):
    with pytest.raises(PermanentError, match="values"):
        await world.contacts.put(OPERATOR, ACCOUNT, "ana@example.org", {"nombre": value})
    assert await world.contacts.search(OPERATOR, ACCOUNT) == []
    with pytest.raises(PermanentError, match="description"):
        await world.contacts.add_list(OPERATOR, ACCOUNT, "Boletín", description=value)
