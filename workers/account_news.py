"""What Stripe tells of the account itself, and of no attempt: payouts."""

from rails.notice import Knock


def heard(knock: Knock) -> bool:
    """Whether somebody has use for a knock about no attempt.

    A payout changes nothing for an agent: reconciliation reads it from Stripe by itself.
    """
    return knock.kind.startswith("payout.")
