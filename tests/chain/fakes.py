"""Stand-ins around the scanner: who waits for money, and a node that changes between two calls."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec
from sqlmodel import Session, col, select
from typing_extensions import override

from ledger.database import Sessions
from rails.chain import finality, scanner
from rails.chain.models import Deposit
from rails.chain.rpc import Node, Rpc, T
from rails.chain.scanner import Limits, ScanReport
from sandbox.devnet import TOKEN

CHAIN_ID = 8453
NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)
PAYER = "0x" + "aa" * 20
SHOP = "0x" + "51" * 20
OTHER_SHOP = "0x" + "52" * 20
STRANGER = "0x" + "99" * 20


@dataclass
class Watched(scanner.Watch):
    """A watch-list in memory that remembers what it was told."""

    listed: set[str] = field(default_factory=lambda: {SHOP, OTHER_SHOP})
    told: list[str] = field(default_factory=list)
    broken: bool = False
    stopped: list[str] = field(default_factory=list)

    @override
    def addresses(self, session: Session) -> Collection[str]:
        return self.listed

    @override
    def changed(self, session: Session, addresses: Collection[str]) -> None:
        if self.broken:
            raise RuntimeError("the story broke")
        self.told += addresses

    @override
    def deeper_than_final(self, session: Session, *, chain_id: int, detail: str) -> None:
        self.stopped.append(detail)


class MeddledRpc(Rpc):
    """A client that remembers its calls, and lets a test act right before one of them."""

    def __init__(self, url: str) -> None:
        super().__init__(url, expect_chain_id=CHAIN_ID)
        self.calls: list[tuple[str, Sequence[object]]] = []
        self.before: Callable[[str, Sequence[object]], bytes | None] = lambda *_: None

    @override
    def call(self, method: str, parameters: Sequence[object], *, answer: "msgspec.json.Decoder[T]") -> T:
        self.calls.append((method, parameters))
        instead = self.before(method, parameters)
        return super().call(method, parameters, answer=answer) if instead is None else answer.decode(instead)

    def log_calls(self) -> int:
        return sum(method == "eth_getLogs" for method, _ in self.calls)


def scan(
    sessions: Sessions,
    rpc: Node,
    watch: scanner.Watch,
    *,
    depth: str = "safe",
    limits: Limits = Limits(),  # noqa: B008  frozen
    now: datetime = NOON,
) -> ScanReport:
    return scanner.scan(
        sessions, rpc, watch, token=TOKEN, policy=finality.parse(depth), limits=limits, now=now
    )


def states(sessions: Sessions, address: str = SHOP) -> list[str]:
    """The states of all deposits at an address, in the order of their blocks."""
    query = (
        select(Deposit.state)
        .where(col(Deposit.address) == address)
        .order_by(col(Deposit.block_number), col(Deposit.log_index), col(Deposit.state))
    )
    with sessions() as session:
        return list(session.exec(query))
