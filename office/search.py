"""One box that finds anything by what somebody knows of it: an id, a hash, an address, a job or a name.

The shape of what was typed tells which indexes to ask, and every one of them is asked for a few rows only.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

from sqlalchemy import TextClause
from sqlmodel import Session, text

from office import found
from office.found import Found, Hit, Kind

MOST: Final = 20
"""So many of a sort are told at most."""
_LONGEST: Final = 2000
_LONGEST_ID: Final = 255
_LARGEST: Final = 2**63 - 1

Shape = Literal[
    "attempt",
    "quote",
    "receipt",
    "credit event",
    "book event",
    "refund",
    "hold",
    "agent",
    "organization",
    "message",
    "service",
    "transaction hash",
    "address",
    "number",
    "numbered",
    "account",
    "processor",
    "words",
]
_SHAPES: Final[Mapping[Shape, re.Pattern[str]]] = {
    "attempt": re.compile(r"payatt_\w+"),
    "quote": re.compile(r"quote_\w+"),
    "receipt": re.compile(r"receipt_\w+"),
    "book event": re.compile(r"(?:credit_event|reversal|usage|evt_use)_([1-9][0-9]{0,18})"),
    "credit event": re.compile(r"credit_event_\w+"),
    "refund": re.compile(r"refund_\w+"),
    "hold": re.compile(r"hold_\w+"),
    "agent": re.compile(r"agt_\w+"),
    "organization": re.compile(r"org_\w+"),
    "message": re.compile(r"(?:msg|test)_[0-9a-f]+"),
    "service": re.compile(r"svctok_\w+"),
    "transaction hash": re.compile(r"(?:0x)?[0-9a-f]{64}", re.IGNORECASE),
    "address": re.compile(r"0x[0-9a-f]{40}", re.IGNORECASE),
    "number": re.compile(r"#?([0-9]{1,19})"),
    "numbered": re.compile(r"(exception|notice|transaction)\s*#?\s*([0-9]{1,19})", re.IGNORECASE),
    "account": re.compile(r"agent:([A-Za-z0-9._-]{1,200})"),
    "processor": re.compile(r"[a-z]{2,10}_[A-Za-z0-9_]{1,250}"),
    "words": re.compile(r".+"),
}
# Where ids stand in what people paste: addresses of pages, lines of logs, sentences.
_INSIDE: Final = re.compile(
    r"(?<![0-9A-Za-z])(?:0x[0-9a-fA-F]{64}|0x[0-9a-fA-F]{40}|[a-z]{2,10}_[A-Za-z0-9_]{1,250})"
)

_OF_SHAPE: Final[Mapping[Shape, TextClause]] = {
    "attempt": text(
        """
        SELECT 'purchase', payment_attempt_id, 'this payment attempt'
        FROM payment_attempt WHERE payment_attempt_id = :q
        """
    ),
    "quote": text(
        """
        SELECT 'purchase', payment_attempt_id, 'the purchase of this quote'
        FROM payment_attempt WHERE quote_id = :q
        UNION ALL
        SELECT 'quote', quote_id, 'this quote, which nobody has bought'
        FROM quote
        WHERE quote_id = :q AND NOT EXISTS (SELECT FROM payment_attempt WHERE quote_id = :q)
        """
    ),
    "receipt": text(
        """
        SELECT 'purchase', payment_attempt_id, 'the purchase of this receipt'
        FROM receipt WHERE receipt_id = :q
        """
    ),
    "credit event": text(
        """
        SELECT 'purchase', payment_attempt_id, 'granted by this event'
        FROM receipt WHERE credit_event_id = :q
        """
    ),
    "book event": text(
        "SELECT 'transaction', id, 'what this event tells of' FROM ledger_transaction WHERE id = :number"
    ),
    "refund": text(
        """
        SELECT 'purchase', payment_attempt_id, 'this refund was asked for'
        FROM refund_request WHERE refund_id = :q
        """
    ),
    "hold": text("SELECT 'hold', id, 'this hold' FROM hold WHERE id = :q"),
    "agent": text(
        """
        SELECT 'agent', agent_id, 'this agent' FROM agent WHERE agent_id = :q
        UNION
        SELECT 'agent', :q, 'this agent' FROM account WHERE name = 'agent:' || :q
        """
    ),
    "organization": text(
        "SELECT 'agent', agent_id, 'the agent of this organization' FROM agent WHERE organization_id = :q"
    ),
    "message": text(
        "SELECT 'message', event_id, 'told to subscribers' FROM webhook_event WHERE event_id = :q"
    ),
    "service": text("SELECT 'service', id, 'the token of this service' FROM service_token WHERE id = :q"),
    # A transfer to an agent's own address is the attempt's that claimed it, and the agent's if none did.
    "transaction hash": text(
        """
        WITH moved AS (
            SELECT chain_id, tx_hash, address, 'paid by this transaction' AS why
            FROM deposit WHERE tx_hash = :hash
            UNION
            SELECT chain_id, tx_hash, address, 'swept by this transaction'
            FROM chain_outflow WHERE tx_hash = :hash
            LIMIT :most
        ), claimed AS (
            SELECT DISTINCT moved.address, claim.payment_attempt_id, moved.why
            FROM moved
            JOIN transfer_claim AS claim
                ON claim.chain_id = moved.chain_id AND claim.tx_hash = moved.tx_hash
                AND claim.address = moved.address
        )
        SELECT 'purchase', payment_attempt_id, why FROM claimed
        UNION
        SELECT 'purchase', attempt.payment_attempt_id, moved.why
        FROM moved
        JOIN owned_address AS owned ON owned.address = moved.address
        JOIN payment_attempt AS attempt ON attempt.payment_attempt_id = owned.owner
        UNION
        SELECT 'agent', agent.agent_id, 'a transfer to this agent''s address, which pays no purchase'
        FROM moved
        JOIN agent_deposit_address AS agent ON lower(agent.address) = moved.address
        WHERE NOT EXISTS (SELECT FROM claimed WHERE claimed.address = moved.address)
        UNION
        SELECT 'purchase', attempt.payment_attempt_id, 'paid by this transaction, says the processor'
        FROM stripe_balance_transaction AS kept
        JOIN payment_attempt AS attempt ON attempt.payment_attempt_id = kept.payment_attempt_id
        WHERE kept.transaction_hash = :hash
            AND NOT EXISTS (SELECT FROM moved)
        LIMIT :most
        """
    ),
    "address": text(
        """
        SELECT 'purchase', attempt.payment_attempt_id, 'to be paid at this address'
        FROM owned_address AS owned
        JOIN payment_attempt AS attempt ON attempt.payment_attempt_id = owned.owner
        WHERE owned.address = :hash
        UNION ALL
        SELECT 'agent', agent_id, 'pays at this address of its own'
        FROM agent_deposit_address WHERE lower(address) = :hash
        UNION ALL
        SELECT * FROM (
            SELECT DISTINCT
                CASE WHEN attempt.payment_attempt_id IS NULL THEN 'agent' ELSE 'purchase' END,
                coalesce(claim.payment_attempt_id, attempt.payment_attempt_id, own.agent_id),
                'paid from this wallet'
            FROM (
                SELECT * FROM deposit WHERE sender = :hash ORDER BY block_number DESC LIMIT :most
            ) AS sent
            LEFT JOIN transfer_claim AS claim
                ON claim.chain_id = sent.chain_id AND claim.tx_hash = sent.tx_hash
                AND claim.address = sent.address
            LEFT JOIN owned_address AS owned ON owned.address = sent.address
            LEFT JOIN payment_attempt AS attempt
                ON attempt.payment_attempt_id = coalesce(claim.payment_attempt_id, owned.owner)
            LEFT JOIN agent_deposit_address AS own ON lower(own.address) = sent.address
            WHERE coalesce(attempt.payment_attempt_id, own.agent_id) IS NOT NULL
        ) AS paid
        """
    ),
    "number": text(
        """
        SELECT 'exception', exception_id, 'the exception of this number'
        FROM payment_exception WHERE exception_id = :number
        UNION ALL
        SELECT 'notice', notice_id, 'the notice of this number' FROM notice WHERE notice_id = :number
        UNION ALL
        SELECT 'transaction', id, 'the ledger transaction of this number'
        FROM ledger_transaction WHERE id = :number
        """
    ),
    "account": text(
        "SELECT 'agent', substr(name, 7), 'the account of this agent' FROM account WHERE name = :q"
    ),
    # Whatever a processor calls a payment, a part of it, or what it sent about it.
    "processor": text(
        """
        SELECT 'purchase', payment_attempt_id, 'the processor''s name of this payment'
        FROM payment_attempt WHERE reference = :q
        UNION
        SELECT 'purchase', payment_attempt_id, 'the processor''s name of this payment'
        FROM evidence WHERE source = 'stripe' AND detail ->> 'payment_intent_id' = :q
        UNION
        SELECT 'purchase', payment_attempt_id, 'the processor''s name of this payment'
        FROM evidence WHERE external_id = :q
        UNION
        SELECT 'purchase', payment_attempt_id, 'the processor''s name of this payment'
        FROM transfer_claim WHERE intent_id = :q
        UNION
        SELECT 'purchase', payment_attempt_id, 'this left the payment, or may'
        FROM payment_reversal WHERE reference = :q
        UNION
        SELECT 'purchase', payment_attempt_id, 'this left the payment, or may'
        FROM refund_request WHERE reference = :q
        UNION
        SELECT 'notice', CAST(notice_id AS text), 'this event of the processor'
        FROM notice WHERE source = 'stripe' AND external_id = :q
        UNION
        SELECT 'purchase', links ->> 'payment_attempt_id', 'told to the agent by this event'
        FROM activity WHERE event_id = :q AND links ? 'payment_attempt_id'
        UNION
        SELECT
            CASE WHEN booked.payment_attempt_id IS NULL THEN 'transaction' ELSE 'purchase' END,
            coalesce(booked.payment_attempt_id, CAST(booked.ledger_transaction_id AS text)),
            'this moved the processor''s balance'
        FROM (
            SELECT id FROM stripe_balance_transaction WHERE id = :q
            UNION
            SELECT id FROM stripe_balance_transaction WHERE payment_intent = :q
            UNION
            SELECT id FROM stripe_balance_transaction WHERE charge = :q
            UNION
            SELECT id FROM stripe_balance_transaction WHERE source = :q
            UNION
            SELECT unnest(ARRAY[balance_transaction, failure_balance_transaction])
            FROM stripe_payout WHERE payout_id = :q
            LIMIT :most
        ) AS moved
        JOIN stripe_booking AS booked ON booked.balance_transaction_id = moved.id
        WHERE coalesce(booked.payment_attempt_id, CAST(booked.ledger_transaction_id AS text)) IS NOT NULL
        LIMIT :most
        """
    ),
    "words": text(
        """
        SELECT 'transaction', CAST(id AS text), 'the ledger transaction of this key'
        FROM ledger_transaction WHERE reference = :q
        UNION
        SELECT 'purchase', payment_attempt_id, 'the processor''s name of this payment'
        FROM payment_attempt WHERE reference = :q
        UNION
        SELECT 'purchase', payment_attempt_id, 'seen under this name'
        FROM evidence WHERE external_id = :q
        UNION
        SELECT 'purchase', payment_attempt_id, 'a refund was asked for under this key'
        FROM refund_request WHERE idempotency_key = :q
        UNION
        (
            SELECT 'hold', details ->> 'hold', 'credits set aside for this job'
            FROM ledger_transaction WHERE kind = 'hold' AND outcome = 'done' AND details ->> 'job' = :q
            LIMIT :most
        )
        UNION
        (
            SELECT 'transaction', CAST(id AS text), 'credits used for this job'
            FROM ledger_transaction WHERE kind = 'debit' AND outcome = 'done' AND details ->> 'job' = :q
            LIMIT :most
        )
        """
    ),
}
# The order of the indexes, whatever language the database sorts in.
_BEGINNINGS: Final = text(
    """
    (
        SELECT 'agent', agent_id, 'the name begins so'
        FROM agent
        WHERE lower(agent_name) COLLATE "C" >= lower(:q)
            AND lower(agent_name) COLLATE "C" < lower(:q) || chr(1114111)
        LIMIT :most
    )
    UNION
    (
        SELECT 'agent', agent_id, 'the contact begins so'
        FROM agent
        WHERE contact COLLATE "C" >= lower(:q) AND contact COLLATE "C" < lower(:q) || chr(1114111)
        LIMIT :most
    )
    """
)
# z comes after every character of an id, in every language; what the order lets through is looked at again.
_BEGUN: Final = """
    (
        SELECT '{kind}', {key}, '{why}'
        FROM {table}
        WHERE {column} >= :q AND {column} < (:q || 'zzzz') AND starts_with({column}, :q)
        ORDER BY {column}
        LIMIT :most
    )
"""
_OF_BEGINNING: Final[Mapping[str, TextClause]] = {
    prefix: text(_BEGUN.format(kind=kind, table=table, column=column, key=key, why="begins so"))
    for prefix, kind, table, column, key in (
        ("payatt_", "purchase", "payment_attempt", "payment_attempt_id", "payment_attempt_id"),
        ("quote_", "quote", "quote", "quote_id", "quote_id"),
        ("receipt_", "purchase", "receipt", "receipt_id", "payment_attempt_id"),
        ("agt_", "agent", "agent", "agent_id", "agent_id"),
        ("hold_", "hold", "hold", "id", "id"),
        ("cs_", "purchase", "payment_attempt", "reference", "payment_attempt_id"),
        ("pi_", "purchase", "payment_attempt", "reference", "payment_attempt_id"),
    )
}
_FEWEST: Final = 2
"""So many characters after its prefix make a beginning worth looking for."""

UNDERSTOOD: Final[Sequence[tuple[str, str]]] = (
    ("payment attempt, quote, receipt", "payatt_…, quote_…, receipt_…"),
    ("Checkout Session, PaymentIntent, charge", "cs_…, pi_…, ch_…"),
    ("refund, dispute, early fraud warning", "refund_…, re_…, pyr_…, du_…, dp_…, issfr_…"),
    ("event of the processor, balance transaction, payout", "evt_…, txn_…, po_…"),
    ("transaction hash", "0x and 64 hexadecimal digits"),
    ("wallet or deposit address", "0x and 40 hexadecimal digits"),
    ("agent, by id, organization, or how its name or contact begins", "agt_…, org_…, shop-bot, ops@exam…"),
    ("job, hold", "the job's own name, hold_…"),
    ("ledger transaction", "its number, or its key such as purchase:payatt_…"),
    ("exception, notice", "its number: 12, exception 12, notice 12"),
    ("event that was told to subscribers", "msg_…"),
    ("service, by the id of its token", "svctok_…"),
)
"""What the box understands, and how it is written."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found for `query`, read as `shape`; None if there was nothing to read.

    `only` is the one thing that it names, None if it names none or several.
    """

    query: str
    shape: Shape | None
    found: tuple[Found, ...]
    only: Found | None


def search(session: Session, typed: str) -> Answer:
    """Everything that `typed` names; if nothing, what begins so, and else what an id inside it names."""
    query = _cleaned(typed)
    if not query:
        return Answer("", None, (), None)
    shape = shape_of(query)
    hits = _exact(session, query, shape)
    if hits:
        return _answer(session, query, shape, hits, exact=True)
    for inside in _ids_inside(query):
        if hits := _exact(session, inside, shape_of(inside)):
            return _answer(session, query, shape_of(inside), hits, exact=True)
    return _answer(session, query, shape, _begun(session, query, most=MOST), exact=False)


def suggest(session: Session, typed: str, *, most: int = 8) -> tuple[Found, ...]:
    """A few things that `typed` names, or that begin so: asked anew with every key that is pressed."""
    query = _cleaned(typed)
    if not query:
        return ()
    hits = _exact(session, query, shape_of(query)) or _begun(session, query, most=most)
    return found.described(session, hits[:most])


def shape_of(query: str) -> Shape:
    """What `query` looks like."""
    if len(query) > _LONGEST_ID:
        return "words"
    return next(shape for shape, pattern in _SHAPES.items() if pattern.fullmatch(query))


def _cleaned(typed: str) -> str:
    """What was typed without what nobody sees, which is no text to the database either."""
    seen = "".join(each if each.isprintable() else " " for each in typed[:_LONGEST])
    return " ".join(seen.split()).strip("'\"`<>()[],; ")


def _ids_inside(query: str) -> Iterable[str]:
    return [each for each in dict.fromkeys(_INSIDE.findall(query)) if each != query][:3]


def _exact(session: Session, query: str, shape: Shape) -> list[Hit]:
    if len(query) > _LONGEST_ID:
        return []
    if shape == "numbered":
        return _numbered(session, query)
    given = {"q": query, "hash": _hash(query), "number": _number(query, shape), "most": MOST}
    hits = _ask(session, _OF_SHAPE[shape], given)
    # Jobs and keys are what their owners call them, and may look like anything.
    if shape not in ("words", "transaction hash", "address"):
        hits += _ask(session, _OF_SHAPE["words"], given)
    return _each_once(hits)


def _numbered(session: Session, query: str) -> list[Hit]:
    named = _SHAPES["numbered"].fullmatch(query)
    assert named is not None
    given = {"number": min(int(named[2]), _LARGEST)}
    return [hit for hit in _ask(session, _OF_SHAPE["number"], given) if hit.kind == named[1].lower()]


def _begun(session: Session, query: str, *, most: int) -> list[Hit]:
    if len(query) > _LONGEST_ID or len(query) < _FEWEST:
        return []
    given = {"q": query, "most": most}
    for prefix, statement in _OF_BEGINNING.items():
        if query.startswith(prefix):
            worth = len(query) >= len(prefix) + _FEWEST
            return _each_once(_ask(session, statement, given)) if worth else []
    return _each_once(_ask(session, _BEGINNINGS, given))


def _ask(session: Session, statement: TextClause, given: Mapping[str, object]) -> list[Hit]:
    wanted = {name: given[name] for name in statement.compile().params if name in given}
    rows = session.connection().execute(statement, wanted).all()
    return [Hit(_kind(kind), str(key), why) for kind, key, why in rows]


def _kind(word: str) -> Kind:
    return next(kind for kind in get_args(Kind) if kind == word)


def _each_once(hits: Sequence[Hit]) -> list[Hit]:
    return list({(hit.kind, hit.key): hit for hit in reversed(hits)}.values())[::-1]


def _hash(query: str) -> str:
    lower = query.lower()
    return lower if lower.startswith("0x") else f"0x{lower}"


def _number(query: str, shape: Shape) -> int:
    named = _SHAPES[shape].fullmatch(query)
    digits = named[1] if named is not None and shape in ("number", "book event") else "0"
    # A number too long is nothing's.
    return min(int(digits), _LARGEST)


def _answer(session: Session, query: str, shape: Shape, hits: list[Hit], *, exact: bool) -> Answer:
    told = found.described(session, hits)
    return Answer(query, shape, told, told[0] if exact and len(told) == 1 else None)
