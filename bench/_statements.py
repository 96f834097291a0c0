"""The statements that are measured, as text for pgbench: the fastest client there is.

`:agent` is the number of an agent between 1 and 1000, and `:key` makes a key that nobody has used: made by
the client, because gen_random_uuid() of a server without OpenSSL reads a file each time. pgbench takes a
colon and a letter for a variable inside quotes too, so that names with a colon are put together with chr(58).
"""

# ruff: noqa: S608 - nothing in these statements comes from outside.
from typing import Final

from ledger.operations import _FIELDS as FIELDS

CHOOSE: Final = "\\set agent random(1, 1000)\n\\set key random(1, 9000000000000000000)\n"

_COMMON: Final = {
    "request_hash": "sha256('')",
    "actor": "'bench'",
    "now": "now()",
    "agent": "(:agent::integer)::text",
    "credits": "1",
}
_RANDOM: Final = "(:key)::bigint"
_PAID: Final = {"credits": "500", "cents": "500", "clearing": "'clearing' || chr(58) || 'stripe_checkout'"}


def operation(kind: str, number: str = _RANDOM, **fields: str) -> str:
    """The row of one operation, every field an SQL expression. `number` makes its key a new one."""
    given = {
        "kind": f"'{kind}'",
        "reference": f"'{kind}-' || {number}",
        **_COMMON,
        **fields,
    }
    return f"ROW({', '.join(given.get(name, 'NULL') for name in FIELDS)})::operation"


def hold(number: str = _RANDOM, **fields: str) -> str:
    """A hold of one credit."""
    ends = "now() + interval '1 hour'"
    return operation(
        "hold",
        number,
        subject=f"'hold_' || {number}",
        job="'job'",
        expires_at=ends,
        in_flight="false",
        **fields,
    )


def _apply(row: str) -> str:
    return f"{CHOOSE}SELECT outcome FROM apply_operations(ARRAY[{row}]);\n"


def _close(kind: str) -> str:
    # The next hold of the pool that `open_holds` filled, which belongs to the agent of its number.
    row = operation(
        kind, "next.number", subject="'hold_' || next.number", agent="(mod(next.number, 1000) + 1)::text"
    )
    return (
        "SELECT done.outcome\nFROM (SELECT nextval('open_hold') AS number OFFSET 0) AS next\n"
        f"CROSS JOIN LATERAL apply_operations(ARRAY[{row}]) AS done;\n"
    )


LIMIT: Final = f"""{CHOOSE}WITH moved AS (
    UPDATE limit_balance SET posted = posted + 5, seq = seq + 1, last_at = clock_timestamp()
    WHERE account_id = :agent AND shard = 0 RETURNING seq, posted, last_at
)
INSERT INTO limit_entry
    (transaction_id, leg, account_id, shard, asset, amount, held, seq, balance_after, held_after, hash,
    created_at, reference)
SELECT 1, 0, :agent, 0, 'CREDIT', 5, 0, seq, posted, 0, sha256(''), last_at, 'purchase-' || (:key)::bigint
FROM moved;
"""

HOLD: Final = _apply(hold())
DEBIT: Final = _apply(operation("debit", job="'job'"))
GRANT: Final = _apply(operation("grant", promotional="false", priority="0", **_PAID))
CAPTURE: Final = _close("capture")
RELEASE: Final = _close("release")

POSTING: Final = f"""{CHOOSE}SELECT outcome FROM post_transaction(
    'payout-' || (:key)::bigint, sha256(''), 'payout', now(), 'bench', '{{}}',
    ARRAY['clearing' || chr(58) || 'stripe_checkout', 'fees'], ARRAY['USD', 'USD'], ARRAY[-30, 30]::bigint[]
);
"""

BATCH: Final = 50
# Of fifty that only this client asks for: eight batches of any fifty of a thousand would wait for each other.
_OWN_AGENT: Final = "(1 + 50 * mod((:client_id)::integer, 20) + floor(50 * random()))::integer::text"
HOLDS_IN_BATCH: Final = (
    f"{CHOOSE}SELECT count(*) FROM apply_operations(ARRAY(SELECT "
    + hold("(:key)::bigint || '-' || place", agent=_OWN_AGENT)
    + f" FROM generate_series(1, {BATCH}) AS place OFFSET 0));\n"
)

OPEN_HOLDS: Final = (
    "SELECT count(*) FROM apply_operations(ARRAY(SELECT "
    + hold("wanted.number", agent="(mod(wanted.number, 1000) + 1)::text")
    + " FROM generate_series(%(first)s::bigint, %(last)s) AS wanted (number)))"
)

OPENING_GRANTS: Final = (
    "SELECT count(*) FROM apply_operations(ARRAY(SELECT "
    + operation(
        "grant",
        "wanted.number",
        agent="wanted.number::text",
        credits="1000000000",
        cents="1000000000",
        clearing="'clearing' || chr(58) || 'stripe_checkout'",
        promotional="false",
        priority="0",
    )
    + " FROM generate_series(1, 1000) AS wanted (number)))"
)
