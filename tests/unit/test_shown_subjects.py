"""Subjects of stored mail, as lists show them."""

import pytest

from console.pages.subjects import shown_subject


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ("Boletín", "Boletín"),
        ("=?utf-8?q?Bolet=C3=ADn?=", "Boletín"),
        ('Hola {{ nombre | default: "vecina" }}: aviso', "Hola [nombre]: aviso"),
        ("{{razón social}}", "[razón social]"),
        ("{% if vip %}Gracias{% else %}Hola{% endif %}, {{ n }}", "GraciasHola, [n]"),
        ("100 % {seguro} }} {{", "100 % {seguro} }} {{"),
        ("", ""),
    ],
)
def test_a_subject_is_decoded_and_its_fields_are_names(stored, shown):
    assert shown_subject(stored) == shown
