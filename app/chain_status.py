"""How the reading of Base stands, gathered for people and for scripts."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from sqlmodel import Session, col, func, select

from rails.chain import alarms, deposits, lease, node
from rails.chain.deposits import WatcherState
from rails.chain.errors import RpcError
from rails.chain.models import ChainAlarm, Deposit
from rails.chain.providers import Providers
from rails.chain.rpc import Node
from workers.watching import StoryWatch
from workers.wiring import Reader


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """What one node says now. `head` is None if it did not answer."""

    origin: str
    head: int | None
    finalized: int | None
    problem: str


@dataclass(frozen=True, slots=True)
class ChainStatus:
    """Everything that `pennyrail chain status` shows."""

    now: datetime
    chain_id: int
    agreement: int
    watcher: WatcherState | None
    holder: str | None
    nodes: tuple[NodeStatus, ...]
    watched: int
    deposits: dict[str, int]
    other_tokens: int
    alarms: Sequence[ChainAlarm]

    @property
    def open_alarms(self) -> int:
        """How many alarms have not ended."""
        return sum(each.closed_at is None for each in self.alarms)

    def lines(self) -> Iterator[tuple[str, str]]:
        """Names and values for people."""
        yield "chain", str(self.chain_id)
        if self.watcher is None:
            yield "read to", "never read"
        else:
            yield from self._of_watcher(self.watcher)
        yield "read now by", self.holder or "nobody"
        for each in self.nodes:
            said = each.problem or f"head {each.head}, finalized {each.finalized or 'unknown'}"
            yield f"node {each.origin}", said
        yield "nodes that must agree", str(self.agreement)
        yield "addresses watched", str(self.watched)
        yield "deposits", ", ".join(f"{count} {state}" for state, count in self.deposits.items()) or "none"
        yield "transfers of other tokens", str(self.other_tokens)

    def plain(self) -> dict[str, object]:
        """The same for machines; times in UTC."""
        return {
            "chain_id": self.chain_id,
            "agreement": self.agreement,
            "watcher": None if self.watcher is None else _plain(asdict(self.watcher)),
            "holder": self.holder,
            "nodes": [asdict(each) for each in self.nodes],
            "addresses_watched": self.watched,
            "deposits": self.deposits,
            "other_tokens": self.other_tokens,
            "open_alarms": self.open_alarms,
            "alarms": [_plain(each.model_dump(exclude={"chain_id"})) for each in self.alarms],
        }

    def _of_watcher(self, state: WatcherState) -> Iterator[tuple[str, str]]:
        yield "read to", f"block {state.block_number}, {state.behind} behind the head {state.head_number}"
        yield "last pass", f"{_age(self.now, state.scanned_at)} ago"
        yield "head", f"{_age(state.scanned_at, state.head_time)} old at the last pass"
        confirmed = "unknown" if state.confirmed_number is None else f"block {state.confirmed_number}"
        yield f"deep enough ({state.depth_policy})", confirmed
        final = "unknown" if state.finalized_number is None else f"block {state.finalized_number}"
        yield "final", f"{final}, read a second time to {state.audited_number}"
        if state.deeper_than_final_at is not None:
            yield "STOPPED", f"a final block changed, {_age(self.now, state.deeper_than_final_at)} ago"


def ask(house: Reader, *, now: datetime, history: int = 0) -> ChainStatus:
    """Ask the database and every node. Nodes that do not answer are part of the answer."""
    chain_id, plan = house.chain.base_chain_id, house.chain.plan
    nodes = of_nodes(house.providers)
    with house.sessions() as session:
        found = lease.find(session, chain_id=chain_id)
        shown = [*alarms.open_alarms(session, chain_id=chain_id)]
        if history:
            ended = alarms.history(session, chain_id=chain_id, limit=history + len(shown))
            shown += [each for each in ended if each.closed_at is not None][:history]
        return ChainStatus(
            now=now,
            chain_id=chain_id,
            agreement=min(plan.agreement, len(nodes)),
            watcher=deposits.watcher_state(session, chain_id=chain_id),
            holder=found.holder if found is not None and found.held_until > now else None,
            nodes=nodes,
            watched=len(StoryWatch(now).addresses(session)),
            deposits=_deposits(session, chain_id, plan.token),
            other_tokens=_other_tokens(session, chain_id, plan.token),
            alarms=shown,
        )


def of_nodes(providers: Providers) -> tuple[NodeStatus, ...]:
    """What every node says now, one after the other."""
    return tuple(_node(each) for each in providers.nodes)


def _node(each: Node) -> NodeStatus:
    try:
        heads = node.heads(each)
    except RpcError as error:
        return NodeStatus(each.origin, None, None, str(error))
    final = heads.finalized.number if heads.finalized else None
    return NodeStatus(each.origin, heads.latest.number, final, "")


def _deposits(session: Session, chain_id: int, token: str) -> dict[str, int]:
    ours = (col(Deposit.chain_id) == chain_id, col(Deposit.token) == token)
    query = select(Deposit.state, func.count()).where(*ours).group_by(col(Deposit.state))
    return dict(session.exec(query.order_by(col(Deposit.state))).all())


def _other_tokens(session: Session, chain_id: int, token: str) -> int:
    query = select(func.count()).where(col(Deposit.chain_id) == chain_id, col(Deposit.token) != token)
    return session.exec(query).one()


def _age(now: datetime, moment: datetime) -> str:
    return f"{max(0, (now - moment).total_seconds()):.0f} s"


def _plain(values: dict[str, object]) -> dict[str, object]:
    return {
        name: value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value
        for name, value in values.items()
    }
