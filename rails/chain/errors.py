"""Expected failures of reading a chain.

ChainError
├── RpcError                 one call to a node
│   ├── RpcUnreachable       no whole answer in time: refused, reset, cut off, 5xx; ask again
│   │   └── RateLimited      the provider wants a pause, perhaps of a known length
│   ├── NodeLags             the node does not have this block yet; wait, never skip
│   ├── BadAnswer            not an answer to what was asked: wrong id, null, HTML
│   ├── WrongChain           the endpoint serves another chain
│   └── RpcRefused           a definite no
│       ├── RangeTooLarge    too many blocks, logs or bytes in one call; halve the range
│       └── TooManyAddresses too long a filter; halve the list
├── RangeRefused             even one block, or one address, is too much; somebody has to look
├── NodesDisagree            two nodes tell different chains; nobody knows which is right
├── LeaseHeld                another watcher reads this chain
├── HeadMoved                the chain changed while it was read; read again
├── Overtaken                another pass moved the cursor, or another watcher took the lease
├── DeeperThanFinal          a final block changed; a person has to look
└── NoSuchCursor             this chain was never scanned
"""

from typing import ClassVar


class ChainError(Exception):
    """Root of the tree. `code` is stable."""

    code: ClassVar[str] = "chain_error"


class RpcError(ChainError):
    """One call to a node did not give an answer that can be used."""

    code = "rpc_error"


class RpcUnreachable(RpcError):
    """No whole answer in time. Nothing is known; ask again."""

    code = "rpc_unreachable"


class RateLimited(RpcUnreachable):
    """The provider wants a pause; `retry_after_seconds` if it said how long."""

    code = "rpc_rate_limited"

    def __init__(self, message: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class NodeLags(RpcError):
    """The node does not have this block yet."""

    code = "rpc_node_lags"


class BadAnswer(RpcError):
    """What came back is not an answer to what was asked."""

    code = "rpc_bad_answer"


class WrongChain(RpcError):
    """The endpoint serves another chain than the one configured."""

    code = "rpc_wrong_chain"


class RpcRefused(RpcError):
    """The node said no, and will say it again."""

    code = "rpc_refused"


class RangeTooLarge(RpcRefused):
    """Too many blocks, logs or bytes for one call."""

    code = "rpc_range_too_large"


class TooManyAddresses(RpcRefused):
    """The filter names more addresses than the node takes."""

    code = "rpc_too_many_addresses"


class RangeRefused(ChainError):
    """The node refuses even one block, or even one address. Skipping it could lose a payment."""

    code = "chain_range_refused"


class NoSuchCursor(ChainError):
    """This chain was never scanned."""

    code = "chain_no_such_cursor"


class NodesDisagree(ChainError):
    """Two nodes tell different chains. Nothing counts until they tell the same again."""

    code = "chain_nodes_disagree"


class LeaseHeld(ChainError):
    """Another watcher reads this chain."""

    code = "chain_lease_held"


class HeadMoved(ChainError):
    """The chain changed while it was read. Nothing was written; read again."""

    code = "chain_head_moved"


class Overtaken(ChainError):
    """Another pass moved the cursor first. Nothing was written."""

    code = "chain_overtaken"


class DeeperThanFinal(ChainError):
    """A block that was final changed. Nothing is taken back by itself; a person has to look."""

    code = "chain_deeper_than_final"
