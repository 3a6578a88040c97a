"""Contacts, lists, uploads, audiences."""

from collections.abc import AsyncIterator

from console.accounts.permissions import Permission
from console.contacts.segments.values import Segment
from console.contacts.values import ColumnMapping, Contact, ContactList, Upload
from tests.accounts_world import OPERATOR
from tests.matrix.stand import Row, Stand

WITHOUT_ACTOR = {
    "ContactService.observe_ids": "at the start, gives nothing away",
    "OptinService.tidy": "a chore of the server",
    "OptinService.form": "for the public: the token says which list",
    "OptinService.subscribe": "for the public: of a list that `form` gave",
    "OptinService.look": "for the public: the token says what of whom",
    "OptinService.confirm": "for the public: the token says what of whom",
    "SegmentService.observe_ids": "at the start, gives nothing away",
    "SegmentService.owned": "for audiences, of the account that they are made for",
    "SegmentService.programs": "for audiences, of the account that they are made for",
    "SegmentService.members": "for audiences, of the account that they are made for",
    "UploadRemoval.run": "a task of the running server",
    "UploadRemoval.stop": "a task of the running server",
    "AudienceService.count_of_lists": "a number for the campaign's own account",
    "AudienceService.nth_of_lists": "for campaigns: their service asks",
    "AudienceService.columns_of_lists": "for campaigns: their service asks",
    "ContactAudiences.counts": "for campaigns: their service asks, the account is compared",
    "ContactAudiences.columns": "for campaigns: their service asks, the account is compared",
    "ContactAudiences.row": "for campaigns: their service asks, the account is compared",
}

INSIDE = {"ContactAudiences.freeze": "for the runner"}

_FILTER = {"field": "email", "op": "filled"}


async def _file() -> AsyncIterator[bytes]:
    yield b"correo\na@example.com\n"


def _parts(stand: Stand):
    return stand.services.contacts


async def _upload(stand: Stand, account: int) -> Upload:
    async def make() -> Upload:
        return await _parts(stand).uploads.receive(OPERATOR, account, "x.csv", _file())

    return await stand.once(f"upload {account}", make)


async def _spare_upload(stand: Stand, account: int) -> Upload:
    return await _parts(stand).uploads.receive(OPERATOR, account, "y.csv", _file())


async def _audience(stand: Stand, account: int) -> int:
    members = await _list(stand, account)

    async def make() -> int:
        made = await _parts(stand).audiences.of_lists(OPERATOR, account, [members.id])
        return made.id

    return await stand.once(f"audience {account}", make)


async def _contact(stand: Stand, account: int) -> Contact:
    return await _parts(stand).contacts.put(OPERATOR, account, "a@example.com", {})


async def _list(stand: Stand, account: int) -> ContactList:
    async def make() -> ContactList:
        return await _parts(stand).contacts.add_list(OPERATOR, account, "x")

    return await stand.once(f"list {account}", make)


async def _segment(stand: Stand, account: int) -> Segment:
    return await _parts(stand).segments.add(OPERATOR, account, stand.name(), _FILTER)


async def _both(stand: Stand, account: int) -> tuple[int, list[int]]:
    return (await _list(stand, account)).id, [(await _contact(stand, account)).id]


_VIEW, _EDIT = Permission.CONTACT_VIEW, Permission.CONTACT_EDIT

ROWS = (
    Row(
        "UploadService.receive", _EDIT,
        lambda s, a, n, _: _parts(s).uploads.receive(a, n, "x.csv", _file()),
    ),
    Row("UploadService.get", _VIEW, lambda s, a, _, m: _parts(s).uploads.get(a, m.id), _upload),
    Row(
        "UploadService.list", _VIEW, lambda s, a, _, m: _listed(s, a, m), _upload, lists=True
    ),
    Row(
        "UploadService.rejects", _VIEW, lambda s, a, _, m: _parts(s).uploads.rejects(a, m.id),
        _upload,
    ),
    Row(
        "UploadService.rejected", _EDIT, lambda s, a, _, m: _pieces(s, a, m), _upload
    ),
    Row(
        "UploadRemoval.remove", _EDIT, lambda s, a, _, m: _parts(s).removal.remove(a, m.id),
        _spare_upload,
    ),
    Row(
        "UploadService.preview", _VIEW, lambda s, a, _, m: _parts(s).uploads.preview(a, m.id),
        _upload,
    ),
    Row(
        "UploadService.start", _EDIT,
        lambda s, a, _, m: _parts(s).uploads.start(a, m.id, ColumnMapping(0, {})), _upload,
    ),
    Row(
        "AudienceService.of_lists", _VIEW,
        lambda s, a, n, m: _parts(s).audiences.of_lists(a, n, [m.id]), _list,
    ),
    Row("AudienceService.get", _VIEW, lambda s, a, _, m: _parts(s).audiences.get(a, m), _audience),
    Row(
        "AudienceService.columns", _VIEW, lambda s, a, _, m: _parts(s).audiences.columns(a, m),
        _audience,
    ),
    Row(
        "AudienceService.row", _VIEW, lambda s, a, _, m: _parts(s).audiences.row(a, m, 0),
        _audience,
    ),
    Row(
        "AudienceService.erase", _EDIT, lambda s, a, _, m: _parts(s).audiences.erase(a, m),
        _audience,
    ),
    Row(
        "ContactService.get", _VIEW, lambda s, a, _, m: _parts(s).contacts.get(a, m.id), _contact
    ),
    Row("ContactService.search", _VIEW, lambda s, a, n, _: _parts(s).contacts.search(a, n)),
    Row(
        "ContactService.put", _EDIT,
        lambda s, a, n, _: _parts(s).contacts.put(a, n, "b@example.com", {}),
    ),
    Row(
        "ContactService.change", _EDIT,
        lambda s, a, _, m: _parts(s).contacts.change(a, m.id, m.email, {}, "active"), _contact,
    ),
    Row(
        "ContactService.remove", _EDIT, lambda s, a, _, m: _parts(s).contacts.remove(a, m.id),
        _contact,
    ),
    Row(
        "ContactService.lists_of", _VIEW, lambda s, a, _, m: _parts(s).contacts.lists_of(a, m.id),
        _contact,
    ),
    Row("ContactService.lists", _VIEW, lambda s, a, n, _: _parts(s).contacts.lists(a, n)),
    Row("ContactService.list", _VIEW, lambda s, a, _, m: _parts(s).contacts.list(a, m.id), _list),
    Row(
        "ContactService.add_list", _EDIT,
        lambda s, a, n, _: _parts(s).contacts.add_list(a, n, s.name()),
    ),
    Row(
        "ContactService.change_list", _EDIT,
        lambda s, a, _, m: _parts(s).contacts.change_list(a, m.id, name="x", description=""),
        _list,
    ),
    Row(
        "ContactService.members", _VIEW, lambda s, a, _, m: _parts(s).contacts.members(a, m.id),
        _list,
    ),
    Row(
        "ContactService.enlist", _EDIT, lambda s, a, _, m: _parts(s).contacts.enlist(a, *m), _both
    ),
    Row(
        "OptinService.settings", _VIEW, lambda s, a, _, m: _parts(s).optin.settings(a, m.id), _list
    ),
    Row(
        "OptinService.form_token", _VIEW, lambda s, a, _, m: _parts(s).optin.form_token(a, m.id),
        _list,
    ),
    Row(
        "OptinService.configure", _EDIT,
        lambda s, a, _, m: _parts(s).optin.configure(
            a, m.id, optin="double", is_open=True, text="x"
        ),
        _list,
    ),
    Row("OptinService.ask", _EDIT, lambda s, a, _, m: _parts(s).optin.ask(a, m.id), _list),
    Row("OptinService.consents", _VIEW, lambda s, a, n, _: _parts(s).optin.consents(a, n)),
    Row("SegmentService.list", _VIEW, lambda s, a, n, _: _parts(s).segments.list(a, n)),
    Row("SegmentService.get", _VIEW, lambda s, a, _, m: _parts(s).segments.get(a, m.id), _segment),
    Row(
        "SegmentService.add", _EDIT,
        lambda s, a, n, _: _parts(s).segments.add(a, n, s.name(), _FILTER),
    ),
    Row(
        "SegmentService.change", _EDIT,
        lambda s, a, _, m: _parts(s).segments.change(a, m.id, m.name, _FILTER), _segment,
    ),
    Row(
        "SegmentService.remove", _EDIT, lambda s, a, _, m: _parts(s).segments.remove(a, m.id),
        _segment,
    ),
    Row(
        "SegmentService.count", _VIEW, lambda s, a, _, m: _parts(s).segments.count(a, m.id),
        _segment,
    ),
    Row(
        "SegmentService.count_of", _VIEW,
        lambda s, a, n, _: _parts(s).segments.count_of(a, n, _FILTER),
    ),
    Row(
        "SegmentService.preview", _VIEW,
        lambda s, a, n, _: _parts(s).segments.preview(a, n, _FILTER),
    ),
    Row(
        "ContactService.delist", _EDIT, lambda s, a, _, m: _parts(s).contacts.delist(a, *m), _both
    ),
)  # fmt: skip


async def _listed(stand: Stand, actor, upload: Upload) -> bool:
    return any(one.id == upload.id for one in await _parts(stand).uploads.list(actor, count=500))


async def _pieces(stand: Stand, actor, upload: Upload) -> list:
    return [piece async for piece in _parts(stand).uploads.rejected(actor, upload.id)]
