"""What a Checkout Session comes to: the price, less a coupon, plus tax once the payer's address is known."""

from fractions import Fraction

from sandbox.stripe_twin.errors import InvalidRequest
from sandbox.stripe_twin.store import Document
from sandbox.stripe_twin.world import World

BASIS = 10_000
CARD_CENTS_MIN = 50


def count(session: Document, page: Document, *, tax_basis_points: int) -> None:
    """Write discount, tax and total on the session and on each of its lines."""
    off = cents_off(page.get("coupon"), session["amount_subtotal"])
    lines = page["line_items"]["data"]
    for line, discount in zip(lines, shares(off, [line["amount_subtotal"] for line in lines]), strict=True):
        inclusive = line["price"]["tax_behavior"] == "inclusive"
        left = line["amount_subtotal"] - discount
        tax = taxed(left, tax_basis_points, inclusive=inclusive)
        line |= {
            "amount_discount": discount,
            "amount_tax": tax,
            "amount_total": left if inclusive else left + tax,
        }
    session["amount_total"] = sum(line["amount_total"] for line in lines)
    session["total_details"] = {
        "amount_discount": off,
        "amount_shipping": 0,
        "amount_tax": sum(line["amount_tax"] for line in lines),
    }
    free = session["amount_total"] == 0
    session["payment_status"] = "no_payment_required" if free else "unpaid"


def cents_off(coupon: Document | None, cents: int) -> int:
    """What a coupon takes off a price, never more than the price; half cents go to the customer."""
    if coupon is None:
        return 0
    if coupon["amount_off"] is not None:
        return min(int(coupon["amount_off"]), cents)
    share = Fraction(str(coupon["percent_off"])) / 100
    return min(int(cents * share + Fraction(1, 2)), cents)


def shares(whole: int, weights: list[int]) -> list[int]:
    """`whole` split by weight into whole cents; what rounding leaves goes to the last."""
    total = sum(weights)
    parts = [whole * weight // total if total else 0 for weight in weights[:-1]]
    return [*parts, whole - sum(parts)]


def taxed(cents: int, basis_points: int, *, inclusive: bool) -> int:
    """The tax on a price without it, or within a price that includes it; halves rounded up."""
    base = BASIS + basis_points if inclusive else BASIS
    return (2 * cents * basis_points + base) // (2 * base)


def rate(world: World, session: Document) -> int:
    """The tax in basis points, now that the payer's address is known."""
    return world.switches.tax_basis_points if session["automatic_tax"]["enabled"] else 0


def check_minimum(session: Document) -> None:
    """raises: InvalidRequest if something is due that is too small for a card"""
    if 0 < session["amount_total"] < CARD_CENTS_MIN:
        raise InvalidRequest(
            "The Checkout Session's total amount due must add up to at least $0.50 usd",
            code="amount_too_small",
        )


def breakdown(session: Document, page: Document) -> Document:
    """What `expand[]=total_details.breakdown` shows."""
    details = session["total_details"]
    coupon = page.get("coupon")
    discounts = []
    if coupon is not None:
        discount = {
            "object": "discount",
            "promotion_code": session["discounts"][0]["promotion_code"],
            "source": {"coupon": coupon["id"], "type": "coupon"},
        }
        discounts.append({"amount": details["amount_discount"], "discount": discount})
    taxes = []
    if details["amount_tax"]:
        tax_rate = {"object": "tax_rate", "display_name": "Sales Tax", "inclusive": False}
        taxes.append(
            {
                "amount": details["amount_tax"],
                "rate": tax_rate,
                "taxability_reason": "standard_rated",
                "taxable_amount": session["amount_subtotal"] - details["amount_discount"],
            }
        )
    return {"discounts": discounts, "taxes": taxes}
