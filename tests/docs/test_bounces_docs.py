"""The reference of the bounce classes is the classes' own text."""

from pathlib import Path

from mta.bounces.classes_page import classes_table

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "bounce-classes.md"


def test_the_reference_explains_every_class_as_defined():
    assert classes_table() in PAGE.read_text()
