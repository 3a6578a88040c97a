"""Templates in a real browser: choosing images and files inside of the editors, drafts, previews."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from console.content.source import SourceKind
from console.templates.values import Draft
from tests.accounts_world import OPERATOR
from tests.e2e.browser import IS_INSTALLED
from tests.e2e.person import Clicks, open_person
from tests.matrix.templates import image

pytestmark = [
    pytest.mark.debian,
    pytest.mark.skipif(not IS_INSTALLED, reason="needs Debian's chromium and chromium-driver"),
    pytest.mark.asyncio(loop_scope="module"),
]
KEPT = "Cambios guardados"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def person(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Clicks]:
    async with open_person(tmp_path_factory.mktemp("templates")) as person:
        yield person


async def _template(person: Clicks, draft: Draft, name: str = "Aviso") -> int:
    service = person.whole.services.areas.templates.service
    return (await service.create(OPERATOR, person.whole.account, name, draft)).id


async def _value(person: Clicks, name: str) -> str:
    return str(await person.browser.run(f"return document.getElementsByName('{name}')[0].value"))


async def test_T_h_an_image_is_uploaded_inside_of_the_editor_and_its_words_are_asked_for(
    person: Clicks, tmp_path: Path
):
    template = await _template(person, Draft(SourceKind.MJML, "Hola", "bulletin"))
    picture = tmp_path / "cronograma.png"
    picture.write_bytes(image())
    await person.browser.open(f"{person.whole.url}templates/{template}")
    await person.click("[data-pick='image'][data-into='slot.image']")
    await person.sees("Subir una imagen nueva")
    await person.browser.choose("#picker-file", picture)
    await person.click(".pick-upload button")
    await person.sees("cronograma.png", "#picker")
    await person.browser.fill("#picker-alt", "Cronograma <2026>")
    await person.click("#picker .btn-primary")
    assert "/i/" in await _value(person, "slot.image.src")
    assert await _value(person, "slot.image.alt") == "Cronograma <2026>"
    await person.sees(KEPT, ".save-state")
    async with person.browser.frame(".mail-frame iframe"):
        shown = await person.browser.run("return document.images.length")
    assert shown >= 1


async def test_T_h_a_file_is_linked_at_the_cursor_and_attached(person: Clicks):
    services = person.whole.services
    await services.areas.templates.media.add_file(
        OPERATOR, person.whole.account, "bases [1].pdf", b"%PDF-1.4"
    )
    source = "<p>Hola, .</p>"
    template = await _template(person, Draft(SourceKind.HTML, "Hola", "", source))
    await person.browser.open(f"{person.whole.url}templates/{template}")
    await person.browser.run(
        "const s = document.getElementById('source'); s.focus(); s.setSelectionRange(9, 9)"
    )
    await person.click("[data-pick='file'][data-into='source']")
    await person.sees("bases [1].pdf", "#picker")
    await person.click(".pick-one")
    await person.click("#picker .btn-primary")
    written = await _value(person, "source")
    assert written.startswith('<p>Hola, <a href="')
    assert written.endswith('">bases [1].pdf</a>.</p>')
    await person.click("[data-mode='attach']")
    await person.sees("bases [1].pdf", "#picker")
    await person.click(".pick-one")
    await person.click("#picker .btn-primary")
    await person.sees(KEPT, ".save-state")
    await person.click("button[value='save']")
    await person.sees("Se guardó una versión nueva.")
    version = await services.areas.templates.service.version(OPERATOR, template)
    assert len(version.draft.files) == 1
    assert "/f/" in version.draft.source


async def test_who_writes_beside_somebody_else_loses_nothing(person: Clicks):
    service = person.whole.services.areas.templates.service
    template = await _template(person, Draft(SourceKind.HTML, "Hola", "", "<p>uno</p>"))
    await person.browser.open(f"{person.whole.url}templates/{template}")
    await person.browser.fill("#source", "<p>lo mío</p>")
    await person.sees(KEPT, ".save-state")
    await service.keep_draft(OPERATOR, template, Draft(SourceKind.HTML, "x", "", "<p>borrador</p>"))
    await service.save(OPERATOR, template, Draft(SourceKind.HTML, "Hola", "", "<p>de otra</p>"))
    await person.click("button[value='save']")
    await person.sees("guardó la versión 2 mientras usted escribía")
    assert await _value(person, "source") == "<p>lo mío</p>"
    await person.click("a[href*='/diff?from=2']")
    await person.sees("lo mío", ".diff ins")
    await person.sees("de otra", ".diff del")
    await person.browser.open(f"{person.whole.url}templates/{template}")
    await person.click("button[name='over']")
    await person.sees("Se guardó una versión nueva.")
    assert (await service.version(OPERATOR, template, 2)).draft.source == "<p>de otra</p>"
    assert (await service.version(OPERATOR, template, 3)).draft.source == "<p>lo mío</p>"


async def test_no_page_of_templates_has_a_violation_of_WCAG_2_1_AA(person: Clicks):
    services = person.whole.services
    name = "Aviso </title><script>x</script>"
    quick = await _template(person, Draft(SourceKind.MJML, "Hola {{ nombre }}", "bulletin"), name)
    code = await _template(person, Draft(SourceKind.HTML, "Hola", "", "<p>uno</p>"))
    await services.areas.templates.service.save(
        OPERATOR, code, Draft(SourceKind.HTML, "Otro", "", "<p>dos</p>")
    )
    await services.areas.templates.media.add_image(OPERATOR, person.whole.account, "l.png", image())
    found = []
    for path in (
        "/templates", "/templates/gallery", "/templates/brand",
        "/templates/media", f"/templates/{quick}", f"/templates/{code}",
        f"/templates/{quick}/preview", f"/templates/{code}/versions",
        f"/templates/{code}/diff?from=1&to=2",
    ):  # fmt: skip
        found += await person.look.page(path)
    await person.browser.open(f"{person.whole.url}templates/{quick}")
    await person.click("[data-pick='image']")
    await person.sees("De la biblioteca", "#picker")
    found += await person.look.here("picker")
    assert not found, "\n".join(found)


async def test_T_n_a_campaign_is_seen_as_a_row_gets_it_on_each_device(person: Clicks):
    campaign = await person.campaign("Vista <i>previa</i>", 3)
    base = f"/campaigns/{campaign.id}"
    found = await person.look.page(f"{base}/preview?row=2")
    found += await person.look.page(f"{base}/send")
    assert not found, "\n".join(found)
    await person.sees("Campos y destinatarios")
    await person.browser.open(f"{person.whole.url.rstrip('/')}{base}/preview?row=2")
    assert (
        await person.browser.run("return document.querySelectorAll('.device iframe').length") == 3
    )
    async with person.browser.frame(".device-phone iframe"):
        await person.sees("Hola persona 1: bases")
    await person.browser.fill("#row", "3")
    await person.click(".row-choice button")
    await person.sees("Hola persona 2", ".lead-text")
