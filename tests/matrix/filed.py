"""Hand-overs and evidence (T-v)."""

from console.accounts.permissions import Permission
from console.accounts.values import Scope
from console.reports.filed.book import FiledKind, FiledState
from console.reports.handover.service import NewManual, NewTraining
from console.reports.handover.values import Attendee, Fact, ManualKind, Topic
from tests.accounts_world import OPERATOR
from tests.matrix.routes import RouteRow
from tests.matrix.stand import Row, Stand

WITHOUT_ACTOR = {
    "FiledBook.observe_ids": "at the start, gives nothing away",
    "FiledBook.next": "for what makes documents, inside of the server",
    "FiledBook.state": "as next",
    "HandoverService.observe_ids": "at the start, gives nothing away",
}
INSIDE = {
    "FiledBook.keep": "by what makes documents, inside of the server",
    "FiledBook.take": "a file that a whole server makes: tests/integration/test_handover.py",
}

TRAINING = NewTraining(
    "2026-11-22", "x", "x", [Topic.API], 240, [Attendee("Ana", "ana@example.org", "", 240)]
)
MANUAL = NewManual(ManualKind.API, "es", "1", "", "x", "2026-11-22")


def _book(stand: Stand):
    return stand.services.areas.filed.book


def _handovers(stand: Stand):
    return stand.services.areas.filed.handover


async def _document(stand: Stand, account: int):
    async def make():
        asked = await _book(stand).ask(OPERATOR, account, FiledKind.HANDOVER, "", "", "es")
        await _book(stand).state(asked, FiledState.FAILED, "x")
        return asked

    return await stand.once(f"document {account}", make)


async def _training(stand: Stand, account: int) -> int:
    return (await _handovers(stand).add_training(OPERATOR, account, TRAINING)).id


async def _manual(stand: Stand, account: int) -> int:
    await _handovers(stand).add_manual(OPERATOR, account, MANUAL)
    return (await _handovers(stand).view(OPERATOR, account)).manuals[-1].id


async def _certificate(stand: Stand, account: int) -> int:
    await _handovers(stand).add_training(OPERATOR, account, TRAINING)
    await _handovers(stand).certify(OPERATOR, account)
    return 1


LOOK, EDIT = Permission.AUDIT_VIEW, Permission.SETTINGS_MANAGE
ROWS = (
    Row(
        "FiledBook.ask", LOOK,
        lambda s, a, n, _: _book(s).ask(a, n, FiledKind.EVIDENCE, "2026-11-01", "2026-11-02", "es"),
    ),
    Row("FiledBook.get", LOOK, lambda s, a, _n, d: _book(s).get(a, d.id), make=_document),
    Row("FiledBook.list", LOOK, lambda s, a, n, _: _book(s).list(a, n)),
    Row("FiledBook.files", LOOK, lambda s, a, _n, d: _book(s).files(a, [d]), make=_document),
    Row("HandoverService.view", LOOK, lambda s, a, n, _: _handovers(s).view(a, n)),
    Row(
        "HandoverService.set_facts", EDIT,
        lambda s, a, n, _: _handovers(s).set_facts(a, n, {Fact.RECEIVED_BY: s.name()}),
    ),
    Row(
        "HandoverService.add_training", EDIT,
        lambda s, a, n, _: _handovers(s).add_training(a, n, TRAINING),
    ),
    Row(
        "HandoverService.remove_training", EDIT,
        lambda s, a, n, made: _handovers(s).remove_training(a, n, made), make=_training,
    ),
    Row(
        "HandoverService.add_manual", EDIT,
        lambda s, a, n, _: _handovers(s).add_manual(a, n, MANUAL),
    ),
    Row(
        "HandoverService.manual_taken", Permission.ACCOUNT_VIEW,
        lambda s, a, n, _: _handovers(s).manual_taken(a, n, MANUAL),
    ),
    Row(
        "HandoverService.remove_manual", EDIT,
        lambda s, a, n, made: _handovers(s).remove_manual(a, n, made), make=_manual,
    ),
    Row("HandoverService.certify", EDIT, lambda s, a, n, _: _handovers(s).certify(a, n)),
    Row(
        "HandoverService.certificate", LOOK,
        lambda s, a, n, made: _handovers(s).certificate(a, n, made), make=_certificate,
    ),
)  # fmt: skip

UNTRIED = "tests/integration/test_handover.py"
PAGE_ROUTES = (
    RouteRow("GET", "/reports/evidence", LOOK),
    RouteRow("POST", "/reports/evidence", LOOK,
             form={"first": "2026-11-02", "last": "2026-11-01", "language": "es"}),
    RouteRow("GET", "/reports/filed/{id}.{format}", LOOK, url="/reports/filed/1.pdf",
             untried=UNTRIED),
    RouteRow("GET", "/handover", LOOK),
    RouteRow("POST", "/handover/document", LOOK, form={"language": "xx"}),
    RouteRow("POST", "/handover/facts", EDIT, form={"received_by": "Ana"}),
    RouteRow("POST", "/handover/trainings", EDIT, form={"held_on": "x"}),
    RouteRow("POST", "/handover/trainings/remove", EDIT, form={"id": "1"}, untried=UNTRIED),
    RouteRow("POST", "/handover/manuals", EDIT,
             form={"kind": "api", "language": "es", "version": "1", "recipient": "x",
                   "delivered_on": "2026-11-22"}),
    RouteRow("POST", "/handover/manuals/remove", EDIT, form={"id": "1"}, untried=UNTRIED),
    RouteRow("POST", "/handover/certificates", EDIT),
    RouteRow("GET", "/handover/certificates/{number}.pdf", LOOK,
             url="/handover/certificates/1.pdf", untried=UNTRIED),
)  # fmt: skip

API_ROUTES = (
    RouteRow("POST", "/api/v1/documents", Scope.EXPORT,
             json={"from": "2026-11-02", "to": "2026-11-01"}),
    RouteRow("GET", "/api/v1/documents", Scope.EXPORT),
    RouteRow("GET", "/api/v1/documents/{id}", Scope.EXPORT, url="/api/v1/documents/1",
             untried=UNTRIED),
    RouteRow("GET", "/api/v1/documents/{id}/file", Scope.EXPORT,
             url="/api/v1/documents/1/file", untried=UNTRIED),
)  # fmt: skip
