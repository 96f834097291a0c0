"""Journals for Beancount and hledger, read by Beancount and hledger themselves."""

import csv
import io
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import unquote

import pytest
from beancount import loader
from beancount.core import realization

from ledger import book, chart, reports
from ledger.book import Leg, Posting
from ledger.database import Sessions
from ledger.money import USD, Amount
from office.exports import account_names
from tests.ledger import full_book, make
from tests.office.exporting import LATER, written
from tests.simulation.play import play

HOSTILE = (
    'a "quoted" one; with | bars',
    'back\\slash \\" and {braces} #tag ^link',
    "date:2020-99-99, assertion: = 5 USD",
    "a tag: of, its own: 100%",
    'new\nline\n2026-01-01 * "forged"\n  Assets:Bank  5 USD',
    "two  spaces ; and = 3 USD",
    "\u202ertl \u4e2d\u6587 \x07 = @ *",
    "* ! (code) 2026-01-01",
)
Totals = Mapping[tuple[str, str], Decimal]


@pytest.fixture
def hledger() -> str:
    found = shutil.which("hledger")
    if found is None:
        pytest.skip("hledger is not installed: apt-get install hledger")
    return found


def hostile(sessions: Sessions) -> None:
    """A book in which everything has happened, to accounts and under references that nobody would choose."""
    full_book.write(sessions)
    with sessions() as session:
        for number, reference in enumerate(HOSTILE):
            clearing = chart.clearing(("A._-b", "-", "_", ".x", "0-x", "Z--2e", "UPPER", "9")[number])
            legs = Leg(clearing, Amount(-1_00 - number, USD)), Leg(chart.BANK, Amount(1_00 + number, USD))
            book.post(session, Posting(reference, 'k"i;n d', legs, make.NOON, 'ev"il, actor:\\', {}))
    full_book.do(sessions, make.grant("w1", 7, agent="A.b_c-D"), make.debit("w2", 2, agent="A.b_c-D"))


def trial(sessions: Sessions, *, at: datetime = LATER) -> Totals:
    """The trial balance as accountants sign it, by names in journals, agents together."""
    with sessions() as session:
        lines = reports.trial_balance(session, at=at - timedelta(microseconds=1)).lines
    names = {
        line: account_names.AGENTS if line.account == "agents" else account_names.outside(line.account)
        for line in lines
    }
    return {
        (name, line.amount.asset.code): Decimal((-line.amount).decimal())
        for line, name in names.items()
        if line.amount.units
    }


def summed(totals: list[tuple[str, str, Decimal]]) -> Totals:
    """Totals of accounts, those of agents together."""
    found: dict[tuple[str, str], Decimal] = {}
    for name, asset, amount in totals:
        group = account_names.AGENTS if name.startswith(account_names.AGENTS) else name
        found[group, asset] = found.get((group, asset), Decimal(0)) + amount
    return {key: amount for key, amount in found.items() if amount}


def in_beancount(file: Path) -> Totals:
    """What Beancount makes of a journal, which it must find nothing wrong with."""
    check = [sys.executable, "-c", "import sys; from beancount.scripts.check import main; main()", str(file)]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    entries, errors, _ = loader.load_file(str(file))
    assert not errors, errors[:5]
    return summed(
        [
            (account.account, position.units.currency, position.units.number or Decimal(0))
            for account in realization.iter_children(realization.realize(entries))  # type: ignore[no-untyped-call]
            for position in account.balance
        ]
    )


def run(*words: str) -> str:
    """What hledger says. Its own locale may not know the letters that stand in a book."""
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C.UTF-8"}
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def in_hledger(hledger: str, file: Path) -> Totals:
    """What hledger makes of a journal, which it must find nothing wrong with."""
    run(hledger, "-f", str(file), "check", "--strict")
    told = run(hledger, "-f", str(file), "balance", "--flat", "--no-total", "-O", "csv", "--layout", "bare")
    _, *rows = csv.reader(io.StringIO(told))
    return summed([(name, asset, Decimal(amount)) for name, asset, amount in rows])


@pytest.mark.parametrize("fill", [full_book.write, hostile])
def test_both_programs_check_the_journal_and_find_the_trial_balance(
    sessions: Sessions, tmp_path: Path, hledger: str, fill: object
) -> None:
    assert callable(fill)
    fill(sessions)
    files = {name: tmp_path / f"book.{name}" for name in ("beancount", "hledger")}
    for name, file in files.items():
        file.write_bytes(written(sessions, "journal", name))

    expected = trial(sessions)

    assert expected
    assert in_beancount(files["beancount"]) == expected
    assert in_hledger(hledger, files["hledger"]) == expected


@pytest.mark.parametrize("seed", [5])
def test_a_book_of_the_simulation_is_the_same_in_both_programs(
    database_url: str, sessions: Sessions, tmp_path: Path, hledger: str, seed: int
) -> None:
    played = play(database_url, seed=seed, steps=250)
    assert played.broken == []
    files = {name: tmp_path / f"book.{name}" for name in ("beancount", "hledger")}
    for name, file in files.items():
        file.write_bytes(written(sessions, "journal", name))

    expected = trial(sessions)

    assert len(expected) > 5
    assert in_beancount(files["beancount"]) == expected
    assert in_hledger(hledger, files["hledger"]) == expected


def test_references_lead_back_whatever_stands_in_them(
    sessions: Sessions, tmp_path: Path, hledger: str
) -> None:
    hostile(sessions)
    for name in ("beancount", "hledger"):
        (tmp_path / name).write_bytes(written(sessions, "journal", name))

    tags = run(hledger, "-f", str(tmp_path / "hledger"), "tags", "--values", "^reference$")
    entries, _, _ = loader.load_file(str(tmp_path / "beancount"))

    assert set(HOSTILE) <= {unquote(tag) for tag in tags.splitlines()}
    in_one_line = {"".join(each if each.isprintable() else " " for each in told) for told in HOSTILE}
    assert in_one_line <= {each.meta["reference"] for each in entries if "reference" in each.meta}
    descriptions = run(hledger, "-f", str(tmp_path / "hledger"), "descriptions")
    assert 'k"i,n d | a "quoted" one, with / bars' in descriptions


def test_a_period_opens_with_what_was_there_before(sessions: Sessions, tmp_path: Path, hledger: str) -> None:
    full_book.write(sessions)
    with sessions() as session:
        begins_at: datetime = (
            session.connection()
            .exec_driver_sql("SELECT created_at FROM ledger_transaction ORDER BY id OFFSET 20 LIMIT 1")
            .scalar_one()
        )
    files = {name: tmp_path / f"part.{name}" for name in ("beancount", "hledger")}
    for name, file in files.items():
        file.write_bytes(written(sessions, "journal", name, begins_at=begins_at))

    assert b"opening balances" in files["hledger"].read_bytes()
    assert b"(3)" not in files["hledger"].read_bytes()
    assert in_beancount(files["beancount"]) == trial(sessions)
    assert in_hledger(hledger, files["hledger"]) == trial(sessions)


def test_what_is_not_in_the_trial_balance_is_found(sessions: Sessions, tmp_path: Path, hledger: str) -> None:
    full_book.write(sessions)
    file = tmp_path / "book.journal"
    file.write_bytes(written(sessions, "journal", "hledger").replace(b"4.90 USD", b"4.91 USD"))

    done = subprocess.run([hledger, "-f", str(file), "check"], capture_output=True, text=True, check=False)

    assert done.returncode != 0
    assert "assertion" in done.stderr


def test_an_empty_book_is_a_journal(sessions: Sessions, tmp_path: Path, hledger: str) -> None:
    for name in ("beancount", "hledger"):
        (tmp_path / name).write_bytes(written(sessions, "journal", name))

    assert in_beancount(tmp_path / "beancount") == {}
    assert in_hledger(hledger, tmp_path / "hledger") == {}
