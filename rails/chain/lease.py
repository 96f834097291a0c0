"""One watcher at a time: a lease that ends by itself, and a token that tells its holders apart.

Time is the database's, read once a statement, so that workers whose clocks differ agree on who holds it.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from sqlalchemy import Interval, cast, func, literal, update
from sqlalchemy.dialects.postgresql import insert as insert_into
from sqlmodel import Session, col, select

from ledger.database import Sessions
from rails.chain.errors import LeaseHeld, Overtaken
from rails.chain.models import ChainLease
from rails.chain.rpc import BATCH, Node, T

RENEW_AFTER = 1 / 3
"""The part of a lease after which it is prolonged: two more tries fit into the rest."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to move the cursor of a chain, while nobody has a higher token."""

    chain_id: int
    holder: str
    token: int
    seconds: float


def take(session: Session, *, chain_id: int, holder: str, seconds: float) -> Lease:
    """Take the lease if it is free or has ended, under a token that nobody had before.

    raises: LeaseHeld
    """
    first = {"chain_id": chain_id, "holder": holder, "token": 1, "held_until": _until(seconds)}
    taken = insert_into(ChainLease).values(first)
    taken = taken.on_conflict_do_update(
        index_elements=["chain_id"],
        set_={"holder": holder, "token": col(ChainLease.token) + 1, "held_until": _until(seconds)},
        where=col(ChainLease.held_until) <= func.clock_timestamp(),
    )
    token = session.execute(taken.returning(col(ChainLease.token))).scalar()
    if token is None:
        raise LeaseHeld(f"another watcher reads chain {chain_id}")
    return Lease(chain_id, holder, token, seconds)


def prolong(session: Session, lease: Lease) -> None:
    """Hold the lease for its time from now on, even if it had ended and nobody took it.

    raises: Overtaken
    """
    held = (col(ChainLease.chain_id) == lease.chain_id, col(ChainLease.token) == lease.token)
    statement = update(ChainLease).where(*held).values(held_until=_until(lease.seconds))
    if session.execute(statement.returning(col(ChainLease.token))).first() is None:
        raise Overtaken(f"another watcher took over chain {lease.chain_id}")


def release(session: Session, lease: Lease) -> None:
    """Let the next watcher in now. Does nothing if somebody took the lease."""
    held = (col(ChainLease.chain_id) == lease.chain_id, col(ChainLease.token) == lease.token)
    session.execute(update(ChainLease).where(*held).values(held_until=func.clock_timestamp()))


def check(session: Session, lease: Lease) -> None:
    """Keep the lease from changing hands until this transaction ends.

    raises: Overtaken if it did already
    """
    query = select(ChainLease.token).where(col(ChainLease.chain_id) == lease.chain_id)
    if session.exec(query.with_for_update(read=True)).first() != lease.token:
        raise Overtaken(f"another watcher took over chain {lease.chain_id}")


def find(session: Session, *, chain_id: int) -> ChainLease | None:
    """The lease as it stands; None if nobody ever took it."""
    return session.get(ChainLease, chain_id)


class Held:
    """A node that is asked under a lease: long work prolongs it, and stops once somebody took it."""

    def __init__(self, sessions: Sessions, node: Node, lease: Lease) -> None:
        self._sessions = sessions
        self._node = node
        self._lease = lease
        self._prolonged_at = time.monotonic()
        self.chain_id = node.chain_id
        self.origin = node.origin

    def call(self, method: str, parameters: Sequence[object], *, answer: "msgspec.json.Decoder[T]") -> T:
        """As the node's own; prolongs the lease first where a third of it is over.

        raises: RpcError, Overtaken
        """
        self._keep()
        return self._node.call(method, parameters, answer=answer)

    def call_each(
        self, method: str, parameters: Sequence[Sequence[object]], *, answer: "msgspec.json.Decoder[T]"
    ) -> list[T]:
        """As the node's own, many in a row: each of them may be as long as one alone.

        raises: RpcError, Overtaken
        """
        results: list[T] = []
        for start in range(0, len(parameters), BATCH):
            self._keep()
            results += self._node.call_each(method, parameters[start : start + BATCH], answer=answer)
        return results

    def _keep(self) -> None:
        if time.monotonic() - self._prolonged_at > self._lease.seconds * RENEW_AFTER:
            with self._sessions() as session:
                prolong(session, self._lease)
            self._prolonged_at = time.monotonic()


def _until(seconds: float) -> object:
    return func.clock_timestamp() + cast(literal(f"{seconds} seconds"), Interval)
