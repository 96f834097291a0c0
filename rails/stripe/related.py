"""Which attempt a Stripe object belongs to, asked of Stripe when nothing that we keep tells."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import stripe

from rails import errors
from rails.notice import Knock
from rails.stripe import webhooks
from rails.stripe.client import translated

_Read = Callable[[stripe.StripeClient, str], Any]

# source: Stripe's ids begin with the kind of the object.
_KINDS: Final[Mapping[str, _Read]] = {
    "pi": lambda client, name: client.v1.payment_intents.retrieve(name),
    "cs": lambda client, name: client.v1.checkout.sessions.retrieve(name),
    "ch": lambda client, name: client.v1.charges.retrieve(name),
    "py": lambda client, name: client.v1.charges.retrieve(name),
    "re": lambda client, name: client.v1.refunds.retrieve(name),
    "pyr": lambda client, name: client.v1.refunds.retrieve(name),
    "du": lambda client, name: client.v1.disputes.retrieve(name),
    "dp": lambda client, name: client.v1.disputes.retrieve(name),
    "issfr": lambda client, name: client.v1.radar.early_fraud_warnings.retrieve(name),
}
# A refund leads to a payment, and that to an attempt.
_STEPS: Final = 2


class Related:
    """Follows the ids of a knock to the attempt that they are about."""

    def __init__(self, client: stripe.StripeClient) -> None:
        self._client = client

    def __call__(self, knock: Knock) -> Sequence[str]:
        """Every id that Stripe names when it is asked about those of a knock.

        raises: RailUnreachable
        """
        known = dict.fromkeys(knock.refs)
        asked: set[str] = set()
        for _ in range(_STEPS):
            for name in [each for each in known if each not in asked]:
                asked.add(name)
                known |= dict.fromkeys(self._named_by(name))
        return tuple(known)

    def _named_by(self, name: str) -> Sequence[str]:
        read = _KINDS.get(name.partition("_")[0])
        if read is None:
            return ()
        try:
            with translated():
                found = read(self._client, name)
        except errors.RailRefused:
            # Not of this account, or gone.
            return ()
        return webhooks.ids_in(found.to_dict(for_json=True))
