"""What the chain moved to our addresses, against what the book and the open exceptions know of it.

It reads the watcher's table as it is, in SQL: the story knows no chain library.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlmodel import Session, text

from ledger.money import USDC, Amount
from rails.models import PaymentAttempt

# An address that several payments share says nothing of one of them, unless each transfer there is claimed.
_STANDING: Final = text(
    """
    SELECT sum(deposit.amount) FILTER (WHERE deposit.state IN ('confirmed', 'final')) AS units
    FROM deposit
    WHERE deposit.address = :address AND deposit.token = :token
        AND (SELECT count(*) FROM payment_attempt WHERE deposit_address = :address) = 1
    HAVING count(*) > 0
    """
)
# The n-th transfer of a transaction to one address, whatever block it lies in now.
_CLAIMED: Final = text(
    """
    WITH placed AS (
        SELECT
            chain_id, tx_hash, state, amount,
            row_number() OVER (PARTITION BY chain_id, block_hash, tx_hash ORDER BY log_index) - 1 AS position
        FROM deposit
        WHERE address = :address AND token = :token
    )
    SELECT sum(placed.amount) FILTER (WHERE placed.state IN ('confirmed', 'final')) AS units
    FROM transfer_claim AS claim
    JOIN placed USING (chain_id, tx_hash, position)
    WHERE claim.payment_attempt_id = :attempt AND claim.address = :address
    HAVING count(*) > 0
    """
)
# The same sums as rails/accounted.py, for every address at once.
_UNEXPLAINED: Final = text(
    """
    WITH moved AS (
        SELECT address, token, sum(amount) AS units,
            array_agg(tx_hash ORDER BY block_number, log_index) AS hashes
        FROM deposit
        WHERE state = 'final' AND amount > 0
        GROUP BY address, token
    ), done AS (
        SELECT item.payment_attempt_id,
            sum(CASE action.action WHEN 'claim' THEN -action.units ELSE action.units END)
                FILTER (WHERE action.action IN ('credit', 'write_off', 'claim')) AS units,
            sum(action.units) FILTER (
                WHERE action.action = 'refund' AND item.resolution IS DISTINCT FROM 'the refund failed'
                    AND NOT EXISTS (
                        SELECT FROM refund_request AS asked
                        WHERE asked.state = 'failed'
                            AND asked.idempotency_key = 'exception:' || action.exception_id
                    )
            ) AS refunded,
            array_agg(action.ledger_transaction_id)
                FILTER (WHERE action.ledger_transaction_id IS NOT NULL) AS transactions
        FROM exception_action AS action
        JOIN payment_exception AS item USING (exception_id)
        WHERE item.asset IN ('USD', 'USDC')
        GROUP BY item.payment_attempt_id
    ), explained AS (
        -- An open exception tells all that came for its attempt, what is granted of it included.
        SELECT attempt.deposit_address AS address,
            array_agg(DISTINCT lower(attempt.instructions ->> 'token_contract')) AS tokens,
            array_agg(attempt.payment_attempt_id ORDER BY attempt.created_at) AS attempts,
            array_agg(attempt.state ORDER BY attempt.created_at) AS states,
            sum(greatest(asked.units, coalesce(done.units, 0) + greatest(coalesce(done.refunded, 0), CASE
                WHEN receipt.receipt_id IS NOT NULL
                    AND receipt.ledger_transaction_id <> ALL (coalesce(done.transactions, '{}'))
                THEN quote.price_cents * 10000
                ELSE 0
            END))) AS decided
        FROM payment_attempt AS attempt
        JOIN quote USING (quote_id)
        LEFT JOIN receipt USING (payment_attempt_id)
        LEFT JOIN done USING (payment_attempt_id)
        LEFT JOIN LATERAL (
            SELECT max(item.received_units) AS units
            FROM payment_exception AS item
            WHERE item.payment_attempt_id = attempt.payment_attempt_id AND item.closed_at IS NULL
                AND item.asset = 'USDC'
        ) AS asked ON true
        WHERE attempt.deposit_address IN (SELECT address FROM moved)
        GROUP BY attempt.deposit_address
    )
    SELECT moved.address, moved.token, moved.units, hashes, attempts, states,
        CASE WHEN moved.token = ANY (tokens) THEN decided ELSE 0 END AS decided
    FROM moved
    LEFT JOIN explained USING (address)
    WHERE CASE
        -- Another token: every one of its units is in an exception, open or decided.
        WHEN NOT moved.token = ANY (tokens) THEN NOT EXISTS (
            SELECT FROM payment_exception AS item
            WHERE item.payment_attempt_id = ANY (attempts) AND item.kind = 'wrong_token'
                AND item.asset = moved.token AND item.received_units >= moved.units
        )
        ELSE coalesce(decided, 0) < moved.units
    END
    ORDER BY moved.address, moved.token
    """
)
# Whose final block changed, and who was put back on the chain since.
_READ_AGAIN: Final = text(
    """
    SELECT chain_id
    FROM chain_cursor
    WHERE deeper_than_final_at IS NULL AND EXISTS (
        SELECT FROM payment_exception WHERE subject = 'chain ' || chain_id AND closed_at IS NULL
    )
    """
)


@dataclass(frozen=True, slots=True)
class Unexplained:
    """Final transfers to one address that are neither granted, nor in an exception, nor written off.

    `units` is what the chain moved, in the token's own units, `decided` what of it is granted, decided or in
    an open exception.
    An attempt whose state is `processing` is looked at until it is settled or has an exception.
    """

    address: str
    token: str
    units: int
    decided: int
    transaction_hashes: tuple[str, ...]
    attempts: tuple[str, ...]
    states: tuple[str, ...]


def standing(session: Session, attempt: PaymentAttempt) -> Amount | None:
    """What stands on the chain for an attempt at the configured depth.

    None if nothing was ever seen there. Where others pay at the same address, what was claimed for it counts.
    """
    told = attempt.instructions or {}
    token = told.get("token_contract")
    if attempt.deposit_address is None or token is None:
        return None
    asked = {"address": attempt.deposit_address, "token": str(token).lower()}
    query = _CLAIMED if told.get("shared") else _STANDING
    row = session.connection().execute(query, {**asked, "attempt": attempt.payment_attempt_id}).one_or_none()
    return None if row is None else Amount(int(row.units or 0), USDC)


def unexplained(session: Session) -> Sequence[Unexplained]:
    """Every cent that the chain moved for good and that is in no book and in no open exception: none, always.

    Once nothing is due to be looked at any more.
    """
    return [
        Unexplained(
            address=row.address,
            token=row.token,
            units=int(row.units),
            decided=int(row.decided or 0),
            transaction_hashes=tuple(row.hashes),
            attempts=tuple(row.attempts or ()),
            states=tuple(row.states or ()),
        )
        for row in session.connection().execute(_UNEXPLAINED)
    ]


def read_again(session: Session) -> Sequence[int]:
    """Chains that changed below what was final, and that are read again: a person had them restarted."""
    return [row.chain_id for row in session.connection().execute(_READ_AGAIN)]
