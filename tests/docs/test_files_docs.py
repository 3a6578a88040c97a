"""The reference of files has every folder that code makes below the data directory."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FOLDER = re.compile(r'^FOLDER = "([a-z]+)"', re.MULTILINE)


def test_the_reference_names_every_folder_of_the_data_directory():
    made = {
        name
        for part in ("console", "mta")
        for path in (ROOT / part).rglob("*.py")
        for name in _FOLDER.findall(path.read_text(encoding="utf-8"))
    }
    page = (ROOT / "docs" / "reference" / "files.md").read_text(encoding="utf-8")
    assert {"exports", "letters", "reports", "tables", "uploads"} <= made
    assert {name for name in made if f"| `{name}/" not in page} == set()
