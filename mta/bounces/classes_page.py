"""The table of the bounce classes in `docs/reference/bounce-classes.md`; a test compares the two."""

from mta.bounces.classes import MEANINGS
from mta.bounces.explanations import explanation


def classes_table() -> str:
    """The table as Markdown."""
    head = "| class | meaning | what Relevo does | suppresses | in Spanish |\n"
    rows = [head, "| --- | --- | --- | --- | --- |\n"]
    for bounce_class, meaning in MEANINGS.items():
        hard = "yes" if bounce_class.is_hard else "no"
        spanish = explanation(bounce_class, "es")
        rows.append(
            f"| `{bounce_class}` | {meaning.what} | {meaning.action} | {hard} | {spanish} |\n"
        )
    return "".join(rows)
