"""Operations on credits in few words; what is not said is the same everywhere."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from ledger.money import CREDIT, USD, Amount
from ledger.operations import (
    Capture,
    Debit,
    Deduct,
    Grant,
    Hold,
    Refund,
    Reinstate,
    Release,
    Start,
    Unwind,
)

NOON: Final = datetime(2026, 7, 1, 12, tzinfo=UTC)
AGENT: Final = "agt_1"
RAIL: Final = "clearing:rail"


def after(minutes: float) -> datetime:
    """So many minutes past noon."""
    return NOON + timedelta(minutes=minutes)


def grant(key: str, units: int, *, cents: int = 0, agent: str = AGENT, **more: Any) -> Grant:
    """Credits bought for `cents`, or promotional if for none."""
    paid = Amount(cents, USD)
    told = {"agent_id": agent, "actor": "test", "credits": Amount(units, CREDIT), "cents": paid, **more}
    return Grant(key=key, **{"clearing": RAIL if cents else None, "promotional": not cents, **told})


def hold(key: str, units: int, *, minutes: float = 10, agent: str = AGENT, **more: Any) -> Hold:
    """A hold for `minutes` from noon."""
    told = {"agent_id": agent, "actor": "test", "job": f"job of {key}", "expires_at": after(minutes), **more}
    return Hold(key=key, credits=Amount(units, CREDIT), **told)


def debit(key: str, units: int, *, agent: str = AGENT, **more: Any) -> Debit:
    """A spend in one step."""
    told = {"agent_id": agent, "actor": "test", "job": f"job of {key}", **more}
    return Debit(key=key, credits=Amount(units, CREDIT), **told)


def start(key: str, held: Hold, *, minutes: float | None = None, agent: str | None = None) -> Start:
    """The job of `held` began; it may last until `minutes` past noon."""
    until = None if minutes is None else after(minutes)
    who = agent or held.agent_id
    return Start(key=key, agent_id=who, actor="test", hold_id=held.hold_id, expires_at=until)


def capture(key: str, held: Hold, units: int | None = None, *, agent: str | None = None) -> Capture:
    """A capture of `held`, of all of it if `units` is None."""
    part = None if units is None else Amount(units, CREDIT)
    who = agent or held.agent_id
    return Capture(key=key, agent_id=who, actor="test", hold_id=held.hold_id, credits=part)


def release(key: str, held: Hold, *, agent: str | None = None) -> Release:
    """A release of `held`."""
    return Release(key=key, agent_id=agent or held.agent_id, actor="test", hold_id=held.hold_id)


def unwind(key: str, spend: str, units: int | None = None, *, agent: str = AGENT) -> Unwind:
    """An unwind of the spend told under the key `spend`, of all that is left of it if `units` is None."""
    part = None if units is None else Amount(units, CREDIT)
    return Unwind(key=key, agent_id=agent, actor="test", spend=spend, credits=part)


def deduct(key: str, units: int, *, agent: str = AGENT) -> Deduct:
    """Credits that nobody used are taken away."""
    return Deduct(key=key, agent_id=agent, actor="test", credits=Amount(units, CREDIT))


def refund(key: str, grant: str, *, cents: int, agent: str = AGENT) -> Refund:
    """A refund of `cents` of the purchase told under the key `grant`."""
    paid = Amount(cents, USD)
    return Refund(key=key, agent_id=agent, actor="test", grant=grant, cents=paid, clearing=RAIL)


def reinstate(key: str, refund: str, *, agent: str = AGENT) -> Reinstate:
    """The refund told under the key `refund`, undone."""
    return Reinstate(key=key, agent_id=agent, actor="test", refund=refund, clearing=RAIL)
