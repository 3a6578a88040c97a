"""The page of figures says what the definitions say."""

from pathlib import Path

from console.reports.definitions import DEFINITIONS, load_words

PAGE = Path(__file__).parents[2] / "docs/explanation/figures.md"


def test_the_page_of_figures_has_every_definition_in_its_words():
    words = load_words("en")
    lines = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `")]
    wanted = []
    for one in DEFINITIONS:
        formula = f"`{one.formula}`" if one.formula else ""
        cells = [f"`{one.key}`", words[one.key].name, words[one.key].meaning, formula]
        wanted.append(f"| {' | '.join([*cells, ', '.join(one.clauses)])} |")
    assert [line for line in lines if line in wanted] == wanted
