"""Automatic messages (T-j) over the console's own pages: every trigger and step, told and kept."""

import html
import json
import re
from typing import NamedTuple

import aiohttp
import pytest

from console.automations.definition import read_definition
from console.campaigns.values import AudienceSpec, Content
from tests.accounts_world import OPERATOR
from tests.integration.test_import_pages import Person
from tests.web_world import sign_in, token_of
from tests.whole_server import EMAIL, PASSWORD, open_whole

SENDER = "hola@example.org"
SECOND = {"begin": "09:00", "end": "18:00", "weekdays": [0, 4]}


class Things(NamedTuple):
    """What definitions may name."""

    account: int
    list: int
    campaign: int


@pytest.fixture
async def person(tmp_path):
    async with open_whole(tmp_path) as whole:
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(whole.url, cookie_jar=jar) as http:
            await sign_in(http, email=EMAIL, password=PASSWORD)
            someone = Person(whole, http)
            someone.token = token_of(await someone.get("/profile"))
            yield someone


@pytest.fixture
async def things(person) -> Things:
    services = person.whole.services
    account = (await services.accounts.only(OPERATOR)).id
    await services.areas.domains.service.add(OPERATOR, "example.org", account)
    made = await services.contacts.contacts.add_list(OPERATOR, account, "Boletín & más")
    content = Content(from_address=SENDER, subject="Hola", source="<p>Hola</p>")
    campaign = await services.campaigns.service.create(
        OPERATOR, account, "Feria", content, AudienceSpec(include=(made.id,))
    )
    return Things(account, made.id, campaign.id)


def steps_of(things: Things) -> list[dict[str, object]]:
    """One of each kind, and a filter that only programs can write."""
    deep = {"any": [{"field": "email", "op": "filled"}, {"plan": "oro"}]}
    return [
        {"kind": "send", "id": "hola", "subject": "Bienvenida", "text": "Hola"},
        {"kind": "wait", "id": "day", "minutes": 1440, "until": "09:00"},
        {"kind": "condition", "id": "read", "opened": "hola", "then": "vip", "otherwise": "crm"},
        {"kind": "condition", "id": "vip", "filter": {"plan": "oro"}, "then": "more"},
        {"kind": "condition", "id": "deep", "filter": deep, "then": "off", "otherwise": ""},
        {"kind": "list_add", "id": "more", "list": things.list},
        {"kind": "list_remove", "id": "off", "list": things.list},
        {"kind": "webhook", "id": "crm", "url": "https://crm.example/x"},
        {"kind": "end", "id": "over"},
    ]


def triggers_of(things: Things) -> dict[str, dict[str, object]]:
    """Each with a part of what its page says of it."""
    return {
        "alguien entra a la lista «Boletín & más»": {"kind": "list_joined", "list": things.list},
        "confirma su suscripción": {"kind": "list_confirmed", "list": things.list},
        "3 días antes de la fecha del campo vence, a las 08:30, cada año": {
            "kind": "date", "field": "vence", "offset_days": -3, "at": "08:30", "yearly": True,
        },
        "1 día después de la fecha del campo vence": {
            "kind": "date", "field": "vence", "offset_days": 1,
        },
        "el día de la fecha del campo vence": {"kind": "date", "field": "vence"},
        "ocurre el evento compra": {"kind": "event", "name": "compra"},
        "no abre la campaña «Feria» en 48 horas": {
            "kind": "not_opened", "campaign": things.campaign, "within_hours": 48,
        },
        "alguien hace clic en la campaña «Feria»": {"kind": "clicked", "campaign": things.campaign},
        "cada semana (lun, vie) a las 07:00": {
            "kind": "calendar", "every": "week", "weekdays": [0, 4], "list": things.list,
            "at": "07:00",
        },
        "el día 31 de cada mes": {
            "kind": "calendar", "every": "month", "day": 31, "list": things.list,
        },
    }  # fmt: skip


def words(page: str) -> str:
    """The text of a page without tags, in one line."""
    body = page[page.index("<main") :]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def fields(page: str) -> dict[str, list[str]]:
    """What a browser would send of the editor's form as it stands."""
    form = page[page.index('<form method="post" class="card form-card"') :].partition("</form>")[0]
    found: dict[str, list[str]] = {}
    for tag in re.findall(r"<input [^>]*>", form):
        name = re.search(r' name="([^"]*)"', tag)
        kind = re.search(r' type="([^"]*)"', tag)
        is_box = kind is not None and kind[1] in {"checkbox", "radio"}
        if name is None or (is_box and " checked" not in tag):
            continue
        value = re.search(r' value="([^"]*)"', tag)
        default = "on" if is_box else ""
        found.setdefault(name[1], []).append(html.unescape(value[1] if value else default))
    for name, body in re.findall(
        r'<textarea [^>]*name="([^"]*)"[^>]*>(.*?)</textarea>', form, re.S
    ):
        found[name] = [html.unescape(body)]
    for name, body in re.findall(r'<select [^>]*name="([^"]*)"[^>]*>(.*?)</select>', form, re.S):
        options = re.findall(r'<option value="([^"]*)"([^>]*)>', body)
        chosen = [value for value, rest in options if "selected" in rest] or [options[0][0]]
        found[name] = [html.unescape(chosen[0])]
    return found


async def test_T_j_a_page_tells_every_trigger_and_step_in_words(person, things):
    service = person.whole.services.automations.service
    for n, (told, trigger) in enumerate(triggers_of(things).items()):
        document = {"trigger": trigger, "steps": steps_of(things), "window": SECOND}
        made = await service.create(
            OPERATOR, things.account, f"Serie {n}", json.dumps(document), sender=SENDER
        )
        said = words(await person.get(f"/automations/{made.id}"))
        assert told in said
    assert "1. Enviar correo «Bienvenida»" in said
    assert "2. Esperar 1 día, hasta las 09:00" in said
    assert "¿Abrió «Bienvenida»? Sí: 4. Condición. No: 8. Avisar a otro sistema." in said
    assert "¿El campo plan es oro? Sí: 6. Añadir a una lista. No: El final." in said
    assert "¿Cumple el filtro?" in said
    assert "https://crm.example/x" in said
    assert "Envía solo lun, vie, de 09:00 a 18:00 (America/Lima)." in said


async def test_T_j_the_editor_gives_back_what_it_was_given(person, things):
    service = person.whole.services.automations.service
    for n, trigger in enumerate(triggers_of(things).values()):
        document = {"trigger": trigger, "steps": steps_of(things), "window": SECOND}
        made = await service.create(
            OPERATOR, things.account, f"Serie {n}", json.dumps(document), sender=SENDER
        )
        before = await service.get(OPERATOR, made.id)
        path = f"/automations/{made.id}"
        form = fields(await person.get(f"{path}/edit"))
        data = [(name, value) for name, values in form.items() for value in values]
        answer = await person.http.post(
            f"{path}/edit", data=[*data, ("do", "save")], allow_redirects=False
        )
        assert answer.status == 303, words(await answer.text())
        after = await service.get(OPERATOR, made.id)
        assert read_definition(after.definition) == read_definition(before.definition)


async def test_T_j_the_secret_of_webhook_steps_is_shown_and_changed(person, things):
    service = person.whole.services.automations.service
    document = {"trigger": {"kind": "event", "name": "x"}, "steps": steps_of(things)}
    made = await service.create(
        OPERATOR, things.account, "Serie", json.dumps(document), sender=SENDER
    )
    path = f"/automations/{made.id}"
    shown = []
    for action in ("secret", "rotate", "secret"):
        answer = await person.http.post(f"{path}/{action}", data={"csrf": person.token})
        shown += re.findall(r"whsec_[\w+/=]+", html.unescape(await answer.text()))[:1]
    old, new, again = shown
    assert old != new == again
    assert "whsec_" not in await person.get(path)
