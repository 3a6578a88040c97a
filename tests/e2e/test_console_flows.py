"""What a newcomer does most, in a real browser, with the clicks that it may cost at most.

Counted from the first page; typing, choosing in a list with the keyboard and copying are not clicks.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from console.accounts.values import Role
from console.campaigns.states import CampaignStatus
from tests.accounts_world import OPERATOR
from tests.e2e.browser import IS_INSTALLED
from tests.e2e.person import EVERY, Clicks, open_person
from tests.whole_server import DOMAIN, EMAIL

pytestmark = [
    pytest.mark.debian,
    pytest.mark.skipif(not IS_INSTALLED, reason="needs Debian's chromium and chromium-driver"),
    pytest.mark.asyncio(loop_scope="module"),
]
THIN = "\N{NARROW NO-BREAK SPACE}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def person(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Clicks]:
    settings = {"RELEVO_SERVER__PUBLIC_URL": "http://t.example.org"}  # where opens are counted
    async with open_person(tmp_path_factory.mktemp("flows"), settings) as person:
        yield person


def _file(folder: Path, name: str, people: int) -> Path:
    path = folder / name
    rows = "".join(f"ok@d{n}.example.com;Persona {n}\r\n" for n in range(people))
    path.write_bytes(("Correo electrónico;nombre\r\n" + rows).encode("cp1252"))
    return path


async def test_T_a_the_last_campaign_is_repeated_with_a_new_file_in_five_clicks(
    person: Clicks, tmp_path: Path
):
    over = await person.finished("Boletín", 20)
    person.use_files(is_so=True)
    await person.home()
    await person.click(f"form[action='/campaigns/{over.id}/clone'] button")
    await person.sees("Arrastre aquí")
    await person.choose_file("#file", _file(tmp_path, "Diciembre.csv", 25))
    await person.sees("Relevo reconoció estas columnas")
    await person.click(".form-actions .btn-primary")
    await person.sees("25 destinatarios listos.")
    await person.click("button[popovertarget='confirm-send']")
    await person.sees("¿Enviar a 25 personas?")
    await person.click("#confirm-send .btn-primary")
    await person.sees("25 de 25 con resultado")
    person.use_files(is_so=False)
    assert person.count == 5


async def test_T_n_a_test_mail_to_oneself_costs_one_click_on_every_step(person: Clicks):
    draft = await person.campaign("Con prueba", 20)
    for step, button in (
        ("template", ".page-actions form[action$='/test'] button"),
        ("content", "button[name='do'][value='test']"),
        ("send", ".page-actions form[action$='/test'] button"),
    ):
        await person.browser.open(f"{person.whole.url}campaigns/{draft.id}/{step}")
        person.count = 0
        await person.click(button)
        await person.sees(f"La prueba salió a {EMAIL}.", "[data-toast]")
        assert (await person.browser.run("return location.pathname")).endswith(f"/{step}")
        assert person.count == 1


async def test_T_e_those_who_got_nothing_are_written_to_again_in_three_clicks(person: Clicks):
    over = await person.finished("Convocatoria", 40)
    await person.home()
    await person.click(f"main a[href='/campaigns/{over.id}']")
    await person.sees("Después del envío")
    await person.click("button[popovertarget='resend']")
    await person.sees(f"¿Reenviar a las {40 // EVERY} personas a quienes no les llegó?")
    await person.click("#resend button[value='now']")
    await person.sees(f"{40 // EVERY} de {40 // EVERY} con resultado")
    assert person.count == 3


async def test_T_e_those_who_did_not_open_are_written_to_again_in_three_clicks(person: Clicks):
    over = await person.finished("Recordatorio", 20)
    await person.home()
    await person.click(f"main a[href='/campaigns/{over.id}']")
    await person.sees("Después del envío")
    await person.click("button[popovertarget='remind']")
    await person.sees("¿Reenviar a quienes no lo abrieron? Les llegó a 18 personas.")
    await person.click("#remind button[value='now']")
    await person.sees("18 de 18 con resultado")
    assert person.count == 3


async def test_T_c_a_sub_user_with_role_and_quota_is_made_in_four_clicks(person: Clicks):
    await person.home()
    await person.click('.shell-side a[href="/users"]')
    await person.sees("Invitar a una persona")
    await person.click('a[href="/users/new"]')
    await person.sees("guía de uso")
    await person.browser.fill("#email", "eva@example.org")
    await person.browser.fill("#sub_account", "Equipo de Eva")
    await person.browser.fill("#amount", "200 000")
    await person.click(f'input[value="{Role.SENDER}"] + .choice-body')
    await person.click(".form-actions .btn-primary")
    await person.sees("Se envió la invitación a eva@example.org.")
    assert person.count == 4


async def test_T_c_a_hundred_thousand_mails_move_between_sub_accounts_in_three_clicks(
    person: Clicks,
):
    services = person.whole.services
    names = ("Comunicación", "Logística")
    one, two = [
        (await services.accounts.add(OPERATOR, name, parent=person.whole.account)).id
        for name in names
    ]
    await services.quota.shares.allocate(OPERATOR, one, 150_000)
    services.sign_in.sessions.everybody_changed()
    await person.home()
    await person.click('.shell-side a[href="/quota"]')
    await person.sees("Mover envíos entre cuentas")
    for name, account in (("source", one), ("target", two)):
        await person.browser.run(
            "document.getElementById(arguments[0]).value = arguments[1]", name, str(account)
        )
    await person.browser.fill("#amount", "100000")
    await person.click("form[action='/quota/move'] .btn-primary")
    await person.sees(f"Se movieron 100{THIN}000 envíos de Comunicación a Logística.")
    assert person.count <= 3
    left = [services.quota.shares.share(account).available for account in (one, two)]
    assert left == [50_000, 100_000]


async def test_T_f_a_key_is_made_and_its_first_mail_is_seen_in_three_clicks(person: Clicks):
    await person.home()
    await person.click('main a[href="/credentials/new"]')
    await person.browser.fill("#name", "ERP")
    await person.click(".form-actions .btn-primary")
    await person.sees("Esperando el primer correo de esta clave…")
    await person.click("button[data-copy='try-it']")
    key = await person.browser.text("#api-key")
    mail = {"from": f"erp@{DOMAIN}", "to": "ok@example.com", "subject": "Hola", "text": "Hola"}
    async with aiohttp.ClientSession(person.whole.url) as session:
        headers = {"Authorization": f"Bearer {key}"}
        async with session.post("/api/v1/messages", json=mail, headers=headers) as response:
            assert response.status == 202, await response.text()
    await person.sees("Recibido.")
    assert person.count == 3


async def test_T_e_a_domain_is_added_and_checked_in_three_clicks(person: Clicks):
    person.whole.services.areas.domains.service._checker._find = _nothing
    await person.home()
    await person.click('.shell-side a[href="/domains"]')
    await person.browser.fill("#domain", "avisos.muni.example")
    await person.click("form[action='/domains'] .btn-primary")
    await person.sees("DKIM")
    await person.click("form[action$='/check'] button")
    await person.sees("Aún falta", "[data-toast]")
    assert person.count == 3


async def _nothing(*_: object) -> tuple[tuple[()], str]:
    """No record is there."""
    return (), "there is no record"


async def test_T_e_suppressions_are_imported_in_three_clicks(person: Clicks, tmp_path: Path):
    file = tmp_path / "bajas.csv"
    file.write_text("correo\r\nno@example.com\r\nnunca@example.com\r\n")
    await person.home()
    await person.click('.shell-side a[href="/suppressions"]')
    await person.choose_file("#file", file)
    await person.click("form[action='/suppressions/import'] .btn-primary")
    await person.sees("2 direcciones")
    assert person.count == 3


async def test_T_e_what_happened_to_an_address_is_found_in_two_clicks(person: Clicks):
    await person.finished("Aviso de búsqueda", 11)
    await person.home()
    address = f"bounce@d1.c{len(person.audiences.rows)}.example.com"
    await person.browser.fill("#top-search", address)
    person.count += 1
    await person.browser.press("Enter")
    await person.sees("Últimos correos para")
    await person.click("tbody a[href^='/activity/']")
    await person.sees("550")
    assert person.count == 2


async def test_T_e_an_unsubscribe_is_undone_in_two_clicks(person: Clicks):
    suppressions = person.whole.services.areas.suppressions.service
    await suppressions.add(OPERATOR, person.whole.account, ["arrepentido@example.com"])
    await person.home()
    await person.browser.fill("#top-search", "arrepentido@example.com")
    person.count += 1
    await person.browser.press("Enter")
    await person.sees("No recibe correo")
    await person.browser.fill("input[name='why']", "lo pidió por escrito")
    await person.click("form[action='/suppressions/remove'] button")
    await person.sees("arrepentido@example.com", ".notice")
    assert person.count == 2
    found = await suppressions.entries(OPERATOR, person.whole.account, search="arrepentido")
    assert found == []


async def test_the_search_is_reached_by_a_key_and_finds_campaigns_and_pages(person: Clicks):
    draft = await person.campaign("Convocatoria 017 de imprenta", 5)
    await person.home()
    await person.browser.run(
        "dispatchEvent(new KeyboardEvent('keydown', {key: 'k', ctrlKey: true, cancelable: true}))"
    )
    assert await person.browser.run("return document.activeElement.id") == "top-search"
    await person.browser.fill("#top-search", "IMPRENTA convocatória")
    await person.browser.press("Enter")
    await person.sees("Convocatoria 017 de imprenta", "main")
    await person.click(f"main a[href='/campaigns/{draft.id}']")
    await person.sees("La campaña", "main")
    await person.browser.open(f"{person.whole.url}search?q=auditoria")
    await person.sees("Auditoría", "main .found")


async def test_a_campaign_is_seen_paused_approved_and_exported_without_scripts(person: Clicks):
    service = person.whole.services.campaigns.service
    waiting = await person.campaign("Por aprobar", 5)
    await service.submit_for_review(OPERATOR, waiting.id)
    running = await person.campaign("Sin scripts", 2_000, rate_per_hour=3_600)
    await person.start(running)
    await person.browser.without_scripts(is_so=True)
    try:
        url = f"{person.whole.url}campaigns/{running.id}"
        await person.browser.open(f"{url}/live")
        assert "correos por minuto" in await person.browser.text()
        await person.click("form[action$='/pause'] button")
        await person.reads("En pausa")
        await person.browser.open(f"{url}/recipients")
        link = await person.browser.attribute("a[href*='recipients.csv']", "href")
        cookies = await person.browser.command("GET", "/cookie")
        jar = {cookie["name"]: cookie["value"] for cookie in cookies}
        async with (
            aiohttp.ClientSession(person.whole.url, cookies=jar) as session,
            session.get(link) as response,
        ):
            assert response.content_type == "text/csv"
            assert b"example.com" in await response.read()
        await person.browser.open(f"{person.whole.url}campaigns/{waiting.id}")
        await person.click("button[formaction$='/approve']")
        await person.reaches(waiting, CampaignStatus.APPROVED)
        assert await person.status(running) is CampaignStatus.PAUSED
    finally:
        await person.browser.without_scripts(is_so=False)
        await service.cancel(OPERATOR, running.id, "")
