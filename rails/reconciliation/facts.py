"""Gathering what every witness has said: of attempts, of money that is nobody's, and of whole accounts."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from sqlalchemy import RowMapping
from sqlmodel import Session, text

from ledger import book, chart
from ledger.money import USD, USDC, Amount
from rails.reconciliation.matching import Facts, Finding, State, Word

HOUSE: Final = "house"
"""Who closes an exception when its difference is gone by itself: no person has decided anything then."""

_OF_ATTEMPTS: Final = text(
    """
    SELECT
        attempt.payment_attempt_id,
        attempt.deposit_address IS NOT NULL OR chain.units IS NOT NULL AS on_chain,
        book.granted, book.granted_at, book.taken, book.taken_at,
        stripe.paid, stripe.paid_at, stripe.returned, stripe.returned_at, stripe.foreign_in, stripe.hashes,
        stripe.foreign_cents, stripe.foreign_at,
        chain.units AS deposited, chain.since AS deposited_at, chain.hashes AS carried,
        EXISTS (
            SELECT FROM payment_exception AS asked
            WHERE asked.payment_attempt_id = attempt.payment_attempt_id
                -- Of another token, or of what has left: it says nothing of the money that came.
                AND asked.kind NOT IN ('chain_evidence_pending', 'wrong_token', 'reversal_rejected')
                AND (asked.closed_at IS NULL OR asked.closed_by <> :house)
        ) AS reviewed
    FROM payment_attempt AS attempt
    LEFT JOIN LATERAL (
        SELECT
            sum(posting.cents) FILTER (WHERE posting.part = 'granted')::bigint AS granted,
            min(posting.effective_at) FILTER (WHERE posting.part = 'granted') AS granted_at,
            -sum(posting.cents) FILTER (WHERE posting.part IN ('taken', 'restored'))::bigint AS taken,
            max(posting.effective_at) FILTER (WHERE posting.part IN ('taken', 'restored')) AS taken_at
        FROM reconciliation_posting AS posting
        WHERE posting.payment_attempt_id = attempt.payment_attempt_id
    ) AS book ON true
    LEFT JOIN LATERAL (
        SELECT
            sum(booking.received_cents) FILTER (WHERE booking.part = 'payment')::bigint AS paid,
            min(kept.created_at) FILTER (WHERE booking.part = 'payment') AS paid_at,
            -sum(booking.received_cents) FILTER (WHERE booking.part = 'reversal')::bigint AS returned,
            max(kept.created_at) FILTER (WHERE booking.part = 'reversal') AS returned_at,
            min(kept.currency) FILTER (WHERE booking.part = 'foreign') AS foreign_in,
            sum(kept.amount) FILTER (WHERE booking.part = 'foreign')::bigint AS foreign_cents,
            min(kept.created_at) FILTER (WHERE booking.part = 'foreign') AS foreign_at,
            -- The hashes of Stripe's simulated deposits are none.
            array_agg(lower(kept.transaction_hash)) FILTER (
                WHERE kept.transaction_hash ~* '^0x[0-9a-f]{64}$'
            ) AS hashes
        FROM stripe_booking AS booking
        JOIN stripe_balance_transaction AS kept ON kept.id = booking.balance_transaction_id
        WHERE booking.payment_attempt_id = attempt.payment_attempt_id
    ) AS stripe ON true
    LEFT JOIN LATERAL (
        SELECT
            sum(deposit.amount) AS units,
            min(deposit.block_time) AS since,
            array_agg(deposit.tx_hash) AS hashes
        FROM (
            SELECT deposit.*
            FROM deposit
            WHERE deposit.address = attempt.deposit_address
                -- Whose a transfer to an agent's own address is, its evidence says.
                AND NOT coalesce((attempt.instructions ->> 'shared')::boolean, false)
            UNION
            SELECT deposit.*
            FROM evidence
            JOIN deposit
                ON deposit.chain_id IN (SELECT chain_cursor.chain_id FROM chain_cursor)
                AND deposit.block_hash = split_part(evidence.external_id, ':', 1)
                AND deposit.log_index::text = split_part(evidence.external_id, ':', 2)
            WHERE evidence.payment_attempt_id = attempt.payment_attempt_id AND evidence.source = 'chain'
        ) AS deposit
        WHERE deposit.state = 'final' AND deposit.amount > 0
            AND deposit.token = coalesce(lower(attempt.instructions ->> 'token_contract'), deposit.token)
        HAVING count(*) > 0
    ) AS chain ON true
    WHERE attempt.payment_attempt_id = ANY (:attempts)
    ORDER BY attempt.payment_attempt_id
    """
)


def of_attempts(session: Session, attempts: Sequence[str]) -> Iterator[tuple[str, Facts]]:
    """What is known of the money of each of these attempts."""
    rows = session.connection().execute(_OF_ATTEMPTS, {"attempts": list(attempts), "house": HOUSE})
    for row in rows.mappings():
        yield row["payment_attempt_id"], _facts(row)


def _facts(row: RowMapping) -> Facts:
    paid = _dollars(row["paid"], row["paid_at"])
    if paid is None and row["foreign_in"]:
        paid = _dollars(row["foreign_cents"], row["foreign_at"])
    return Facts(
        granted=_dollars(row["granted"], row["granted_at"]),
        paid=paid,
        reversed=_dollars(row["taken"], row["taken_at"]),
        returned=_dollars(row["returned"], row["returned_at"]),
        deposited=_tokens(row["deposited"], row["deposited_at"]),
        on_chain=row["on_chain"],
        strangeness=_strangeness(row),
        reviewed=row["reviewed"],
    )


def _strangeness(row: RowMapping) -> str | None:
    if row["foreign_in"]:
        return f"paid in {row['foreign_in']}"
    if row["hashes"] and row["carried"] and not set(row["hashes"]) <= set(row["carried"]):
        return "the processor names another transfer than the chain"
    return None


def _dollars(cents: int | None, since: datetime | None) -> Word | None:
    return None if cents is None or since is None else Word(Amount(cents, USD), since)


def _tokens(units: Decimal | None, since: datetime | None) -> Word | None:
    return None if units is None or since is None else Word(Amount(int(units), USDC), since)


# What can have changed since the run before: what was posted, booked, final or decided; and what is open.
_TOUCHED: Final = text(
    """
    SELECT payment_attempt_id FROM reconciliation_posting WHERE kept_at >= :since
    UNION
    SELECT payment_attempt_id FROM stripe_booking WHERE booked_at >= :since
    UNION
    SELECT payment_attempt_id FROM reconciliation_item WHERE closed_at IS NULL
    UNION
    SELECT payment_attempt_id FROM payment_exception WHERE opened_at >= :since OR closed_at >= :since
    UNION
    SELECT attempt.payment_attempt_id
    FROM deposit
    JOIN payment_attempt AS attempt ON attempt.deposit_address = deposit.address
    WHERE deposit.final_at >= :since
    UNION
    SELECT payment_attempt_id FROM evidence WHERE source = 'chain' AND first_seen_at >= :since
    UNION
    SELECT evidence.payment_attempt_id
    FROM deposit
    JOIN evidence
        ON evidence.source = 'chain' AND evidence.external_id = deposit.block_hash || ':' || deposit.log_index
    WHERE deposit.final_at >= :since
    """
)
_ALL: Final = text("SELECT payment_attempt_id FROM payment_attempt WHERE state <> 'opening'")


def touched(session: Session, *, since: datetime | None) -> list[str]:
    """The attempts to look at: all of them if `since` is None."""
    if since is None:
        found = session.connection().scalars(_ALL)
    else:
        found = session.connection().scalars(_TOUCHED, {"since": since})
    return sorted(each for each in found if each is not None)


# One line a charge: what came in for nobody may have gone out again.
_NOBODYS: Final = text(
    """
    SELECT
        coalesce(kept.charge, kept.id) AS subject,
        min(booking.part) AS part,
        min(kept.type) AS type,
        min(kept.currency) AS currency,
        sum(kept.amount)::bigint AS amount,
        min(kept.created_at) AS since
    FROM stripe_booking AS booking
    JOIN stripe_balance_transaction AS kept ON kept.id = booking.balance_transaction_id
    WHERE booking.payment_attempt_id IS NULL AND booking.part IN ('payment', 'reversal', 'unknown', 'foreign')
    GROUP BY 1
    """
)


_OF_NO_ATTEMPT: Final = text(
    """
    SELECT ledger_transaction_id, cents, effective_at
    FROM reconciliation_posting
    WHERE payment_attempt_id IS NULL AND part <> 'settled'
    """
)


def book_only(session: Session) -> Iterator[tuple[str, Finding]]:
    """What the book moved on a clearing account for no attempt."""
    for row in session.connection().execute(_OF_NO_ATTEMPT):
        cents, why = Amount(row.cents, USD), "posted for no attempt"
        finding = Finding("movement", "book_only", cents, Amount(0, USD), row.effective_at, why)
        yield f"ledger:{row.ledger_transaction_id}", finding


def nobodys(session: Session) -> Iterator[tuple[str, Finding]]:
    """What the processor moved for no attempt of ours, or in a way that nobody here knows."""
    for row in session.connection().execute(_NOBODYS):
        amount, nothing = Amount(row.amount, USD), Amount(0, USD)
        if row.amount == 0:
            yield row.subject, Finding("movement", "matched", nothing, nothing, row.since, "sent back")
        elif row.part == "foreign":
            why = f"moved in {row.currency}"
            yield row.subject, Finding("movement", "mismatch", nothing, amount, row.since, why)
        elif row.part == "unknown":
            why = f"of the type {row.type}, which nobody here knows"
            yield row.subject, Finding("movement", "unknown", nothing, amount, row.since, why)
        else:
            why = "of no attempt of ours"
            yield row.subject, Finding("movement", "stripe_only", nothing, amount, row.since, why)


_STRAYS: Final = text(
    """
    SELECT
        deposit.block_hash || ':' || deposit.log_index AS subject,
        deposit.amount,
        deposit.block_time AS since
    FROM deposit
    WHERE deposit.state = 'final'
        AND deposit.amount > 0
        AND NOT EXISTS (SELECT FROM payment_attempt WHERE payment_attempt.deposit_address = deposit.address)
        AND NOT EXISTS (
            SELECT FROM evidence
            WHERE evidence.source = 'chain'
                AND evidence.external_id = deposit.block_hash || ':' || deposit.log_index
        )
    """
)


def strays(session: Session, *, patience: timedelta, now: datetime) -> Iterator[tuple[str, Finding]]:
    """Final deposits that belong to no attempt. One that is young may still be told whose it is."""
    for row in session.connection().execute(_STRAYS):
        found, nothing = Amount(int(row.amount), USDC), Amount(0, USDC)
        state: State = "chain_only" if now - row.since > patience else "expected"
        why = "of no attempt of ours"
        yield f"deposit:{row.subject}", Finding("chain", state, nothing, found, row.since, why)


# What each rail owes us by the single payments, and not by its account.
_OWED: Final = text(
    """
    SELECT rail_id, sum(cents)::bigint AS cents
    FROM (
        SELECT rail_id, cents FROM reconciliation_posting WHERE part <> 'settled'
        UNION ALL
        SELECT rail_id, -received_cents FROM stripe_booking WHERE rail_id IS NOT NULL
    ) AS moved
    GROUP BY rail_id
    ORDER BY rail_id
    """
)


@dataclass(frozen=True, slots=True)
class Standing:
    """An account, what stands in it, and what the single payments say should."""

    account: str
    expected: Amount
    found: Amount


def clearings(session: Session) -> list[Standing]:
    """Every clearing account beside the sum of what its attempts are still owed."""
    rows = {row.rail_id: Amount(row.cents, USD) for row in session.connection().execute(_OWED)}
    return [
        Standing(chart.clearing(rail_id), owed, -book.balance(session, account=chart.clearing(rail_id)))
        for rail_id, owed in rows.items()
    ]


def of_accounts(standings: Iterable[Standing], *, now: datetime) -> Iterator[tuple[str, Finding]]:
    """How each account stands."""
    for each in standings:
        if each.expected == each.found:
            yield each.account, Finding("balance", "matched", each.expected, each.found, now, "it adds up")
        else:
            over = each.found > each.expected
            why = "there is more than the payments say" if over else "there is less than the payments say"
            yield (
                each.account,
                Finding("balance", "over" if over else "under", each.expected, each.found, now, why),
            )
