"""Doing operations in a test, and reading what came of them."""

from datetime import datetime

from sqlmodel import text

from ledger import balances, book, chart, credits
from ledger.credits import Outcome
from ledger.database import Sessions
from ledger.models import Transaction
from ledger.operations import Operation
from tests.ledger.make import AGENT, NOON


def do(sessions: Sessions, *wanted: Operation, now: datetime = NOON) -> Outcome:
    """Carry them out in one commit; what came of the last."""
    return credits.perform(sessions, wanted, now=now)[-1]


def codes(sessions: Sessions, *wanted: Operation, now: datetime = NOON) -> list[str]:
    """Carry them out in one commit; what came of each."""
    return [outcome.code for outcome in credits.perform(sessions, wanted, now=now)]


def has(sessions: Sessions, *, now: datetime = NOON, agent: str = AGENT) -> tuple[int, int]:
    """What the agent has in all, and how much of it is held."""
    with sessions() as session:
        found = balances.snapshot(session, agent_id=agent, now=now)
    return found.posted.units, found.held.units


def left(sessions: Sessions, *, now: datetime = NOON, agent: str = AGENT) -> dict[str, int]:
    """How many credits are left of each grant, in burn order."""
    with sessions() as session:
        found = balances.snapshot(session, agent_id=agent, now=now)
        keys = {lot.lot_id: session.get_one(Transaction, lot.granted_in).reference for lot in found.lots}
    return {keys[lot.lot_id]: lot.credits.units for lot in found.lots}


def house(sessions: Sessions) -> dict[str, int]:
    """What the house accounts hold, without those that hold nothing."""
    names = [name for name, one in chart.CLASSES.items() if one.floor is None and name != "clearing"]
    with sessions() as session:
        found = {name: book.balance(session, account=name).units for name in [*names, "clearing:rail"]}
    return {name: units for name, units in found.items() if units}


def lot(sessions: Sessions, key: str) -> dict[str, int]:
    """The row of the lot that was granted under `key`."""
    query = """
        SELECT lot.credits, used, held, cents, cents_used, reversing
        FROM lot JOIN ledger_transaction AS told ON told.id = granted_in WHERE reference = :key
    """
    with sessions() as session:
        return dict(session.connection().execute(text(query), {"key": key}).mappings().one())
