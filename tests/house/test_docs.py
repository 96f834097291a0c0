"""The documents name only what exists."""

import re
from pathlib import Path

import pytest

from app import http_errors
from app.cli import cli

ROOT = Path(__file__).parents[2]
PATH = re.compile(r"`((?:ledger|rails|outbound|office|workers|app|sandbox|tests|bench|docs)/[\w./-]*)`")


@pytest.mark.parametrize(
    "page", ["ARCHITECTURE.md", "README.md", *sorted(map(str, (ROOT / "docs" / "decisions").glob("*.md")))]
)
def test_every_path_in_a_document_exists(page: str) -> None:
    named = PATH.findall((ROOT / page).read_text())

    missing = [path for path in named if not ((ROOT / path).exists() or (ROOT / f"{path}.py").exists())]

    assert missing == []


def test_every_command_of_the_readme_exists() -> None:
    commands = {
        command.name or command.callback.__name__ for command in cli.registered_commands if command.callback
    }
    groups = {group.name for group in cli.registered_groups}

    named = set(re.findall(r"`pennyrail ([\w-]+)", (ROOT / "README.md").read_text()))

    assert named <= commands | groups
    of_agents = {"signup", "whoami", "usage", "quota", "top-up", "doctor"}
    assert commands <= of_agents | {
        "alive",
        "api",
        "mcp",
        "worker",
        "watcher",
        "beat",
        "migrate",
        "connections",
        "dev",
        "demo",
    }


def test_every_target_of_the_makefile_is_explained() -> None:
    makefile = (ROOT / "Makefile").read_text()

    phony = set(re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[0].split())

    assert phony == set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))


def test_every_decision_says_context_decision_consequences_and_alternatives() -> None:
    for page in (ROOT / "docs" / "decisions").glob("*.md"):
        headings = re.findall(r"^## (.*)$", page.read_text(), re.MULTILINE)
        assert headings == ["Context", "Decision", "Consequences", "Alternatives"], page.name


def test_every_status_has_an_exit_code_of_the_contract() -> None:
    assert {status.exit_code for status in http_errors.STATUS.values()} <= {1, 2, 3, 4, 5, 7}
