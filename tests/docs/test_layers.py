"""Every package has its place in the layers that `lint-imports` enforces, and in the page on them."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/explanation/architecture.md"
ROOTS = ("console", "mta")


def packages() -> set[str]:
    return {
        f"{root}.{path.parent.name}"
        for root in ROOTS
        for path in (ROOT / root).glob("*/__init__.py")
    }


def layers() -> list[str]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = settings["tool"]["importlinter"]["contracts"]
    return contract["layers"]


def named(line: str) -> list[str]:
    return re.findall(r"\b(?:console|mta)\.[a-z]+\b", line)


def test_every_package_has_a_layer():
    found = [package for line in layers() for package in named(line)]
    assert sorted(found) == sorted(packages())
    assert not [line for line in layers() if "(" in line], "no layer may be missing"


def test_the_page_on_architecture_shows_these_layers():
    page = PAGE.read_text(encoding="utf-8")
    (shown,) = re.findall(r"^```\n(console\.cli .*?)^```$", page, re.M | re.S)
    in_contract = [package for line in layers() for package in named(line)]
    assert named(shown) == in_contract
