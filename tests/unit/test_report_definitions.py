"""Every figure has one definition, in words of both languages, and its formula is what is computed."""

import ast
from dataclasses import replace

import pytest

from console.pages.texts import load_texts
from console.reports.definitions import BY_KEY, DEFINITIONS, LANGUAGES, load_words
from console.reports.values import COUNTED, PeriodFigures, total

FIGURES = PeriodFigures(
    delivered=900, bounced=70, expired=30, suppressed=11, cancelled=5, unsubscribed=4, complained=2,
    unique_opens=400, total_opens=650, inferred_opens=12, opened_again=90, unique_clicks=80,
    total_clicks=130, bounces={"bad-mailbox": 50, "policy": 20},
)  # fmt: skip
COMPUTED = [one for one in DEFINITIONS if one.formula]


@pytest.mark.parametrize("one", COMPUTED, ids=lambda one: one.key)
def test_T_r_what_is_computed_follows_its_printed_formula(one):
    names = {node.id for node in ast.walk(ast.parse(one.formula)) if isinstance(node, ast.Name)}
    assert names <= BY_KEY.keys()
    values = {name: getattr(FIGURES, name) for name in names}
    assert getattr(FIGURES, one.key) == eval(one.formula, {}, values)  # our own text


@pytest.mark.parametrize("name", COUNTED)
def test_T_b_every_counted_figure_has_a_definition(name):
    assert BY_KEY[name].formula == ""


@pytest.mark.parametrize("language", LANGUAGES)
def test_pages_and_files_say_it_in_the_same_words(language):
    texts = load_texts()[language]
    for key, words in load_words(language).items():
        assert texts(f"definition.{key}.name") == words.name
        assert texts(f"definition.{key}.meaning") == words.meaning


def test_a_share_of_nothing_is_no_share():
    nothing = PeriodFigures()
    shares = (nothing.success, nothing.open_rate, nothing.reopen_rate, nothing.click_rate)
    assert shares == (None, None, None, None)
    assert nothing.is_empty


def test_who_opened_mail_that_came_back_does_not_make_the_unopened_negative():
    assert replace(FIGURES, delivered=300).not_opened == 0


def test_a_total_is_the_sum_of_its_parts_with_the_bounces_by_class():
    both = total([FIGURES, replace(FIGURES, bounces={"policy": 60})])
    assert all(getattr(both, name) == 2 * getattr(FIGURES, name) for name in COUNTED)
    assert both.bounces == {"policy": 80, "bad-mailbox": 50}
    assert list(both.bounces) == ["policy", "bad-mailbox"]
