"""Exports at the console: asked for, watched, cancelled, downloaded in parts, and only by who may."""

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlmodel import col, select
from typer.testing import CliRunner, Result

from app.ops_cli.command import cli
from ledger.database import Sessions
from office.exports import making
from office.exports.making import Maker
from office.exports.settings import ExportSettings
from office.models import AuditRow
from tests.app.console.seats import PASSWORD, Console, Seat, opened
from tests.ledger import full_book


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PENNYRAIL_EXPORT_FOLDER", str(tmp_path / "exports"))
    return tmp_path / "exports"


@pytest.fixture
def console(sessions: Sessions, folder: Path) -> Iterator[Console]:
    full_book.write(sessions)
    with opened(sessions) as found:
        yield found


def made(console: Console, folder: Path) -> None:
    """Have a worker make what was asked for."""
    maker = Maker(console.sessions, ExportSettings(folder=folder), console.clock)
    while making.make_next(maker):
        pass


def asked(seat: Seat, **fields: str) -> str:
    """The id of an export that was asked for by the form."""
    given = {"data_set": "journal", "format": "csv", "ends": "2099-01-01", **fields}
    answer = seat.send("/console/exports", **given)
    assert answer.status_code == 303, answer.text
    export_id: str = seat.json("/console/exports")["exports"][0]["export_id"]
    return export_id


def audited(console: Console, action: str) -> list[AuditRow]:
    with console.sessions() as session:
        rows = select(AuditRow).where(AuditRow.action == action).order_by(col(AuditRow.audit_id))
        return list(session.exec(rows).all())


def test_an_export_is_asked_for_watched_and_downloaded(console: Console, folder: Path) -> None:
    finance = console.operator("finance")
    assert "Nothing was exported yet." in finance.page("/console/exports")
    assert "Ledger journal" in finance.page("/console/exports/new")

    export_id = asked(finance)
    assert 'hx-trigger="every' in finance.page("/console/exports")
    made(console, folder)
    page = finance.page("/console/exports")
    found = finance.get(f"/console/exports/{export_id}/file")

    assert 'hx-trigger="every' not in page
    assert f"/console/exports/{export_id}/file" in page
    line = finance.json("/console/exports")["exports"][0]
    assert (line["state"], line["rows"], line["bytes"]) == (
        "done",
        len(found.text.splitlines()) - 1,
        len(found.content),
    )
    assert found.headers["content-type"].startswith("text/csv")
    assert 'filename="pennyrail-journal-20990101.csv"' in found.headers["content-disposition"]
    assert found.headers["etag"] == f'"{hashlib.sha256(found.content).hexdigest()}"'
    assert found.content.startswith(b'"transaction_id","reference"')
    assert len(audited(console, "export.create")) == 1
    assert [row.actor for row in audited(console, "export.download")] == [f"operator:{finance.email}"]


def test_a_download_goes_on_where_it_broke_off(console: Console, folder: Path) -> None:
    finance = console.operator("finance")
    path = f"/console/exports/{asked(finance)}/file"
    made(console, folder)
    whole = finance.get(path)

    first = finance.http.get(path, headers={"range": "bytes=0-999"})
    rest = finance.http.get(path, headers={"range": "bytes=1000-", "if-range": whole.headers["etag"]})
    changed = finance.http.get(path, headers={"range": "bytes=1000-", "if-range": '"another"'})

    assert (first.status_code, rest.status_code, changed.status_code) == (206, 206, 200)
    assert first.content + rest.content == whole.content == changed.content
    assert [(row.after or {})["part"] for row in audited(console, "export.download")] == [
        "",
        "bytes=0-999",
        *["bytes=1000-"] * 2,
    ]


def test_the_list_is_a_part_for_htmx(console: Console) -> None:
    finance = console.operator("finance")
    asked(finance)

    part = finance.http.get("/console/exports", headers={"hx-request": "true"}).text

    assert part.lstrip().startswith('<div id="exports"')
    assert "<html" not in part


def test_an_export_is_cancelled(console: Console, folder: Path) -> None:
    finance = console.operator("finance")
    export_id = asked(finance)

    assert finance.send(f"/console/exports/{export_id}/cancel").status_code == 303
    made(console, folder)

    assert finance.json("/console/exports")["exports"][0]["state"] == "cancelled"
    assert finance.get(f"/console/exports/{export_id}/file").status_code == 409
    assert finance.send(f"/console/exports/{export_id}/cancel").status_code == 409
    assert finance.send("/console/exports/export_of_nobody/cancel").status_code == 404


def test_who_may_not_export_gets_nothing_and_it_is_told(console: Console, folder: Path) -> None:
    export_id = asked(console.operator("finance"))
    made(console, folder)
    viewer = console.operator("viewer")
    given = {"data_set": "journal", "format": "csv"}

    refused = [
        viewer.send("/console/exports", **given).status_code,
        viewer.send(f"/console/exports/{export_id}/cancel").status_code,
        viewer.get(f"/console/exports/{export_id}/file").status_code,
        viewer.get("/console/exports/new").status_code,
        viewer.get("/console/agents/agt_1/statement.pdf").status_code,
    ]

    assert refused == [403] * 5
    assert [(row.actor, row.outcome) for row in audited(console, "forbidden.export")] == [
        (f"operator:{viewer.email}", "refused")
    ] * 5
    assert f"/console/exports/{export_id}/file" not in viewer.page("/console/exports")


@pytest.mark.parametrize(
    "fields",
    [
        {"data_set": "purchases", "format": "beancount"},
        {"data_set": "statement", "format": "csv"},
        {"data_set": "../../etc/passwd", "format": "csv"},
        {"begins": "yesterday"},
        {"begins": "2026-02-01", "ends": "2026-01-01"},
    ],
)
def test_what_makes_no_sense_is_refused_in_words(console: Console, fields: dict[str, str]) -> None:
    finance = console.operator("finance")

    answer = finance.send("/console/exports", **{"data_set": "journal", "format": "csv", **fields})

    assert answer.status_code == 409
    assert finance.json("/console/exports")["exports"] == []


def test_an_agents_name_cannot_break_the_page_or_the_file_name(console: Console, folder: Path) -> None:
    finance = console.operator("finance")
    hostile = '<script>alert(1)</script>" \u4e2d'

    export_id = asked(finance, data_set="balances", format="jsonl", agent=hostile)
    made(console, folder)

    assert "<script>alert" not in finance.page("/console/exports")
    name = finance.get(f"/console/exports/{export_id}/file").headers["content-disposition"]
    assert name == 'attachment; filename="pennyrail-balances--script-alert-1---script-----20990101.jsonl"'


def test_a_statement_on_paper_is_sent_at_once(console: Console) -> None:
    finance = console.operator("finance")

    answer = finance.get("/console/agents/agt_1/statement.pdf", **{"from": "2026-01-01", "to": "2099-01-01"})

    assert answer.content.startswith(b"%PDF-")
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-disposition"].endswith('-agt-1-20260101-20990101.pdf"')
    assert [row.about_id for row in audited(console, "statement.download")] == ["agt_1"]
    assert finance.get("/console/agents/agt_unknown/statement.pdf").status_code == 404
    assert finance.get("/console/agents/agt_1/statement.pdf", **{"from": "soon"}).status_code == 409


def test_without_a_folder_nobody_can_ask(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PENNYRAIL_EXPORT_FOLDER", raising=False)
    with opened(sessions) as console:
        finance = console.operator("finance")
        assert "PENNYRAIL_EXPORT_FOLDER" in finance.page("/console/exports/new")
        answer = finance.send("/console/exports", data_set="journal", format="csv")
        assert answer.status_code == 409
        assert "PENNYRAIL_EXPORT_FOLDER" in answer.text


def test_a_long_list_goes_on(console: Console, folder: Path) -> None:
    finance = console.operator("finance")
    for _ in range(51):
        asked(finance)

    first = finance.json("/console/exports")
    second = finance.json("/console/exports", before=first["next"])

    assert (len(first["exports"]), len(second["exports"]), second["next"]) == (50, 1, None)
    assert datetime.fromisoformat(second["exports"][0]["asked_at"]).tzinfo == UTC


def test_an_export_is_asked_for_and_downloaded_by_command(
    console: Console, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENNYRAIL_OPS_SESSION_FILE", str(tmp_path / "operator.json"))
    finance, to = console.enrolled("finance", "finance@example.com"), tmp_path / "book.journal"
    who = ("--email", finance.email, "--password", PASSWORD, "--code", finance.code())
    assert ops("login", "--url", console.url, *who).exit_code == 0

    created = ops("exports", "create", "--data-set", "journal", "--format", "hledger", "--json")
    made(console, folder)
    export_id = json.loads(created.stdout)["export"]["export_id"]
    done = ops("download", f"/console/exports/{export_id}/file", "--to", str(to))

    assert done.exit_code == 0, done.output
    assert to.read_bytes().startswith(b"; Pennyrail.")
    found = json.loads(ops("audit", "list", "--who", "operator:finance@example.com", "--json").stdout)
    assert [(each["action"], each["via"]) for each in found["entries"]][:2] == [
        ("export.download", "ops"),
        ("export.create", "ops"),
    ]


def ops(*words: str) -> Result:
    return CliRunner().invoke(cli, words)
