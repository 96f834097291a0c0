"""What an agent's command waits for before it speaks: nothing of the service."""

import subprocess
import sys

import pytest

from tests.client_cli.conftest import Shell

SERVICE = (
    "ledger",
    "rails",
    "workers",
    "sandbox",
    "app.settings",
    "sqlalchemy",
    "sqlmodel",
    "fastapi",
    "celery",
)


def imported(shell: Shell, *words: str) -> set[str]:
    """Every module that a command has imported by its end."""
    watched = (
        "import sys\n"
        "from app.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit:\n    print(*sys.modules, file=sys.stderr)\n"
    )
    given = {name: value for name, value in shell.environment().items() if value is not None}
    done = subprocess.run(
        [sys.executable, "-c", watched, *words],
        env={"PYTHONPATH": ":".join(filter(None, sys.path)), **given},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return set(done.stderr.split())


@pytest.mark.parametrize(
    ("words", "speaks"),
    [(("--help",), False), (("credits", "methods"), True), (("credits", "buy"), False), (("whoami",), False)],
)
def test_no_command_of_agents_imports_the_service(alone: Shell, words: tuple[str, ...], speaks: bool) -> None:
    modules = imported(alone, *words)

    assert "app.client_cli.credits" in modules
    assert modules.isdisjoint(SERVICE), modules & set(SERVICE)
    assert ("httpx" in modules) is speaks


def test_a_group_of_operators_is_imported_when_it_is_used(alone: Shell) -> None:
    assert "ledger.database" in imported(alone, "ledger", "--help")
