"""Rooms of a size that one can look over: files up to 400 lines, functions up to 60."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("mta", "console")
MAX_FILE = 400
MAX_FUNCTION = 60
# What may be longer, how long, and why.
LONG_FILES = {
    "mta/delivery/connection.py": (
        410,
        "one asyncio.Protocol: its callbacks share all of its state",
    ),
    "mta/listener/connection.py": (
        410,
        "one asyncio.Protocol: its callbacks share all of its state",
    ),
}
LONG_FUNCTIONS = {
    "mta/engine/assembly.py::assemble_delivery": (65, "a list of who gets what, without a branch"),
}


def sources() -> list[Path]:
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def test_no_file_is_too_long_to_look_over():
    long = {
        str(path.relative_to(ROOT)): lines
        for path in sources()
        if (lines := path.read_text(encoding="utf-8").count("\n"))
        > LONG_FILES.get(str(path.relative_to(ROOT)), (MAX_FILE,))[0]
    }
    assert long == {}


def test_no_function_is_too_long_to_look_over():
    long = {}
    for path in sources():
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                name = f"{path.relative_to(ROOT)}::{node.name}"
                if lines > LONG_FUNCTIONS.get(name, (MAX_FUNCTION,))[0]:
                    long[name] = lines
    assert long == {}


def test_exceptions_are_for_files_that_exist():
    kept = {str(path.relative_to(ROOT)) for path in sources()}
    assert {name.partition("::")[0] for name in (*LONG_FILES, *LONG_FUNCTIONS)} <= kept


def test_every_module_says_what_it_is_for():
    silent = [
        str(path.relative_to(ROOT))
        for path in sources()
        if path.name != "__main__.py"  # two lines
        and (text := path.read_text(encoding="utf-8")).strip()
        and not ast.get_docstring(ast.parse(text))
    ]
    assert silent == []
