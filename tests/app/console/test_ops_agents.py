"""Agents on operators' command line."""

import json
from pathlib import Path

import pytest
from sqlmodel import col, select
from typer.testing import CliRunner, Result

from app.ops_cli.command import cli
from office.models import AuditRow
from tests.app.console.seats import PASSWORD, Console


def ops(*words: str) -> Result:
    return CliRunner().invoke(cli, words)


def test_an_agent_is_found_frozen_and_let_go_from_the_command_line(
    console: Console, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PENNYRAIL_OPS_SESSION_FILE", str(tmp_path / "operator.json"))
    agent, _ = console.agent("painter")
    seat = console.enrolled("support", "sue@example.com")
    who = ("--email", seat.email, "--password", PASSWORD, "--code", seat.code())
    assert ops("login", "--url", console.url, *who).exit_code == 0

    found = json.loads(ops("agents", "list", "--q", "PAINT", "--json").stdout)["agents"]
    frozen = json.loads(ops("agents", "freeze", agent, "--reason", "stolen", "--json").stdout)
    twice = ops("agents", "freeze", agent, "--reason", "stolen")
    shown = json.loads(ops("agents", "show", agent, "--json").stdout)
    lifted = ops("agents", "lift-freeze", agent, str(frozen["freeze_id"]), "--reason", "found again")

    assert [each["agent_id"] for each in found] == [agent]
    assert (twice.exit_code != 0, "for this reason" in twice.stderr) == (True, True)
    assert [each["reason"] for each in shown["freezes"]] == ["stolen"]
    assert lifted.exit_code == 0
    with console.sessions() as session:
        rows = session.exec(
            select(AuditRow).where(AuditRow.about_id == agent).order_by(col(AuditRow.audit_id))
        )
        assert [(row.action, row.via, row.actor) for row in rows] == [
            ("agent.freeze", "ops", "operator:sue@example.com"),
            ("agent.lift_freeze", "ops", "operator:sue@example.com"),
        ]
