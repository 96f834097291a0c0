"""What is for sale: the packs, and exact amounts between one credit and five thousand."""

from dataclasses import dataclass

from ledger.money import CREDIT, Amount
from rails import errors, pricing

MIN_CREDITS = 1
MAX_CREDITS = 5000
DEFAULT_PACK_ID = "starter-500"


@dataclass(frozen=True, slots=True)
class Pack:
    """A named number of credits."""

    pack_id: str
    name: str
    credits: Amount

    @property
    def price(self) -> Amount:
        """The price of the pack in dollars."""
        return pricing.price(self.credits)


PACKS = {
    pack.pack_id: pack
    for pack in (
        Pack("starter-500", "Starter", Amount(500, CREDIT)),
        Pack("builder-2000", "Builder", Amount(2000, CREDIT)),
        Pack("studio-5000", "Studio", Amount(5000, CREDIT)),
    )
}


@dataclass(frozen=True, slots=True)
class Terms:
    """What a quote is asked for: a pack or an exact amount, on one rail."""

    credits: Amount
    pack_id: str | None
    rail_id: str


def terms(*, credits_wanted: int | None, pack_id: str | None, rail_id: str) -> Terms:
    """The terms of a quote.

    raises: BadAmount, PackNotFound.
    """
    if (credits_wanted is None) == (pack_id is None):
        raise errors.BadAmount("give either credits or pack_id")
    if pack_id is not None:
        if pack_id not in PACKS:
            raise errors.PackNotFound("no pack has this id")
        return Terms(PACKS[pack_id].credits, pack_id, rail_id)
    if credits_wanted is None or not MIN_CREDITS <= credits_wanted <= MAX_CREDITS:
        raise errors.BadAmount(f"credits must be a whole number from {MIN_CREDITS} to {MAX_CREDITS}")
    return Terms(Amount(credits_wanted, CREDIT), None, rail_id)
