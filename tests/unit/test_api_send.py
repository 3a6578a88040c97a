"""What a request becomes: one message, or one stored content with a row for each recipient."""

import datetime as dt
import json

import pytest

from console.api.messages.result import ItemStatus
from console.api.refusals import ApiRefusal
from mta.model.envelope import Identity
from mta.model.traffic import DeliveryState, TrafficClass
from tests.api_stand import open_api_stand, parsed
from tests.intake_stand import ME

NAMES = ("Ana", "Luis", "Rosa")


@pytest.fixture
async def stand(tmp_path):
    async with open_api_stand(tmp_path) as stand:
        yield stand


def people(*names: str) -> list[dict]:
    return [{"email": f"{n.lower()}@example.net", "name": n, "merge": {"nombre": n}} for n in names]


async def refusal(stand, **request) -> ApiRefusal:
    with pytest.raises(ApiRefusal) as caught:
        await stand.post(**request)
    assert await stand.messages() == []
    return caught.value


async def test_T_f_a_message_to_several_people_shows_to_and_cc_and_hides_bcc(stand):
    result = await stand.post(
        to=[{"email": "b@z.example", "name": "Benito"}],
        cc=[{"email": "c@a.example"}],
        bcc=[{"email": "d@m.example"}],
        subject="Año nuevo",
        html="<p>ñ</p>",
    )
    mail = await stand.mail()
    assert mail["To"] == "Benito <b@z.example>"
    assert mail["Cc"] == "c@a.example"
    assert mail["Bcc"] is None
    assert mail["Subject"] == "Año nuevo"
    assert [p.get_content_type() for p in mail.iter_parts()] == ["text/plain", "text/html"]
    assert [item.recipient for item in result.items] == [
        "b@z.example",
        "c@a.example",
        "d@m.example",
    ]
    assert {item.status for item in result.items} == {ItemStatus.QUEUED}
    rows = {row["address"]: row["id"] for row in await stand.deliveries()}
    assert {item.recipient: item.id for item in result.items} == rows


async def test_T_f_a_personalised_batch_is_stored_once_and_says_something_else_to_each(stand):
    result = await stand.post(
        recipients=people(*NAMES),
        subject="Hola {{ nombre }}",
        text='Estimada {{ nombre | default: "vecina" }}',
    )
    assert (result.accepted, result.rejected) == (3, 0)
    assert len(await stand.messages()) == 1
    for n, name in enumerate(NAMES):
        mail = parsed(await stand.rendered(n))
        assert mail["To"] == f"{name} <{name.lower()}@example.net>"
        assert mail["Subject"] == f"Hola {name}"
        assert mail.get_content().strip() == f"Estimada {name}"
    assert [row[4] for row in stand.told.rows] == ["example.net"]


async def test_one_wrong_address_of_a_batch_stops_nobody_else(stand):
    result = await stand.post(
        recipients=[*people("Ana"), {"email": "nobody at all"}, *people("Luis")]
    )
    assert [(i.status, i.code) for i in result.items] == [
        ("queued", ""), ("rejected", "invalid_address"), ("queued", ""),
    ]  # fmt: skip
    assert (result.accepted, result.rejected) == (2, 1)
    assert len(await stand.deliveries()) == 2


async def test_a_batch_of_wrong_addresses_only_is_refused(stand):
    found = await refusal(stand, recipients=[{"email": "x@"}, {"email": "a@b, c@d"}])
    assert found.status == 422
    assert [v.field for v in found.violations] == ["recipients.0.email", "recipients.1.email"]


async def test_a_suppressed_recipient_is_told_and_never_sent(stand):
    stand.suppressed.keys.add("luis@example.net")
    result = await stand.post(recipients=people(*NAMES))
    assert [i.status for i in result.items] == ["queued", "suppressed", "queued"]
    states = [row["state"] for row in await stand.deliveries()]
    assert states == [DeliveryState.READY, DeliveryState.SUPPRESSED, DeliveryState.READY]


async def test_scheduled_mail_waits_and_says_so(stand):
    later = stand.clock.now_ms() // 1000 + 3600
    moment = dt.datetime.fromtimestamp(later, dt.UTC).isoformat()
    for request in ({"recipients": people("Ana")}, {"to": [{"email": "a@b.example"}]}):
        result = await stand.post(**request, send_at=moment)
        assert [i.status for i in result.items] == ["scheduled"]
    rows = await stand.deliveries()
    assert [row["due_ms"] for row in rows] == [later * 1000] * 2
    assert {row["state"] for row in rows} == {DeliveryState.SCHEDULED}


async def test_the_same_key_gives_the_same_message(stand):
    for request in ({"recipients": people(*NAMES)}, {"to": [{"email": "a@b.example"}]}):
        key = f"key {list(request)}"
        first = await stand.post(**request, key=key)
        again = await stand.post(**request, key=key)
        assert again.id == first.id
        assert [i.id for i in again.items] == [i.id for i in first.items]
        with pytest.raises(ApiRefusal) as caught:
            await stand.post(**request, subject="otro", key=key)
        assert (caught.value.status, caught.value.code) == (422, "idempotency_key_reused")
    assert len(await stand.messages()) == 2


async def test_nobody_writes_in_another_accounts_name(stand):
    for request in ({"recipients": people("Ana")}, {"to": [{"email": "a@b.example"}]}):
        found = await refusal(stand, **{"from": {"email": "x@other.example"}}, **request)
        assert (found.status, found.code) == (403, "sender_not_allowed")


async def test_replies_go_to_no_domain_of_another_account(stand):
    for request in ({"recipients": people("Ana")}, {"to": [{"email": "a@b.example"}]}):
        found = await refusal(stand, reply_to={"email": "x@Other.example"}, **request)
        assert (found.status, [one.field for one in found.violations]) == (422, ["reply_to.email"])
    for request in ({"recipients": people("Ana")}, {"to": [{"email": "a@b.example"}]}):
        assert (await stand.post(reply_to={"email": "x@gmail.example"}, **request)).items


async def test_class_tags_and_metadata_are_kept(stand):
    for request in ({"recipients": people("Ana")}, {"to": [{"email": "a@b.example"}]}):
        await stand.post(
            **request, tags=["boleta", "lima"], metadata={"pedido": 7}, **{"class": "automated"}
        )
        message = (await stand.messages())[-1]
        assert json.loads(message["tags"]) == ["boleta", "lima"]
        assert json.loads(message["metadata"]) == {"pedido": 7}
    flows = await stand.rows("test_flows", ("id", "account", "name", "kind", "class"))
    assert {flow["class"] for flow in flows} == {TrafficClass.AUTOMATED}


async def test_T_o_mail_of_a_test_key_goes_to_the_simulator(stand):
    test = Identity(7, 71, "prueba", sender_domains=ME.sender_domains, is_test=True)
    for request in ({"recipients": people("Ana")}, {"to": [{"email": "a@b.example"}]}):
        await stand.post(identity=test, **request)
    assert {row["domain"] for row in await stand.deliveries()} == {"simulator.invalid"}


async def test_attachments_and_inline_images_arrive_whole(stand):
    files = [
        {"content": "SG9sYQ==", "filename": "../../etc/cron.d/boleta año.txt", "content_type": "text/plain"},
        {"content": "iVBORw0KGgo=", "filename": "logo.png", "content_type": "image/png", "content_id": "logo"},
    ]  # fmt: skip
    for request in ({"recipients": people("Ana")}, {"to": [{"email": "a@b.example"}]}):
        await stand.post(**request, attachments=files, html='<img src="cid:logo">')
        mail = parsed(await stand.rendered()) if "recipients" in request else await stand.mail()
        parts = {p.get_content_type(): p for p in mail.walk()}
        assert {"multipart/mixed", "multipart/alternative", "multipart/related"} <= set(parts)
        (attached,) = mail.iter_attachments()
        assert attached.get_filename() == "boleta año.txt"
        assert attached.get_payload(decode=True) == b"Hola"
        assert parts["image/png"]["Content-ID"] == "<logo>"
        assert parts["image/png"].get_payload(decode=True) == b"\x89PNG\r\n\x1a\n"


class Bag:
    """`BagLeft` of ten mails."""

    def __init__(self) -> None:
        self.left = 10

    def took(self, _identity, charged: int) -> None:
        self.left -= charged

    def remaining(self, _identity) -> int:
        return self.left


async def test_the_answer_says_what_is_left_after_this_request(stand):
    stand.service._left = Bag()
    people = [{"email": f"{n}@example.com"} for n in range(3)]
    assert (await stand.post(recipients=people, subject="a")).remaining == 7
    kept: list[int | None] = []

    def joined(result):
        kept.append(result.remaining)
        return []

    result = await stand.post(recipients=people, subject="b", key="k", joined=joined)
    assert (result.remaining, kept) == (4, [4])
    assert (await stand.post(recipients=people, subject="b", key="k")).remaining == 4
