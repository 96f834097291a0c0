"""The watcher whole: one at a time, over several nodes, with an alarm for whatever is not as it should be."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from sqlmodel import Session

from ledger.database import Sessions
from rails.chain import alarms, balances, lease, scanner, store
from rails.chain.agreement import Witnesses
from rails.chain.alarms import Kind
from rails.chain.balances import BalanceReport
from rails.chain.errors import ChainError, LeaseHeld, RangeRefused, RpcError, RpcRefused, WrongChain
from rails.chain.finality import Depth
from rails.chain.lease import Held, Lease
from rails.chain.providers import Provider, Providers
from rails.chain.scanner import Limits, Outcome, RescanReport, ScanReport, Watch

logger = logging.getLogger("pennyrail.chain")
FAILING_AFTER = 3
"""Calls in a row that a node did not answer, before that is an alarm."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is read and how: the settings of the chain, as the watcher needs them."""

    token: str
    others: tuple[str, ...]
    policy: Depth
    limits: Limits
    agreement: int
    """How many nodes must tell the same block before it counts; never more than there are."""
    lease_seconds: float
    head_age: timedelta
    """The newest block may be as old as that before it is an alarm."""
    cursor_age: timedelta
    """We may be behind the newest block, or without a pass, for as long as that."""
    balance_addresses: int


def read(
    sessions: Sessions, providers: Providers, watch: Watch, plan: Plan, *, holder: str, now: datetime
) -> ScanReport | None:
    """One pass, through the first node that answers; None while another watcher reads.

    raises: the last node's RpcError or RangeRefused if none could be read
    """
    try:
        with sessions() as session:
            taken = lease.take(
                session, chain_id=providers.chain_id, holder=holder, seconds=plan.lease_seconds
            )
    except LeaseHeld:
        return None
    try:
        return _pass(sessions, providers, watch, plan, taken, now=now)
    finally:
        with sessions() as session:
            lease.release(session, taken)


def audit(
    sessions: Sessions, providers: Providers, watch: Watch, plan: Plan, *, now: datetime
) -> RescanReport | None:
    """Read blocks that became final a second time, through another node than the first time if there is one.

    raises: ChainError
    """

    def ask(node: Provider) -> RescanReport | None:
        return scanner.audit(
            sessions, node, watch, token=plan.token, now=now, limits=plan.limits, others=plan.others
        )

    report = _through_another(providers, ask)
    if report is None:
        return None
    with sessions() as session:
        if report.new or report.revived:
            missing = (
                f"{report.new + report.revived} transfers in blocks {report.from_block} to {report.to_block}"
            )
            detail = f"the first reading had left out {missing}; they are kept now"
            alarms.ring(session, Kind.AUDIT_MISSING, detail, chain_id=providers.chain_id, now=now)
        else:
            alarms.calm(session, Kind.AUDIT_MISSING, chain_id=providers.chain_id, now=now)
    return report


def check_balances(
    sessions: Sessions, providers: Providers, watch: Watch, plan: Plan, *, now: datetime
) -> BalanceReport:
    """Compare what addresses hold with what came and left.

    raises: ChainError
    """

    def ask(node: Provider) -> BalanceReport:
        return balances.check(
            sessions,
            node,
            watch,
            token=plan.token,
            now=now,
            addresses_most=plan.balance_addresses,
            limits=plan.limits,
        )

    return _through_another(providers, ask)


def check_ages(session: Session, plan: Plan, *, chain_id: int, now: datetime) -> None:
    """Alarm when the chain stands still, or when nobody reads it. Asks no node."""
    cursor = store.find_cursor(session, chain_id=chain_id)
    if cursor is None:
        detail = "the chain was never read to its head"
        alarms.ring(session, Kind.CURSOR_AGE, detail, chain_id=chain_id, now=now)
        return
    # While nobody reads, nobody knows how old the head is; the alarm about it stays as it was.
    silence, behind = now - cursor.scanned_at, cursor.head_time - cursor.block_time
    if silence > plan.cursor_age or behind > plan.cursor_age:
        blocks = cursor.head_number - cursor.block_number
        detail = f"no pass for {_seconds(silence)}, {blocks} blocks ({_seconds(behind)}) behind"
        alarms.ring(session, Kind.CURSOR_AGE, detail, chain_id=chain_id, now=now)
    else:
        alarms.calm(session, Kind.CURSOR_AGE, chain_id=chain_id, now=now)
    age = cursor.scanned_at - cursor.head_time
    if age > plan.head_age:
        detail = f"the newest block, {cursor.head_number}, was {_seconds(age)} old when it was read"
        alarms.ring(session, Kind.HEAD_AGE, detail, chain_id=chain_id, now=now)
    elif silence <= plan.cursor_age:
        alarms.calm(session, Kind.HEAD_AGE, chain_id=chain_id, now=now)


def _pass(
    sessions: Sessions, providers: Providers, watch: Watch, plan: Plan, taken: Lease, *, now: datetime
) -> ScanReport:
    problem: ChainError | None = None
    report: ScanReport | None = None
    for node in providers.in_order():
        try:
            report = _scan(sessions, node, providers, watch, plan, taken, now=now)
        except (RpcError, RangeRefused) as error:
            logger.warning("%s could not be read: %s", node.origin, error)
            problem = error
            if isinstance(error, RpcRefused):
                node.refused(error)
            continue
        providers.answered(node)
        break
    with sessions() as session:
        _tell_of_nodes(session, providers, now=now)
        _tell_of_pass(session, report, problem, chain_id=providers.chain_id, now=now)
    if report is None:
        assert problem is not None
        raise problem
    return report


def _scan(
    sessions: Sessions,
    node: Provider,
    providers: Providers,
    watch: Watch,
    plan: Plan,
    taken: Lease,
    *,
    now: datetime,
) -> ScanReport:
    beside = [Held(sessions, each, taken) for each in providers.beside(node)]
    needed = min(plan.agreement, len(providers.nodes)) - 1
    return scanner.scan(
        sessions,
        Held(sessions, node, taken),
        watch,
        token=plan.token,
        policy=plan.policy,
        now=now,
        limits=plan.limits,
        others=plan.others,
        witnesses=Witnesses(beside, needed),
        lease=taken,
    )


def _through_another(providers: Providers, ask: Callable[[Provider], T]) -> T:
    """What the first node that answers says; the one that the passes go through is asked last."""
    first, *others = providers.in_order()
    problem: ChainError | None = None
    for node in (*others, first):
        try:
            return ask(node)
        except (RpcError, RangeRefused) as error:
            logger.warning("%s could not be read: %s", node.origin, error)
            problem = error
    assert problem is not None
    raise problem


def _tell_of_nodes(session: Session, providers: Providers, *, now: datetime) -> None:
    chain_id = providers.chain_id
    for node in providers.nodes:
        if isinstance(node.failure, WrongChain):
            alarms.ring(
                session, Kind.WRONG_CHAIN, str(node.failure), chain_id=chain_id, now=now, subject=node.origin
            )
        elif node.failures >= FAILING_AFTER:
            detail = f"{node.failures} calls in a row: {node.failure}"
            alarms.ring(session, Kind.NODE_FAILING, detail, chain_id=chain_id, now=now, subject=node.origin)
        elif node.well:
            _calm(session, (Kind.WRONG_CHAIN, Kind.NODE_FAILING), chain_id, node.origin, now=now)


def _tell_of_pass(
    session: Session, report: ScanReport | None, problem: ChainError | None, *, chain_id: int, now: datetime
) -> None:
    if report is None:
        if isinstance(problem, RangeRefused):
            alarms.ring(session, Kind.BLOCK_REFUSED, str(problem), chain_id=chain_id, now=now)
        return
    match report.outcome:
        case Outcome.DEEPER_THAN_FINAL:
            alarms.ring(session, Kind.DEEPER_THAN_FINAL, report.detail, chain_id=chain_id, now=now)
        case Outcome.NODES_DISAGREE:
            alarms.ring(session, Kind.NODES_DISAGREE, report.detail, chain_id=chain_id, now=now)
        case Outcome.KEPT:
            _calm(session, (Kind.BLOCK_REFUSED, Kind.DEEPER_THAN_FINAL), chain_id, now=now)
            # A node that says nothing has not taken back what it said.
            if not report.silent:
                _calm(session, (Kind.NODES_DISAGREE,), chain_id, now=now)
            if report.too_few_nodes:
                detail = "; ".join(report.silent)
                alarms.ring(session, Kind.TOO_FEW_NODES, detail, chain_id=chain_id, now=now)
            else:
                _calm(session, (Kind.TOO_FEW_NODES,), chain_id, now=now)
        case Outcome.HEAD_MOVED | Outcome.OVERTAKEN:
            pass


def _calm(
    session: Session, kinds: Iterable[Kind], chain_id: int, subject: str = "", *, now: datetime
) -> None:
    for kind in kinds:
        alarms.calm(session, kind, chain_id=chain_id, now=now, subjects=(subject,))


def _seconds(span: timedelta) -> str:
    return f"{span.total_seconds():.0f} s"
