"""The checker of accessibility (axe-core) in the pages of a browser; from npm, as the lock pins it."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.e2e.browser import Browser

FOLDER = Path(__file__).parent.parent / "browser"
NPM_DEADLINE_S = 180.0
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]


def axe_source() -> str:
    """The script; skips the test where npm is not there."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    script = FOLDER / "node_modules" / "axe-core" / "axe.min.js"
    wanted = json.loads((FOLDER / "package-lock.json").read_text())["packages"]
    version = wanted["node_modules/axe-core"]["version"]
    if not script.exists() or f"axe v{version}" not in script.read_text("utf-8")[:200]:
        subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=FOLDER, check=True, timeout=NPM_DEADLINE_S, capture_output=True,
        )  # fmt: skip
    return script.read_text("utf-8")


async def violations(browser: Browser, source: str) -> list[str]:
    """What is wrong with the page for WCAG 2.1 A and AA: rule, and where."""
    if not await browser.run("return typeof window.axe !== 'undefined';"):
        await browser.run(f"{source}; window.axe = window.axe || axe;")
    found = await browser.run(
        """return Promise.allSettled(document.getAnimations().map((a) => a.finished))  // colours that move
           .then(() => axe.run(document, {runOnly: arguments[0], resultTypes: ["violations"]}))
           .then((r) => r.violations.flatMap((v) => v.nodes.map(
             (n) => `${v.id}: ${n.target.join(" ")}: ${n.failureSummary}`)));""",
        RULES,
    )
    return list(found)
