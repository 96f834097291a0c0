"""The documents name only what exists."""

import re
import shlex
from pathlib import Path

import pytest
import typer

from app import http_errors
from app.cli import cli

ROOT = Path(__file__).parents[2]
PATH = re.compile(r"`((?:ledger|rails|outbound|office|workers|app|sandbox|tests|bench|docs)/[\w./-]*)`")

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/**/*.md")])
LINK = re.compile(r"(?<!`)!?\[[^\]`]*(?:`[^`]*`[^\]`]*)*\]\(([^)\s]+)\)")
TARGET = re.compile(r"`make ([a-z][a-z-]*)")
MADE = re.compile(r"^make ([a-z][a-z-]*)", re.MULTILINE)
BLOCK = re.compile(r"^```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# The words after our program's name, up to a comment or whatever the shell does with them next.
OURS = re.compile(r"(?:^|\$\(|[|&;])\s*(?:\.venv/bin/)?pennyrail ([a-z][^#|>;)&]*)")


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


def test_every_link_of_a_page_leads_somewhere() -> None:
    links = [(page, link) for page in PAGES for link in LINK.findall(page.read_text())]
    inside = [(page, link) for page, link in links if "://" not in link and not link.startswith("mailto:")]

    broken = [
        f"{page.relative_to(ROOT)}: {link}" for page, link in inside if not _leads_somewhere(page, link)
    ]

    assert len(inside) > 50
    assert broken == []


def _leads_somewhere(page: Path, link: str) -> bool:
    path, _, heading = link.partition("#")
    target = page.parent / path if path else page
    return target.exists() and (not heading or heading in _anchors(target))


def _anchors(page: Path) -> set[str]:
    """What links may name after a #: headings, as code hosts spell them, and places that are set."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = [heading.strip().lower() for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)]
    made = {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in headings}
    return made | set(re.findall(r'<a id="([^"]+)"', text))


def test_every_command_in_a_block_of_a_page_is_one_of_ours() -> None:
    typed = [line for page in PAGES for block in BLOCK.findall(page.read_text()) for line in _typed(block)]

    wrong = {line: said for line in typed if (said := _wrong_in(line))}

    assert len(typed) > 50
    assert wrong == {}


def _typed(block: str) -> list[str]:
    return [words for line in block.replace("\\\n", " ").splitlines() for words in OURS.findall(line)]


def _wrong_in(typed: str) -> str:
    """What is wrong with the words after `pennyrail`, nothing if a command takes them."""
    command, words = typer.main.get_command(cli), shlex.split(typed)
    context = typer.Context(command)
    while words and hasattr(command, "get_command"):
        found = command.get_command(context, words[0])
        if found is None:
            return f"no command {words[0]}"
        command, context, words = found, typer.Context(found, parent=context), words[1:]
    options = {name for each in command.params for name in (*each.opts, *each.secondary_opts)}
    return ", ".join(word for word in words if word.startswith("--") and word.split("=")[0] not in options)


def test_every_target_that_a_page_names_is_one_of_the_makefile() -> None:
    texts = [page.read_text() for page in PAGES]
    in_blocks = {name for text in texts for block in BLOCK.findall(text) for name in MADE.findall(block)}

    named = in_blocks | {name for text in texts for name in TARGET.findall(text)}

    assert in_blocks >= {"demo", "dev"}
    assert named <= _targets()


def _targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_every_target_of_the_makefile_is_explained() -> None:
    makefile = (ROOT / "Makefile").read_text()

    phony = set(re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[0].split())

    assert phony == _targets()


def test_every_decision_says_context_decision_consequences_and_alternatives() -> None:
    for page in (ROOT / "docs" / "decisions").glob("*.md"):
        headings = re.findall(r"^## (.*)$", page.read_text(), re.MULTILINE)
        assert headings == ["Context", "Decision", "Consequences", "Alternatives"], page.name


def test_every_status_has_an_exit_code_of_the_contract() -> None:
    assert {status.exit_code for status in http_errors.STATUS.values()} <= {1, 2, 3, 4, 5, 7}
