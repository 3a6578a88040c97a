"""The table of the bounce classes in `docs/reference/bounce-classes.md`; a test compares the two."""

from mta.bounces.classes import MEANINGS


def classes_table() -> str:
    """The table as Markdown."""
    rows = ["| class | meaning | what Relevo does | suppresses |\n", "| --- | --- | --- | --- |\n"]
    for bounce_class, meaning in MEANINGS.items():
        hard = "yes" if bounce_class.is_hard else "no"
        rows.append(f"| `{bounce_class}` | {meaning.what} | {meaning.action} | {hard} |\n")
    return "".join(rows)
