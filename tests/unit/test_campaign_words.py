"""Names that pages give to campaigns made of others."""

from console.campaigns.checks import MAX_NAME, checked_name
from console.pages.campaign_words import copy_name


def test_a_copy_is_told_from_its_campaign_and_a_copy_of_it_not_marked_twice():
    assert copy_name("Aviso", "copia") == "Aviso (copia)"
    assert copy_name("Aviso (copia)", "copia") == "Aviso (copia)"
    assert copy_name("Aviso (copia)", "corrección") == "Aviso (copia) (corrección)"


def test_the_mark_of_a_copy_fits_the_longest_name():
    named = copy_name("a" * MAX_NAME, "copia")
    assert checked_name(named) == named
    assert named.endswith("a (copia)")
