"""The commands that read the book, for people and for machines."""

import json
import os
import subprocess
import sys

import pytest

from ledger.database import Sessions
from tests.ledger.story import AGENT, everything

YEARS = ["--from", "2020-01-01", "--to", "2100-01-01T00:00:00Z"]


def run(database_url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "app.cli", "ledger", *arguments],
        env={**os.environ, "DATABASE_URL": database_url, "COLUMNS": "200", "TERMINAL_WIDTH": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("balance", AGENT),
        ("statement", AGENT, *YEARS),
        ("statement", "spent", *YEARS),
        ("explain", AGENT),
        ("trial-balance",),
        ("roll-forward", *YEARS),
    ],
    ids=" ".join,
)
def test_every_report_is_a_table_for_people_and_json_for_machines(
    sessions: Sessions, database_url: str, arguments: tuple[str, ...]
) -> None:
    everything(sessions)

    shown, told = run(database_url, *arguments), run(database_url, *arguments, "--json")

    assert (shown.returncode, shown.stderr) == (0, "")
    assert len(shown.stdout.splitlines()) > 3
    assert isinstance(json.loads(told.stdout), dict)


def test_a_long_statement_is_read_page_by_page(sessions: Sessions, database_url: str) -> None:
    everything(sessions)

    first = json.loads(run(database_url, "statement", AGENT, *YEARS, "--lines", "5", "--json").stdout)
    second = json.loads(
        run(database_url, "statement", AGENT, *YEARS, "--after", first["next"], "--json").stdout
    )

    assert [line["seq"] for line in first["lines"]] == [1, 2, 3, 4, 5]
    assert second["lines"][0]["seq"] == 6
    assert second["opening"] == first["closing"]
    assert second["next"] is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("balance", "nobody"), "unknown_account: no such account: agent:nobody"),
        (("explain", "nobody"), "unknown_account"),
        (("statement", "nobody", *YEARS), "unknown_account"),
        (("balance", "no body"), "neither an agent nor an account"),
        (("explain", "agent:nobody"), "neither an agent nor an account"),
        (("balance", AGENT, "--at", "yesterday"), "is no time"),
        (("balance", AGENT, "--at", "0001-01-01"), "malformed_posting"),
        (("statement", AGENT, "--from", "2026-01-02", "--to", "2026-01-01"), "before it begins"),
        (("statement", AGENT, *YEARS, "--after", "x"), "cursor"),
        (("statement", AGENT, *YEARS, "--lines", "0"), "lines"),
        (("roll-forward", "--from", "2026-13-01", "--to", "2026-01-01"), "is no time"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_question_that_makes_no_sense_is_answered_in_words(
    sessions: Sessions, database_url: str, arguments: tuple[str, ...], said: str
) -> None:
    everything(sessions)

    refused = run(database_url, *arguments)

    assert refused.returncode != 0
    assert said in refused.stderr
    assert "Traceback" not in refused.stderr
