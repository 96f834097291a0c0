"""Every case of the page of failures names a test that exists."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "failure-cases.md"
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def rows() -> list[str]:
    """The rows of the page's tables, without their heads."""
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("|")]
    return [line for line in lines if not re.match(r"\| *(case|---|-)", line.lower())]


def test_every_case_names_its_test() -> None:
    nameless = [row for row in rows() if not NAMED.search(row)]

    assert not nameless


def test_every_named_test_exists() -> None:
    named = set(NAMED.findall(PAGE.read_text()))
    missing = [
        f"{path}::{name}"
        for path, name in sorted(named)
        if not (ROOT / path).is_file() or f"def {name}(" not in (ROOT / path).read_text()
    ]

    assert not missing
    assert len(named) > 80


def test_every_group_of_the_watchers_checklist_is_there() -> None:
    chain = PAGE.read_text().partition("## The watcher")[2].partition("\n## ")[0]
    numbers = {int(found) for found in re.findall(r"^\| *(\d+)\b", chain, re.MULTILINE)}

    assert numbers == set(range(1, 26))
