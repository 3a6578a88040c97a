"""A certificate of training: one page that says who learned what, and a code to check it."""

import asyncio
import re
import subprocess
from dataclasses import replace
from datetime import date

import pytest

from console.pages.certificate_document import certificate_document, certificate_pdf, hours
from console.pages.texts import load_texts
from console.training.certificates import Certificate, Topic, plain_code, verification_code

TEXTS = load_texts()
SAMPLE = Certificate(
    number="2026-0001",
    person="Rosa <Quispe> Mamani",
    account="Entidad de Ejemplo",
    topics=[Topic(f"Tema {n}: importar destinatarios y corregir errores", 20) for n in range(12)],
    minutes=240,
    finished_on=date(2026, 11, 23),
    code=verification_code("secreto", "1"),
    verify_url="https://correo.example.org/certificate/ABCD-EFGH",
    issuer="Relevo",
    contract="N.º 012-2026",
    place="Lima",
    signatures=["Instructora\nNombre y firma", "Por la entidad"],
)


@pytest.mark.parametrize("language", ["es", "en"])
def test_T_p_a_certificate_says_who_what_and_how_to_check_it(language):
    html = certificate_document(SAMPLE, TEXTS[language])
    for said in (
        "Rosa &lt;Quispe&gt; Mamani",
        SAMPLE.number,
        SAMPLE.code,
        SAMPLE.verify_url,
        "<svg",
    ):
        assert said in html
    assert html.count("<li>") == len(SAMPLE.topics)
    assert {"es": "4 horas", "en": "4 hours"}[language] in html


def test_T_p_a_certificate_is_one_page(tmp_path):
    pdf = asyncio.run(certificate_pdf(SAMPLE, TEXTS["es"]))
    assert pdf is not None
    (tmp_path / "one.pdf").write_bytes(pdf)
    told = subprocess.run(
        ["pdfinfo", str(tmp_path / "one.pdf")], capture_output=True, text=True, check=True
    )
    assert re.search(r"^Pages: +1$", told.stdout, re.MULTILINE)


def test_one_without_contract_place_and_address_leaves_them_out():
    bare = replace(SAMPLE, verify_url="", contract="", place="", signatures=())
    html = certificate_document(bare, TEXTS["es"])
    assert "<svg" not in html
    assert "Contrato" not in html


def test_hours_are_said_in_words():
    assert hours(240, TEXTS["es"]) == "4 horas"
    assert hours(90, TEXTS["es"]) == "1 hora y 30 minutos"
    assert hours(45, TEXTS["en"]) == "45 minutes"


def test_codes_differ_and_are_read_as_people_type_them():
    one, other = verification_code("a", "1"), verification_code("a", "2")
    assert one != other
    assert re.fullmatch(r"([2-9A-HJ-KM-NP-Z]{4}-){3}[2-9A-HJ-KM-NP-Z]{4}", one)
    assert plain_code(f" {one.lower().replace('-', ' ')} ") == one
