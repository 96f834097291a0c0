"""Several nodes for one chain: whom to ask now, and whom to let rest."""

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from rails.chain.errors import BadAnswer, RateLimited, RpcError, RpcUnreachable, WrongChain
from rails.chain.rpc import Rpc, T

REST_SECONDS_FIRST = 1.0
REST_SECONDS_MOST = 15.0
PAUSE_SECONDS_MOST = 300.0
"""However long a provider wants us to wait: it may be wrong, and nobody would see deposits."""

R = TypeVar("R")
_TEXT = msgspec.json.Decoder(str)


class Provider:
    """A node that is let rest after it failed twice, or when it asked for a pause. One thread at a time."""

    def __init__(self, rpc: Rpc, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.rpc = rpc
        self.chain_id = rpc.chain_id
        self.origin = rpc.origin
        self.failures = 0
        self.failure: RpcError | None = None
        self.well = False
        """Whether the last call was answered; False before the first."""
        self._clock = clock
        self._rests_until = 0.0

    @property
    def resting(self) -> bool:
        """Whether it is too early to ask again."""
        return self._clock() < self._rests_until

    def call(self, method: str, parameters: Sequence[object], *, answer: "msgspec.json.Decoder[T]") -> T:
        """As the client's own, but not while the node rests.

        raises: RpcError
        """
        return self._ask(lambda: self.rpc.call(method, parameters, answer=answer))

    def call_each(
        self, method: str, parameters: Sequence[Sequence[object]], *, answer: "msgspec.json.Decoder[T]"
    ) -> list[T]:
        """As the client's own, but not while the node rests.

        raises: RpcError
        """
        return self._ask(lambda: self.rpc.call_each(method, parameters, answer=answer))

    def _ask(self, ask: Callable[[], R]) -> R:
        if self.resting:
            raise RpcUnreachable(f"{self.origin} rests after: {self.failure}")
        try:
            got = ask()
        except (RpcUnreachable, BadAnswer, WrongChain) as error:
            self._failed(error)
            raise
        self.failures, self.failure, self.well = 0, None, True
        return got

    def refused(self, error: RpcError) -> None:
        """Count a refusal that ended a pass: such as of a key that is no longer good. It needs no rest."""
        self.failures, self.failure, self.well = self.failures + 1, error, False

    def close(self) -> None:
        """Drop the connection."""
        self.rpc.close()

    def _failed(self, error: RpcError) -> None:
        self.failures, self.failure, self.well = self.failures + 1, error, False
        pause = error.retry_after_seconds if isinstance(error, RateLimited) else None
        if pause is None and self.failures > 1:
            pause = min(REST_SECONDS_FIRST * 2.0 ** min(self.failures - 2, 9), REST_SECONDS_MOST)
        if pause:
            self._rests_until = self._clock() + min(pause, PAUSE_SECONDS_MOST)


class Providers:
    """The nodes of one chain, in the order of the settings. One thread at a time."""

    def __init__(self, nodes: Sequence[Provider]) -> None:
        assert nodes, "a chain without a node cannot be read"
        self.nodes = tuple(nodes)
        self.chain_id = nodes[0].chain_id
        self._first = 0

    def in_order(self) -> list[Provider]:
        """Whom to ask, one after another: who answered last first, then those that do not rest."""
        turned = [*self.nodes[self._first :], *self.nodes[: self._first]]
        return sorted(turned, key=lambda node: node.resting)

    def answered(self, node: Provider) -> None:
        """Ask this one first from now on."""
        self._first = self.nodes.index(node)

    def beside(self, node: Provider) -> list[Provider]:
        """The others."""
        return [each for each in self.nodes if each is not node]

    def check_chains(self) -> tuple[str, ...]:
        """Ask every node which chain it serves; those that did not answer, and why.

        raises: WrongChain
        """
        silent = []
        for node in self.nodes:
            try:
                node.rpc.call("eth_chainId", [], answer=_TEXT)
            except WrongChain:
                raise
            except RpcError as error:
                silent.append(f"{node.origin}: {error}")
            finally:
                node.close()
        return tuple(silent)

    def close(self) -> None:
        """Drop all connections."""
        for node in self.nodes:
            node.close()
