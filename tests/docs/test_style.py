"""Rooms of a size that one can look over: files up to 400 lines, functions up to 60."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("mta", "console")
MAX_FILE = 400
MAX_FUNCTION = 60


def sources() -> list[Path]:
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def test_no_file_is_too_long_to_look_over():
    long = {
        str(path.relative_to(ROOT)): lines
        for path in sources()
        if (lines := path.read_text(encoding="utf-8").count("\n")) > MAX_FILE
    }
    assert long == {}


def test_no_function_is_too_long_to_look_over():
    long = {}
    for path in sources():
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > MAX_FUNCTION:
                    long[f"{path.relative_to(ROOT)}::{node.name}"] = lines
    assert long == {}


def test_every_module_says_what_it_is_for():
    silent = [
        str(path.relative_to(ROOT))
        for path in sources()
        if path.name != "__main__.py"  # two lines
        and (text := path.read_text(encoding="utf-8")).strip()
        and not ast.get_docstring(ast.parse(text))
    ]
    assert silent == []
