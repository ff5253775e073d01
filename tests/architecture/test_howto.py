"""The how-to pages tell the truth: every file they name exists, and every common change has its page."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs" / "how-to").glob("*.md"))
CHANGES = {
    "add-a-question",
    "add-a-stream",
    "add-a-detector",
    "change-a-rule",
    "change-a-detector",
    "judge-a-file",
    "trace-from-files",
    "run-on-spark",
    "simulate-a-city",
    "score-a-scenario",
    "run-a-drill",
    "add-a-step",
    "react-to-something",
    "accept-a-spreadsheet",
    "give-a-role-a-right",
    "back-up-and-restore",
    "keep-and-destroy",
    "publish-to-the-public",
    "take-a-photo",
}
NAMED = re.compile(r"`((?:src|tests|docs|scripts|benchmarks)/[^`\s]*|[A-Z]+\.md)`")


def test_every_common_change_has_its_page():
    assert {page.stem for page in PAGES} == CHANGES


@pytest.mark.parametrize(
    "page", [*PAGES, ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md"], ids=lambda page: page.stem
)
def test_every_file_a_page_names_exists(page):
    missing = [name for name in NAMED.findall(page.read_text(encoding="utf-8")) if not (ROOT / name).exists()]

    assert missing == []
