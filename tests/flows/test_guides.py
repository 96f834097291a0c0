"""The guides for people, followed word by word in the whole house: a first purchase, and a month's end."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from sandbox import paying, people, stripe_twin
from sandbox.house import House
from sandbox.wallet import Wallet
from tests import guides, warm
from tests.waiting import eventually

Book = psycopg.Connection[tuple[Any, ...]]
# `NAME=...  # where to read it in what was printed last`
GIVEN = re.compile(r"^([A-Z]+)=\S*(?:\s+# (\S+)$)?")
# They exit 1 when they find something, and other flows leave things to be found in this house.
FIND = re.compile(
    r"pennyrail (reconcile (run|breaks)|exceptions unexplained|chain status|ledger close check)\b"
)


@dataclass
class Terminal:
    """Where somebody types what a guide says, and fills in what it leaves open."""

    home: House
    folder: Path
    environment: dict[str, str]
    known: dict[str, str] = field(default_factory=dict)
    printed: str = ""
    said: list[str] = field(default_factory=list)

    def follow(self, script: str, *, signed_in_as: str = "") -> None:
        """Type the lines of a block, one after the other; each has to end well."""
        for line in guides.lines(script):
            if GIVEN.match(line):
                self._read(line)
            elif not line.startswith("hledger ") or shutil.which("hledger"):
                self._type(line, signed_in_as)

    def read(self) -> Any:
        """What the last command has printed, as JSON."""
        return json.loads(self.printed)["data"]

    def _read(self, line: str) -> None:
        named = GIVEN.match(line)
        assert named is not None
        name, where = named.groups()
        if where is None or name in self.known:
            assert name in self.known, line
            return
        self.known[name] = self._found(where)

    def _found(self, where: str) -> str:
        if not self.printed.startswith("{"):
            found = re.search(rf"^{re.escape(where)}:?\s+(\S+)\s*$", self.printed, re.MULTILINE)
            assert found is not None, (where, self.printed)
            return found[1]
        value = json.loads(self.printed)
        for step in where.split("."):
            value = value[step]
        return str(value)

    def _type(self, line: str, who: str) -> None:
        if "ops login" in line:
            code = people.code(self.home.folder, who, now=datetime.now(UTC))
            line += f" --email {who}@example.com --password '{people.PASSWORD}' --code {code}"
        done = subprocess.run(
            ["/bin/bash", "-eu", "-o", "pipefail", "-c", line],
            cwd=self.folder,
            env=self.environment
            | self.known
            | {"PENNYRAIL_OPS_SESSION_FILE": str(self.folder / f"{who}.json")},
            capture_output=True,
            text=True,
            timeout=120,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        allowed = (0, 1) if FIND.match(line) else (0,)
        assert done.returncode in allowed, (line, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr, (line, done.stderr)
        self.printed = done.stdout
        self.said.append(f"$ {line}\n{done.stdout}")


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of the command `pennyrail`."""
    with warm.command(tmp_path_factory.mktemp("warm")) as folder:
        yield folder


@pytest.fixture
def terminal(home: House, commands: Path, tmp_path: Path) -> Terminal:
    """A terminal with the settings of the house, in a folder of its own."""
    (told,) = guides.blocks("first-real-purchase", "ini")
    written: Mapping[str, str] = dict(line.split("=", 1) for line in told.splitlines())
    return Terminal(
        home,
        tmp_path,
        {
            **home.environment,
            "PATH": f"{commands}:{os.environ['PATH']}",
            "PENNYRAIL_CONFIG_PATH": str(tmp_path / "agent.json"),
            "STRIPE_CRYPTO_VERSION": written["STRIPE_CRYPTO_VERSION"],
            "COLUMNS": "200",
        },
    )


def confirmed(book: Book, attempt: str) -> bool:
    """Whether the chain is a witness of an attempt."""
    query = "SELECT state FROM evidence WHERE payment_attempt_id = %s AND source = 'chain'"
    return ("confirmed",) in book.execute(query, (attempt,)).fetchall()


def state(book: Book, attempt: str) -> str:
    """The state of an attempt."""
    query = "SELECT state FROM payment_attempt WHERE payment_attempt_id = %s"
    return str(book.execute(query, (attempt,)).fetchone()[0])  # type: ignore[index]


def test_a_newcomer_looks_around_and_buys_on_each_rail(home: House, terminal: Terminal, book: Book) -> None:
    _, look, quote_card, after_card, quote_usdc, after_usdc = guides.blocks("first-real-purchase", "sh")
    terminal.follow(look)
    methods = {row["method_id"]: row["available"] for row in terminal.read()["methods"]}

    terminal.follow(quote_card)
    paying.press_pay(terminal.read()["checkout_url"])
    terminal.follow(after_card)
    by_card, receipt = terminal.printed, terminal.known.pop("RECEIPT")
    terminal.known.clear()
    # As Stripe's sandboxes do: nobody there looks at the chain.
    home.twin.control.set_switches(stripe_twin.Switches(detection_lag_seconds=86_400))
    terminal.follow(quote_usdc)
    attempt = terminal.read()["payment_attempt_id"]
    told = terminal.read()["stripe_x402"]["payable_instructions"]
    wallet = Wallet.create(home.addresses.rpc_url)
    wallet.send_usdc(told["deposit_address"], int(told["token_amount_atomic"]))
    eventually(lambda: confirmed(book, attempt))
    before = state(book, attempt)
    terminal.follow(after_usdc)
    bought = terminal.read()
    terminal.follow('pennyrail reconcile run\npennyrail reconcile show "$ATTEMPT" --json')
    compared = {
        each["item"]["matter"]: each["item"]["state"] for each in json.loads(terminal.printed)["items"]
    }

    assert set(methods.values()) == {True}
    assert "the receipt is genuine" in by_card
    assert receipt.startswith("receipt_")
    assert before == "processing"
    assert told["token_amount_atomic"] == "1000000"
    assert (bought["state"], bought["receipt"]["credits_granted"]) == ("succeeded", 100)
    assert compared == {"payment": "matched", "chain": "matched"}


def exported(book: Book) -> str:
    """The journal that was asked for last, once it is done."""
    query = "SELECT export_id FROM export WHERE data_set = 'journal' AND state = 'done'"
    found = eventually(lambda: book.execute(query).fetchone())
    return str(found[0])


def test_finance_closes_the_month_that_is_over_and_hands_it_over(terminal: Terminal, book: Book) -> None:
    _, reconcile, decide, prove, prepare, confirm, export, download = guides.blocks("month-end", "sh")
    today = datetime.now(UTC).date()
    last = today.replace(day=1) - timedelta(days=1)
    # What the other flows did today is in the journal, too: an empty one proves nothing.
    terminal.known.update(
        MONTH=f"{last:%Y-%m}", FIRST=f"{last:%Y-%m}-01", NEXT=f"{today + timedelta(days=1):%Y-%m-%d}"
    )

    for script in (reconcile, decide, prove):
        terminal.follow(script)
    terminal.follow(prepare, signed_in_as="finance")
    terminal.known.pop("DRAFT", None)
    terminal.follow(confirm, signed_in_as="approver")
    verified = terminal.printed
    terminal.follow(export, signed_in_as="approver")
    terminal.known["EXPORT"] = exported(book)
    terminal.follow(download, signed_in_as="approver")

    rows = "SELECT prepared_by, closed_by FROM period_close"
    assert book.execute(rows).fetchone() == ("operator:finance@example.com", "operator:approver@example.com")
    assert "agrees" in verified, verified
    assert (terminal.folder / "first-day.md").read_text().startswith("# Reconciliation of ")
    journal = (terminal.folder / "month.journal").read_text()
    assert "closing balances" in journal
