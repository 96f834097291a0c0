"""Every threat, and every point of the checklist, names a test that exists."""

import re

import pytest

from tests.house.test_failure_cases import NAMED, ROOT

PAGES = {"threat-model.md": 50, "security-checklist.md": 20}


def rows(page: str) -> list[str]:
    """The rows of the page's tables, without their heads and the list of assets."""
    told = (ROOT / "docs" / page).read_text().partition("## Boundaries")
    lines = (told[2] or told[0]).splitlines()
    return [line for line in lines if re.match(r"\| *(\d+|[STRIDE]) *\|", line)]


@pytest.mark.parametrize("page", PAGES)
def test_every_row_names_its_tests(page: str) -> None:
    found = rows(page)

    assert len(found) >= PAGES[page]
    assert not [row for row in found if not NAMED.search(row)]


@pytest.mark.parametrize("page", PAGES)
def test_every_test_that_is_named_exists(page: str) -> None:
    named = set(NAMED.findall((ROOT / "docs" / page).read_text()))

    missing = [
        f"{path}::{name}"
        for path, name in sorted(named)
        if not (ROOT / path).is_file() or f"def {name}(" not in (ROOT / path).read_text()
    ]

    assert not missing


def test_the_checklist_has_its_twenty_points() -> None:
    numbers = [int(row.split("|")[1]) for row in rows("security-checklist.md")]

    assert numbers == list(range(1, 21))


def test_every_boundary_of_the_drawing_has_its_threats() -> None:
    page = (ROOT / "docs" / "threat-model.md").read_text()

    drawn = set(re.findall(r"\|(\d) ", page.partition("```mermaid")[2].partition("```")[0]))

    assert drawn == set(re.findall(r"^## (\d) ", page, re.MULTILINE))
