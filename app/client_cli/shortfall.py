"""The quote that covers what is missing: no fewer credits than that, and an amount that its rail takes."""

import math
from collections.abc import Sequence

from app.client_cli import outcomes
from app.client_cli.outcomes import SUGGESTED, Envelope, Outcome


def quote(
    rail: Envelope, *, missing: float, exactly: bool, methods: Outcome, packs: Outcome, usual: str | None
) -> str | None:
    """The command to ask for the price of `missing` credits on a rail.

    `exactly` is whether somebody named the number; else the `usual` quote will do if it is large enough.
    """
    missing = math.ceil(missing)
    sizes = {outcomes.text(row.get("pack_id")): outcomes.number(row.get("credits")) for row in _packs(packs)}
    ordinary = sizes.get(outcomes.text(rail.get("default_pack_id")))
    if missing <= 0 or (not exactly and (ordinary is None or ordinary >= missing)):
        return usual
    rail_id = str(rail.get("method_id"))
    if outcomes.mapping(packs.data.get("custom_quotes")).get("supported") is not False:
        credits = _within(_range(rail, methods=methods, packs=packs), missing)
        return SUGGESTED.quote(rail_id=rail_id, credits=credits)
    pack_id = _pack(rail, _packs(packs), missing)
    return usual if pack_id is None else SUGGESTED.quote(rail_id=rail_id, pack_id=pack_id)


def _range(rail: Envelope, *, methods: Outcome, packs: Outcome) -> tuple[float, float]:
    """The fewest and the most credits that a rail sells at once."""
    cents = outcomes.number(methods.data.get("credit_unit_cents")) or 1
    limits, custom = outcomes.mapping(rail.get("limits")), outcomes.mapping(packs.data.get("custom_quotes"))
    least_cents = outcomes.number(limits.get("min_amount_cents")) or 0
    most_cents = outcomes.number(limits.get("max_amount_cents"))
    least = max(math.ceil(least_cents / cents), outcomes.number(custom.get("min_credits")) or 1)
    most = min(
        math.inf if most_cents is None else most_cents // cents,
        outcomes.number(custom.get("max_credits")) or math.inf,
    )
    return least, most


def _within(limits: tuple[float, float], missing: int) -> int:
    """The fewest credits that cover what is missing, the most there are if nothing does."""
    least, most = limits
    return int(min(max(missing, least), most))


def _pack(rail: Envelope, packs: Sequence[Envelope], missing: int) -> str | None:
    """The smallest pack that covers what is missing, else the largest; None if the rail takes none."""
    limits = outcomes.mapping(rail.get("limits"))
    least = outcomes.number(limits.get("min_amount_cents")) or 0
    most = outcomes.number(limits.get("max_amount_cents")) or math.inf
    taken = sorted(
        (outcomes.number(row.get("credits")) or 0, str(row.get("pack_id")))
        for row in packs
        if least <= (outcomes.number(row.get("amount_cents")) or 0) <= most
    )
    covering = [pack_id for credits, pack_id in taken if credits >= missing]
    return next(iter(covering), taken[-1][1] if taken else None)


def _packs(packs: Outcome) -> list[Envelope]:
    return outcomes.rows(packs.data.get("packs"))
