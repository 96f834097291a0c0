"""Faults that a house must not have, put into one on purpose: who looks for faults must find these."""

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
import pytest

from app.house import House
from app.internal import reading
from app.internal.answers import Fields

OFTEN: Final = 0.2

# What a node does that acknowledges from memory. The variable outlives the block that is rolled back.
_LOST_WRITE: Final = """
    ALTER FUNCTION debit(operation, balance) RENAME TO debit_for_good;
    CREATE FUNCTION debit(op operation, mine balance) RETURNS operation_result
    LANGUAGE plpgsql
    AS $$
    DECLARE
        done operation_result;
    BEGIN
        BEGIN
            done := debit_for_good(op, mine);
            IF random() < 0.2 THEN
                RAISE EXCEPTION 'lost';
            END IF;
        EXCEPTION WHEN raise_exception THEN
            NULL;
        END;
        RETURN done;
    END $$;
"""


def lost_write(database_url: str) -> None:
    """Every fifth debit is answered as done and is not in the book."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(_LOST_WRITE)


def double_effect(database_url: str) -> None:
    """A debit that is told again under its key is done again."""
    known = "SELECT told.* INTO known FROM ledger_transaction AS told WHERE told.reference = op.reference;"
    again = f"""{known}
        IF FOUND AND op.kind = 'debit' THEN
            op.reference := op.reference || '-again-' || nextval('ledger_transaction_id_seq');
            {known}
        END IF;"""
    _replace(database_url, "apply_operations(operation[])", known, again)


def stale_decision(database_url: str) -> None:
    """Every fifth hold or debit is judged by a balance of before the agent was given anything."""
    lagging = "(mine.posted - mine.held) * (random() > 0.2)::integer"
    _replace(database_url, "spending_refusal(operation, balance)", "mine.posted - mine.held", lagging)


@contextmanager
def stale_read(patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every fifth balance is the one that was read before, as from a replica that lags."""
    fresh: Callable[[House, str], Fields] = reading._balance
    lock, chance, last = threading.Lock(), random.Random(7), dict[str, Fields]()

    def lagging(here: House, agent_id: str) -> Fields:
        found = fresh(here, agent_id)
        with lock:
            before, last[agent_id] = last.get(agent_id, found), found
            return before if chance.random() < OFTEN else found

    with patch.context() as patched:
        patched.setattr(reading, "_balance", lagging)
        yield


def _replace(database_url: str, function: str, old: str, new: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        asked = "SELECT pg_get_functiondef(%s::regprocedure)"
        row = connection.execute(asked, (function,)).fetchone()
        assert row is not None
        assert row[0].count(old) == 1, f"{function} does not say this once any more: {old}"
        connection.execute(row[0].replace(old, new))
