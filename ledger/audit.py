"""Derive the whole book again from its entries, and list whatever does not agree."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Connection
from sqlmodel import Session, text

from ledger import audit_seals, chart
from ledger.drift import Drift
from ledger.money import ASSETS, Amount

Progress = Callable[[str, int, int], None]
"""Told the name of what is looked at next, how much is done, and of how much."""

CHECKS: Final = (
    "transactions",
    "entries",
    "sums",
    "lots",
    "holds",
    "reversals",
    "leaves",
    "accounts",
    "balances",
    "previews",
)
"""In the order in which broken rows of one transaction are named."""
MOST_DRIFTS: Final = 1000
MOST_SHOWN: Final = 100
_FOLDER: Final = Path(__file__).parent / "checks"


@dataclass(frozen=True, slots=True)
class Report:
    """What one verification saw. `volumes` is, per asset, how much ever moved to somebody.

    `drifts` are in order: by transaction, then as in CHECKS, then what belongs to no transaction.
    """

    accounts: int
    transactions: int
    entries: int
    volumes: tuple[Amount, ...]
    drifts: tuple[Drift, ...]
    lots: int = 0
    holds: int = 0
    sealed: int = 0

    @property
    def clean(self) -> bool:
        """Whether everything is what the entries say."""
        return not self.drifts

    def lines(self) -> Iterator[str]:
        """The report as lines of text, the verdict last."""
        yield f"accounts      {self.accounts}"
        yield f"transactions  {self.transactions}, {self.sealed} of them sealed"
        yield f"entries       {self.entries}"
        yield f"lots          {self.lots}"
        yield f"holds         {self.holds}"
        for volume in self.volumes:
            yield f"moved         {volume}"
        for drift in self.drifts[:MOST_SHOWN]:
            yield f"DRIFT         {drift}"
        if len(self.drifts) > MOST_SHOWN:
            yield f"and {len(self.drifts) - MOST_SHOWN} more"
        if self.clean:
            yield "the book agrees with its entries"
        else:
            yield f"FIRST BROKEN  {self.drifts[0]}"
            yield f"{len(self.drifts)} drifts"


_COUNTS: Final = """
SELECT
    (SELECT count(*) FROM account) AS accounts,
    (SELECT count(*) FROM ledger_transaction) AS transactions,
    (SELECT count(*) FROM entry) AS entries,
    (SELECT count(*) FROM lot) AS lots,
    (SELECT count(*) FROM hold) AS holds,
    (SELECT count(*) FROM seal_leaf) AS sealed
"""

_VOLUMES: Final = """
SELECT account.asset, sum(entry.amount)
FROM entry
JOIN account ON account.id = entry.account_id
WHERE entry.amount > 0
GROUP BY account.asset
ORDER BY account.asset
"""


def verify(session: Session, *, progress: Progress = lambda _name, _done, _of: None) -> Report:
    """Compare everything that is stored with what the entries, and the seals over them, say.

    Reads one snapshot and blocks nobody, so it may run while others post. The session must not have
    been used before in its transaction.
    """
    connection = session.connection()
    connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
    # Every table is read once and whole: what is sorted should fit.
    connection.execute(text("SET LOCAL jit = off; SET LOCAL work_mem = '256MB'; SET LOCAL timezone = 'UTC'"))
    return examine(connection, progress=progress)


def examine(connection: Connection, *, progress: Progress = lambda _name, _done, _of: None) -> Report:
    """`verify` in a transaction that is already open, and sees what it has changed."""
    steps = len(CHECKS) + 1
    drifts = list(_against_the_chart(connection))
    for done, name in enumerate(CHECKS):
        progress(name, done, steps)
        drifts += _found(connection, name, order=done)
    progress("seals", len(CHECKS), steps)
    drifts += audit_seals.broken(connection, order=len(CHECKS))
    progress("counts", steps, steps)
    counts = connection.exec_driver_sql(_COUNTS).one()
    volumes = connection.exec_driver_sql(_VOLUMES).all()
    return Report(
        accounts=counts.accounts,
        transactions=counts.transactions,
        entries=counts.entries,
        volumes=tuple(Amount(int(units), ASSETS[code]) for code, units in volumes if code in ASSETS),
        drifts=tuple(sorted(drifts, key=Drift.position)),
        lots=counts.lots,
        holds=counts.holds,
        sealed=counts.sealed,
    )


def _found(connection: Connection, name: str, *, order: int) -> Iterable[Drift]:
    statement = (_FOLDER / f"{name}.sql").read_text()
    rows = connection.exec_driver_sql(f"SELECT * FROM ({statement}) AS broken ORDER BY 1 LIMIT {MOST_DRIFTS}")  # noqa: S608
    for transaction_id, what, where, expected, found in rows:
        yield Drift(
            what, where or "nothing known", expected or "none", found or "none", transaction_id, order
        )


def _against_the_chart(connection: Connection) -> Iterable[Drift]:
    rows = connection.exec_driver_sql("SELECT name, asset, floor, shards FROM account_class")
    stored = {row.name: (row.asset, row.floor, row.shards) for row in rows}
    wanted = {each.name: (each.asset.code, each.floor, each.shards) for each in chart.CLASSES.values()}
    for name in sorted(stored.keys() | wanted.keys()):
        if stored.get(name) != wanted.get(name):
            yield Drift("class", name, str(wanted.get(name)), str(stored.get(name)), None, -1)
