"""What a service may read: balances, outcomes by key, whose a token is."""

import re
from dataclasses import dataclass
from typing import Final

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app import agents
from app.house import House, house
from app.internal import answers, requests, telling
from app.internal.answers import Fields
from app.internal.callers import Caller
from app.internal.door import Door
from app.internal.errors import Declined, Unavailable, invalid
from app.times import iso
from ledger import balances, credits, operations
from ledger.balances import HoldOpen, LotLeft
from ledger.models import Transaction

_AGENT_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,200}")
_KEY: Final = re.compile(r"[!-~]{1,200}")
_INTROSPECTION: Final = msgspec.json.Decoder(requests.Introspection)


@dataclass(frozen=True, slots=True)
class Reading:
    """The doors that change nothing."""

    door: Door

    def routes(self) -> list[Route]:
        """The doors themselves."""
        return [
            self.door.route("/agents/{agent_id}/balance", self._balance, "GET"),
            self.door.route("/outcomes/{key:path}", self._outcome, "GET"),
            self.door.route("/tokens/introspect", self._introspect),
        ]

    async def _balance(self, request: Request) -> Response:
        await self.door.admit(request, "balances:read")
        agent_id = request.path_params["agent_id"]
        if not _AGENT_ID.fullmatch(agent_id):
            raise invalid("agent_id: not the id of an agent", "agent_id")
        return answers.success(await run_in_threadpool(_balance, house(request), agent_id))

    async def _outcome(self, request: Request) -> Response:
        caller = await self.door.admit(request, "outcomes:read")
        key = request.path_params["key"]
        if not _KEY.fullmatch(key):
            raise invalid("idempotency_key: 1 to 200 visible ASCII characters", "idempotency_key")
        writer, reference = self.door.writer, caller.key(key)
        # Asked on both sides of the look into the book: it may be committed between any two of the three.
        on_its_way = writer.is_writing(reference)
        found = await run_in_threadpool(_outcome, house(request), caller, key)
        if found is not None:
            return answers.success(found)
        if on_its_way or writer.is_writing(reference):
            raise Unavailable("it is being written")
        raise Declined("OUTCOME_NOT_FOUND")

    async def _introspect(self, request: Request) -> Response:
        await self.door.admit(request, "tokens:introspect")
        asked = requests.decoded(_INTROSPECTION.decode, await self.door.body(request))
        return answers.success(await run_in_threadpool(_introspect, house(request), asked.token))


def _balance(here: House, agent_id: str) -> Fields:
    with here.sessions() as session:
        found = balances.snapshot(session, agent_id=agent_id, now=here.clock())
        if found.version == 0 and not telling.agents_of(session, {agent_id}):
            raise Declined("AGENT_NOT_FOUND")
    return {
        "agent_id": agent_id,
        "balance": answers.balance(found.version, found.posted.units, found.held.units),
        "free": {
            "promotional": found.free(promotional=True).units,
            "bought": found.free(promotional=False).units,
        },
        "holds": [_hold(hold) for hold in found.holds],
        "lots": [_lot(lot) for lot in found.lots],
    }


def _hold(hold: HoldOpen) -> Fields:
    return {
        "hold_id": hold.hold_id,
        "job_id": hold.job,
        "credits": hold.credits.units,
        "in_flight": hold.in_flight,
        "expires_at": iso(hold.expires_at),
    }


def _lot(lot: LotLeft) -> Fields:
    return {
        "lot_id": lot.lot_id,
        "granted_in": lot.granted_in,
        "promotional": lot.promotional,
        "priority": lot.priority,
        "effective_at": iso(lot.effective_at),
        "expires_at": iso(lot.expires_at) if lot.expires_at else None,
        "credits": lot.credits.units,
        "held": lot.held.units,
        "paid_cents": lot.cents.units,
    }


def _outcome(here: House, caller: Caller, key: str) -> Fields | None:
    with here.sessions() as session:
        found = credits.outcome_of(session, key=caller.key(key))
        if found is None:
            return None
        kind = session.get_one(Transaction, found.transaction_id).kind
    standing = found.standing
    spent, released = answers.spent(found.credits.units if found.credits is not None else None, found.details)
    return {
        "idempotency_key": key,
        "operation": kind,
        "outcome": found.code,
        "done": found.done,
        "transaction_id": found.transaction_id,
        "credits": spent,
        "released": released,
        "hold_id": operations.hold_id(caller.key(key)) if kind == "hold" and found.done else None,
        "balance": standing and answers.balance(standing.version, standing.posted.units, standing.held.units),
    }


def _introspect(here: House, token: str) -> Fields:
    token_hash = agents.hashed(token)
    if token_hash is None:
        return {"active": False}
    with here.sessions() as session:
        known = agents.known(session, token_hash=token_hash)
    if known is None:
        return {"active": False}
    return {
        "active": True,
        "agent_id": known.agent.agent_id,
        "organization_id": known.agent.organization_id,
        "claim_state": known.agent.claim_state,
        "token_created_at": iso(known.token_created_at),
    }
