"""What is true of every book, whatever happened: each query finds what contradicts it."""

from typing import Final

from sqlmodel import Session, text

from ledger.database import Sessions

CONTRADICTIONS: Final = {
    "a transaction sums to zero in every asset": """
        SELECT transaction_id, asset, sum(amount) FROM entry
        GROUP BY transaction_id, asset HAVING sum(amount) <> 0
    """,
    "a balance row is the sum of its entries": """
        SELECT balance.account_id, balance.shard, posted, balance.held, sum(amount), sum(entry.held)
        FROM balance LEFT JOIN entry USING (account_id, shard)
        GROUP BY balance.account_id, balance.shard
        HAVING posted <> coalesce(sum(amount), 0) OR balance.held <> coalesce(sum(entry.held), 0)
            OR balance.seq <> count(entry.seq) OR balance.seq <> coalesce(max(entry.seq), 0)
    """,
    "every entry says the balance after it, at a later time than the one before": """
        SELECT * FROM (
            SELECT account_id, shard, seq, balance_after, held_after, created_at,
                row_number() OVER along AS place, sum(amount) OVER along AS posted,
                sum(held) OVER along AS aside,
                lag(created_at) OVER along AS before
            FROM entry WINDOW along AS (PARTITION BY account_id, shard ORDER BY seq)
        ) AS walked
        WHERE seq <> place OR balance_after <> posted OR held_after <> aside OR created_at <= before
    """,
    "no agent falls below zero": """
        SELECT account_id, balance_after, held_after FROM entry JOIN account ON account.id = account_id
        WHERE class_name = 'agent' AND (balance_after < held_after OR held_after < 0)
    """,
    "a lot is the sum of its changes": """
        SELECT lot.id FROM lot LEFT JOIN lot_entry ON lot_id = lot.id
        GROUP BY lot.id
        HAVING (lot.credits, lot.used, lot.cents, lot.cents_used) IS DISTINCT FROM
            (sum(lot_entry.credits), sum(lot_entry.used), sum(lot_entry.cents), sum(lot_entry.cents_used))
    """,
    "the lots of an agent are its balance": """
        SELECT balance.account_id, posted, balance.held, sum(lot.credits - lot.used), sum(lot.held)
        FROM balance JOIN account ON account.id = account_id LEFT JOIN lot USING (account_id)
        WHERE class_name = 'agent'
        GROUP BY balance.account_id, balance.shard
        HAVING posted <> coalesce(sum(lot.credits - lot.used), 0)
            OR balance.held <> coalesce(sum(lot.held), 0)
    """,
    "what is held of a lot is pinned by open holds, or all of it if it has not begun": """
        SELECT lot.id, lot.held, pinned.credits
        FROM lot LEFT JOIN (
            SELECT pin.lot_id, sum(pin.credits) AS credits
            FROM hold, unnest(hold.lots, hold.pins) AS pin (lot_id, credits)
            WHERE state = 'open' GROUP BY pin.lot_id
        ) AS pinned ON pinned.lot_id = lot.id
        WHERE lot.held <> CASE WHEN pending THEN lot.credits - lot.used ELSE coalesce(pinned.credits, 0) END
    """,
    "a hold is its pins": """
        SELECT hold.id FROM hold WHERE credits <> (SELECT sum(pin) FROM unnest(pins) AS pin)
    """,
    "the prepaid liability is what the unused credits of the lots were paid with": """
        SELECT * FROM
            (SELECT coalesce(sum(cents - cents_used), 0) AS owed FROM lot) AS lots,
            (SELECT coalesce(sum(posted), 0) AS booked FROM balance JOIN account ON account.id = account_id
            WHERE account.name = 'prepaid_liability') AS house
        WHERE owed <> booked
    """,
    "a refund that could not take everything waits for the rest": """
        SELECT lot.id, reversing, sum(wanted - taken)
        FROM lot LEFT JOIN reversal ON lot_id = lot.id AND reinstated_in IS NULL
        GROUP BY lot.id
        HAVING reversing <> coalesce(sum(wanted - taken), 0)
            OR (reversing > 0 AND lot.used + lot.held < lot.credits)
    """,
    "the clock is never late": """
        SELECT balance.account_id, due_at::text FROM balance -- Python's times know no infinity
        WHERE due_at > (
                SELECT min(expires_at) FROM hold
                WHERE hold.account_id = balance.account_id AND state = 'open'
            )
            OR due_at > (
                SELECT min(CASE WHEN pending THEN effective_at ELSE expires_at END)
                FROM lot
                WHERE lot.account_id = balance.account_id AND open AND (pending OR used + held < credits)
            )
    """,
}


def check(session: Session) -> None:
    """Fail with the first rows that contradict a promise."""
    for promise, query in CONTRADICTIONS.items():
        found = session.connection().execute(text(query)).all()
        assert not found, f"not so: {promise}: {found[:5]}"


def check_book(sessions: Sessions) -> None:
    """`check` in a transaction of its own."""
    with sessions() as session:
        check(session)
