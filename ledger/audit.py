"""Derive the whole book again from its entries, and list whatever does not agree."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sqlmodel import Session, text

from ledger.money import ASSETS, Amount


@dataclass(frozen=True, slots=True)
class Drift:
    """One thing that is not as the entries say: `what` of `where` should be `expected`."""

    what: str
    where: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.what} of {self.where}: expected {self.expected}, found {self.found}"


@dataclass(frozen=True, slots=True)
class Report:
    """What one verification saw. `volumes` is, per asset, how much ever moved to somebody."""

    accounts: int
    transactions: int
    entries: int
    volumes: tuple[Amount, ...]
    drifts: tuple[Drift, ...]

    @property
    def clean(self) -> bool:
        """Whether every balance is what its entries say."""
        return not self.drifts

    def lines(self) -> Iterator[str]:
        """The report as lines of text, the verdict last."""
        yield f"accounts      {self.accounts}"
        yield f"transactions  {self.transactions}"
        yield f"entries       {self.entries}"
        for volume in self.volumes:
            yield f"moved         {volume}"
        for drift in self.drifts:
            yield f"DRIFT         {drift}"
        yield "the book agrees with its entries" if self.clean else f"{len(self.drifts)} drifts"


# The chain is worked out here once more, on purpose not by a function that post_transaction() shares.
_ENTRIES: Final = """
WITH told AS (
    SELECT
        entry.*,
        account.name AS account_name,
        transaction.reference,
        transaction.created_at AS booked_at,
        row_number() OVER line AS expected_seq,
        sum(entry.amount) OVER line AS expected_balance,
        coalesce(lag(entry.hash) OVER line, '') AS previous_hash,
        lag(entry.created_at) OVER line AS previous_at,
        lag(entry.transaction_id) OVER line AS previous_transaction_id
    FROM entry
    LEFT JOIN account ON account.id = entry.account_id
    LEFT JOIN ledger_transaction AS transaction ON transaction.id = entry.transaction_id
    WINDOW line AS (PARTITION BY entry.account_id, entry.shard ORDER BY entry.seq)
), derived AS (
    SELECT
        told.*,
        sha256(previous_hash || convert_to(concat_ws('|',
            account_name, shard, seq, amount, balance_after,
            (extract(epoch FROM created_at) * 1000000)::bigint, reference
        ), 'UTF8')) AS expected_hash
    FROM told
)
SELECT found.what, concat_ws(' ', account_name, 'shard', shard, 'entry', seq), found.expected, found.found
FROM derived
CROSS JOIN LATERAL (
    VALUES
        ('account', account_name IS NOT NULL, account_id::text, 'none'),
        ('transaction', reference IS NOT NULL, transaction_id::text, 'none'),
        ('seq', seq = expected_seq, expected_seq::text, seq::text),
        ('balance_after', balance_after = expected_balance, expected_balance::text, balance_after::text),
        ('hash', hash = expected_hash, encode(expected_hash, 'hex'), encode(hash, 'hex')),
        ('created_at', created_at = booked_at, booked_at::text, created_at::text),
        (
            'order',
            previous_at IS NULL OR created_at > previous_at OR transaction_id = previous_transaction_id,
            'after ' || previous_at, created_at::text
        )
) AS found (what, agrees, expected, found)
WHERE found.agrees IS NOT TRUE
    AND (found.what IN ('account', 'transaction') OR account_name IS NOT NULL AND reference IS NOT NULL)
"""

_BALANCES: Final = """
WITH newest AS (
    SELECT DISTINCT ON (account_id, shard)
        account_id, shard, seq, hash, created_at
    FROM entry
    ORDER BY account_id, shard, seq DESC
), derived AS (
    SELECT account_id, shard, sum(amount) AS posted
    FROM entry
    GROUP BY account_id, shard
)
SELECT found.what, concat_ws(' ', account.name, 'shard', shard), found.expected, found.found
FROM balance
FULL JOIN (derived JOIN newest USING (account_id, shard)) USING (account_id, shard)
LEFT JOIN account ON account.id = account_id
LEFT JOIN account_class ON account_class.name = account.class_name
CROSS JOIN LATERAL (
    VALUES
        ('balance row', balance.posted IS NOT NULL, 'one', 'none'),
        ('account', account.name IS NOT NULL, account_id::text, 'none'),
        (
            'posted', balance.posted = coalesce(derived.posted, 0),
            coalesce(derived.posted, 0)::text, balance.posted::text
        ),
        ('seq', balance.seq = coalesce(newest.seq, 0), coalesce(newest.seq, 0)::text, balance.seq::text),
        (
            'head', balance.head = coalesce(newest.hash, ''),
            encode(coalesce(newest.hash, ''), 'hex'), encode(balance.head, 'hex')
        ),
        (
            'last_at', balance.last_at = coalesce(newest.created_at, '-infinity'),
            coalesce(newest.created_at, '-infinity')::text, balance.last_at::text
        ),
        (
            'floor', balance.floor IS NOT DISTINCT FROM account_class.floor,
            coalesce(account_class.floor::text, 'none'), coalesce(balance.floor::text, 'none')
        )
) AS found (what, agrees, expected, found)
WHERE found.agrees IS NOT TRUE
    AND (found.what = 'balance row' OR balance.posted IS NOT NULL)
"""

_TRANSACTIONS: Final = """
SELECT 'sum', concat_ws(' ', 'transaction', entry.transaction_id, account.asset), '0', sum(entry.amount)::text
FROM entry
LEFT JOIN account ON account.id = entry.account_id
GROUP BY entry.transaction_id, account.asset
HAVING sum(entry.amount) <> 0
UNION ALL
SELECT
    'legs', concat_ws(' ', 'transaction', transaction.id), 'two or more without a gap', count(entry.leg)::text
FROM ledger_transaction AS transaction
LEFT JOIN entry ON entry.transaction_id = transaction.id
GROUP BY transaction.id
HAVING count(entry.leg) < 2
    OR max(entry.leg) <> count(entry.leg) - 1
"""

_ACCOUNTS: Final = """
SELECT 'asset', account.name, account_class.asset, account.asset
FROM account
JOIN account_class ON account_class.name = account.class_name
WHERE account.asset <> account_class.asset
"""

_COUNTS: Final = """
SELECT
    (SELECT count(*) FROM account) AS accounts,
    (SELECT count(*) FROM ledger_transaction) AS transactions,
    (SELECT count(*) FROM entry) AS entries
"""

_VOLUMES: Final = """
SELECT account.asset, sum(entry.amount)
FROM entry
JOIN account ON account.id = entry.account_id
WHERE entry.amount > 0
GROUP BY account.asset
ORDER BY account.asset
"""


def verify(session: Session) -> Report:
    """Compare every balance, running sum, sequence, hash and transaction with the entries.

    Reads one snapshot and blocks nobody, so it may run while others post. The session must not have
    been used before in its transaction.
    """
    connection = session.connection()
    connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
    connection.execute(text("SET LOCAL jit = off"))
    counts = connection.execute(text(_COUNTS)).one()
    volumes = connection.execute(text(_VOLUMES)).all()
    drifts = [
        Drift(what, where or "nothing known", expected or "none", found or "none")
        for query in (_ACCOUNTS, _BALANCES, _ENTRIES, _TRANSACTIONS)
        for what, where, expected, found in connection.exec_driver_sql(query)
    ]
    return Report(
        accounts=counts.accounts,
        transactions=counts.transactions,
        entries=counts.entries,
        volumes=tuple(Amount(int(units), ASSETS[code]) for code, units in volumes),
        drifts=tuple(drifts),
    )
