"""The page on backup and restore, executed: a house goes back to a second, and catches up with the world."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Any, Final

import psycopg
import pytest

from ledger import proof
from ledger.keys import PublicKey, SigningKey
from sandbox import embedded, house
from sandbox.agent import Agent, Data, Refused
from sandbox.house import House
from tests.conftest import memory
from tests.flows.buying import CHECKOUT, succeeded
from tests.waiting import eventually

PAGE: Final = Path(__file__).parents[2] / "docs" / "runbooks" / "backup-and-restore.md"
CREDITS: Final = 500
PRICE_CENTS: Final = 500


class Page:
    """The commands of the page, a section at a time, as its reader types them."""

    def __init__(self, home: House, folder: Path) -> None:
        server, sockets = home.folder / "postgres", home.addresses.database_url.partition("host=")[2]
        self._owner = server.stat()
        self.folder = folder
        os.chown(folder, self._owner.st_uid, self._owner.st_gid)
        self._as_server({**os.environ, "WHERE": str(folder)}, 'mkdir "$WHERE/archive"')
        self.environment = {
            **home.environment,
            "PYTHONPATH": str(PAGE.parents[2]),
            "PATH": os.pathsep.join(
                [str(Path(sys.executable).parent), str(embedded.binary("psql").parent), os.environ["PATH"]]
            ),
            "OWNER_URL": home.addresses.database_url,
            "PGDATA": str(server),
            "BACKUP": str(folder / "backup"),
            "ARCHIVE": str(folder / "archive"),
            "RESTORED": str(folder / "restored"),
            "SERVER_OPTIONS": f"-k {sockets} -h '' -p 5432 -c max_connections={embedded.MAX_CONNECTIONS}",
            "SINCE": f"{datetime.now(UTC) - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}",
        }

    def follow(self, section: int, *, block: int | None = None) -> str:
        """Execute what stands in a section, or one block of it; what it said. All of it has to succeed."""
        text = re.split(r"^## \d\. ", PAGE.read_text(), flags=re.MULTILINE)[section]
        blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        assert blocks, f"section {section} has no commands"
        said = ""
        for each in blocks if block is None else [blocks[block]]:
            said += (self._as_operator if "pennyrail" in each else self._as_server)(self.environment, each)
        return said

    def stop_servers(self) -> None:
        """End whichever server the page has started last."""
        for folder in (Path(self.environment["RESTORED"]), Path(self.environment["PGDATA"])):
            if (folder / "postmaster.pid").exists():
                self._as_server({**self.environment, "WHERE": str(folder)}, 'pg_ctl stop -D "$WHERE" -m fast')

    def _as_server(self, environment: dict[str, str], script: str) -> str:
        as_root = os.geteuid() == 0
        return _said(
            script,
            environment,
            cwd=self.folder,
            user=self._owner.st_uid if as_root else None,
            group=self._owner.st_gid if as_root else None,
        )

    def _as_operator(self, environment: dict[str, str], script: str) -> str:
        return _said(script, environment, cwd=self.folder)


def _said(script: str, environment: dict[str, str], **how: Any) -> str:
    # Not a pipe: the servers that a script starts hold it open for as long as they run.
    with TemporaryFile("w+") as said:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            env=environment,
            stdout=said,
            stderr=said,
            timeout=400,
            check=False,
            **how,
        )
        said.seek(0)
        told = said.read()
    assert done.returncode == 0, f"{script}\n{told}"
    return told


@pytest.fixture
def home() -> Iterator[House]:
    with (
        TemporaryDirectory(dir=memory()) as folder,
        house.running(Path(folder) / "house") as running,
    ):
        yield running


@pytest.fixture
def page(home: House) -> Iterator[Page]:
    with TemporaryDirectory(dir=memory()) as folder:
        opened = Page(home, Path(folder))
        yield opened
        opened.stop_servers()


def opened(agent: Agent, name: str) -> tuple[Data, Data]:
    """A quote, and the attempt to pay it."""
    quoted = agent.quote(pack_id="starter-500", method=CHECKOUT[0], key=f"quote-{name}")
    return quoted, agent.buy(quoted["quote_id"], endpoint=CHECKOUT[1], key=f"buy-{name}")


def paid(home: House, agent: Agent, attempt: Data) -> str:
    """The signed receipt of an attempt that is paid now."""
    home.twin.control.pay(attempt["checkout_session_id"])
    return receipt(agent, attempt)


def receipt(agent: Agent, attempt: Data) -> str:
    """The signed receipt of an attempt, as soon as there is one."""
    seen = agent.wait(attempt["payment_attempt_id"], until=succeeded, seconds=120)
    return eventually(lambda: _sealed(agent, seen["receipt"]["receipt_id"]))


def _sealed(agent: Agent, receipt_id: str) -> str | None:
    with suppress(Refused):
        return agent.signed_receipt(receipt_id)
    return None


def key_of(home: House) -> PublicKey:
    return SigningKey.read((home.folder / "receipt-key.pem").read_text()).public


@pytest.mark.timeout(900)
def test_a_house_restored_to_a_second_grants_what_was_paid_after_it_exactly_once(
    home: House, page: Page
) -> None:
    page.follow(1)
    eventually(lambda: house.answers(home.addresses.api_url), seconds=300)
    agent = Agent(home.addresses.api_url, name="restored")
    page.follow(2)

    _, before = opened(agent, "before")
    before_receipt = paid(home, agent, before)
    _, across = opened(agent, "across")
    page.environment["TARGET_TIME"] = now_of(home)
    across_receipt = paid(home, agent, across)
    lost_quote, lost = opened(agent, "lost")
    lost_receipt = paid(home, agent, lost)
    assert agent.paid_credits() == 3 * CREDITS

    home.stop()
    page.follow(3)
    assert granted(home) == {before["payment_attempt_id"]: 1}
    assert "the book agrees with its entries" in page.follow(4)

    page.follow(5, block=0)
    home.start("worker")
    home.start("beat")
    eventually(lambda: granted(home).get(across["payment_attempt_id"]))
    assert "the book agrees with its entries" in page.follow(5, block=1)
    assert unaccounted(home) == [(0, PRICE_CENTS)]

    home.start("api")
    eventually(lambda: house.answers(home.addresses.api_url), seconds=300)
    assert granted(home) == dict.fromkeys((before["payment_attempt_id"], across["payment_attempt_id"]), 1)
    assert agent.paid_credits() == 2 * CREDITS
    with pytest.raises(Refused, match="QUOTE"):
        agent.buy(lost_quote["quote_id"], endpoint=CHECKOUT[1], key="buy-lost")

    again = [proof.verify(each, keys=[key_of(home)]) for each in (across_receipt, receipt(agent, across))]
    assert receipt(agent, before) == before_receipt
    assert again[0].granted["reference"] == again[1].granted["reference"]
    assert again[0].granted["credits"] == again[1].granted["credits"] == CREDITS
    assert again[0].granted["transaction_id"] < again[1].granted["transaction_id"]
    assert proof.verify(lost_receipt, keys=[key_of(home)]).granted["credits"] == CREDITS
    agent.close()


def unaccounted(home: House) -> list[tuple[int, int]]:
    """What the book and the processor say of each payment on which they do not agree, in cents."""
    with psycopg.connect(home.addresses.database_url) as connection:
        rows = connection.execute(
            "SELECT expected_units, found_units FROM reconciliation_item"
            " WHERE closed_at IS NULL AND matter IN ('payment', 'movement')"
        ).fetchall()
    return [(int(expected), int(found)) for expected, found in rows]


def now_of(home: House) -> str:
    with psycopg.connect(home.addresses.database_url) as connection:
        row = connection.execute("SELECT clock_timestamp()::text").fetchone()
    assert row is not None
    return str(row[0])


def granted(home: House) -> dict[str, int]:
    """How often the book granted credits for each attempt."""
    with psycopg.connect(home.addresses.database_url) as connection:
        rows = connection.execute(
            "SELECT reference, count(*) FROM ledger_transaction"
            " WHERE kind = 'grant' AND outcome = 'done' AND reference LIKE 'purchase:%' GROUP BY reference"
        ).fetchall()
    return {str(reference).removeprefix("purchase:"): int(count) for reference, count in rows}
