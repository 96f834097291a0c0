"""The kinds of exceptions: what each means, in words for people."""

from collections.abc import Mapping
from typing import Final

SUMS: Final[Mapping[str, str]] = {
    "underpaid": "less arrived than was asked for",
    "overpaid": "more arrived than was asked for, in one transfer",
    "topped_up": "the exact amount arrived, in several transfers, which the processor cannot match",
    "several": "more arrived than was asked for, in several transfers",
    "late": "the exact amount arrived after the time to pay, by the chain's clock",
    "after_close": "it arrived after the payment was closed at the processor",
    "retired_address": "it arrived at an address that nobody was promised to be watched any more",
    "unmatched": "the exact amount is on the chain, and the processor says nothing of it",
}
"""What is known by a sum of transfers: so much was asked for, so much stands on the chain."""

MEANINGS: Final[Mapping[str, str]] = {
    **SUMS,
    "wrong_token": "another token than the one that was asked for arrived at the address",
    "unseen": "the processor says that it was paid, and the chain does not show it",
    "mismatch": "the processor was paid another sum, in another currency or for another attempt",
    "taken_back": "it was credited by a decision, and the chain took it back afterwards",
    "chain_evidence_pending": "granted on the processor's word while nobody could read the chain",
    "reversal_rejected": "more has left the payment than was paid",
    "deeper_than_final": "the chain changed below what was final",
}

FOUND_BY_LOOKS: Final = frozenset(
    {*SUMS, "wrong_token", "unseen", "mismatch", "taken_back", "chain_evidence_pending"}
)
"""The kinds that end when a look at the payment does not find them again."""

TAKEN_BY_THE_PROCESSOR: Final = frozenset({"unseen", "mismatch"})
"""The kinds of what the processor says that it took: decided and not credited, the payment is over."""

COUNTED: Final = frozenset({*SUMS, *TAKEN_BY_THE_PROCESSOR})
"""The kinds that are about a sum of dollars, which can be credited or written off."""

BY_POLICY: Final = ("underpaid", "overpaid", "topped_up", "late")
"""The kinds that a published policy may decide."""
