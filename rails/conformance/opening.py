"""Opening a payment: once for each order whatever is lost, and never where another payment is."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, assert_never

from ledger.money import USD, Amount
from rails import errors, pricing
from rails.conformance.claims import proves, shows
from rails.conformance.stage import Stage
from rails.rail import CryptoDeposit, HostedPage, Opened

_AT_ONCE: Final = 4


class OpeningCases:
    """`open`, as the story relies on it."""

    @proves("open is idempotent")
    def test_the_same_order_twice_is_one_payment(self, stage: Stage) -> None:
        """A retry returns what the first call returned."""
        order = stage.order()

        first, again = stage.rail.open(order), stage.rail.open(order)

        assert again == first, f"the same order opened {first.reference} and {again.reference}"

    @proves("open is idempotent")
    def test_the_same_order_at_the_same_time_is_one_payment(self, stage: Stage) -> None:
        """Calls that race may be told to come again, and all that are answered are answered alike."""
        order = stage.order()

        def opened(_number: int) -> Opened | None:
            try:
                return stage.rail.open(order)
            except errors.RailUnreachable:
                return None

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            answers = {answer for answer in pool.map(opened, range(_AT_ONCE)) if answer is not None}

        assert answers == {stage.rail.open(order)}, f"one order opened {len(answers)} payments at once"

    @shows("open is idempotent")
    def test_a_lost_answer_leads_to_the_same_payment(self, stage: Stage) -> None:
        """The processor did it and nobody heard: asking again finds that payment and makes no second one."""
        order = stage.order()
        with stage.harness.losing_answers():
            unknown = _is_unreachable(lambda: stage.rail.open(order))
        assert unknown, "an answer was lost, and the rail did not say RailUnreachable"

        opened = stage.rail.open(order)

        known = list(stage.harness.payments_of(order.payment_attempt_id))
        assert known == [opened.reference], f"after a lost answer the processor holds {len(known)} payments"

    @shows("open: unknown is not failed")
    def test_a_silent_processor_leaves_the_purchase_to_be_opened_again(self, stage: Stage) -> None:
        """Buying again with the same key finishes the same attempt."""
        quote_id = stage.quote()
        with stage.harness.unreachable():
            unknown = _is_unreachable(lambda: stage.buy(quote_id))
        assert unknown, "the processor was silent, and the rail did not say RailUnreachable"

        payment = stage.buy(quote_id)

        assert stage.view(payment).state == "action_required", "an attempt whose answer was lost is closed"

    @shows("open: refused")
    def test_a_refusal_is_told_as_a_refusal(self, stage: Stage) -> None:
        """A definite no is RailRefused: the story closes the attempt and never asks again."""
        with stage.harness.refusing():
            try:
                opened = stage.rail.open(stage.order())
            except errors.RailRefused:
                return

        raise AssertionError(f"the processor said no, and the rail opened {opened.reference}")

    @proves("open shares nothing")
    def test_two_orders_share_neither_reference_nor_place(self, stage: Stage) -> None:
        """Money that arrives must tell by itself what it is for."""
        one, other = stage.rail.open(stage.order()), stage.rail.open(stage.order())

        assert one.reference != other.reference, f"two orders share the reference {one.reference}"
        assert _place(one) != _place(other), "two orders are paid at one place: nobody could tell them apart"

    @proves("instructions")
    def test_the_instructions_survive_the_database(self, stage: Stage) -> None:
        """What the rail says and what the database gives back are the same, byte for byte."""
        payment = stage.buy()

        said = stage.rail.open(stage.order_of(payment))

        kept = Opened(payment.reference, payment.instructions)
        assert kept == said, f"the rail says {said} and the database gives back {kept}"

    @proves("instructions")
    def test_the_exact_price_is_asked_for(self, stage: Stage) -> None:
        """A deposit names the exact amount of its token; a page is an address without a password in it."""
        payment = stage.buy()

        match payment.instructions:
            case CryptoDeposit(amount=amount):
                assert amount == pricing.in_usdc(payment.price), f"{amount} is not the price {payment.price}"
            case HostedPage(url=url):
                assert "@" not in url.partition("://")[2].partition("/")[0], (
                    "the page's address holds a login"
                )


class LimitCases:
    """The smallest and the largest price."""

    @proves("limits")
    def test_the_limits_are_dollars_from_small_to_large(self, stage: Stage) -> None:
        """Prices are compared with them, so they count what prices count."""
        limits = stage.rail.limits

        assert Amount(0, USD) < limits.minimum <= limits.maximum, f"{limits} are no limits of a price"

    @proves("limits")
    def test_the_processor_takes_the_smallest_and_the_largest_price(self, stage: Stage) -> None:
        """Both ends are inside."""
        for price in (stage.rail.limits.minimum, stage.rail.limits.maximum):
            payment = stage.buy(stage.quote(price))

            assert payment.price == price, f"{price} was asked for and {payment.price} is to be paid"

    @proves("limits")
    def test_a_price_outside_is_refused_before_the_processor_is_asked(self, stage: Stage) -> None:
        """One cent below and one cent above."""
        limits, cent = stage.rail.limits, Amount(1, USD)
        for price in (limits.minimum - cent, limits.maximum + cent):
            try:
                payment = stage.buy(stage.quote(price))
            except (errors.PriceNotTaken, errors.BadAmount):
                continue
            raise AssertionError(f"{price} is outside the limits, and {payment.reference} was opened for it")


class AvailabilityCases:
    """A rail that is closed."""

    @proves("unavailable_reason")
    def test_a_closed_rail_sells_nothing(self, stage: Stage) -> None:
        """Neither a new quote nor the purchase of an old one."""
        reason, earlier = "closed to see whether it closes", stage.quote()
        before = stage.rail.unavailable_reason

        with stage.harness.closed(reason):
            told = stage.rail.unavailable_reason
            refused = [_is_unavailable(stage.quote), _is_unavailable(lambda: stage.buy(earlier))]

        assert before is None, "the rail is closed before anybody closed it"
        assert told == reason, f"the rail was closed because {reason!r} and says {told!r}"
        assert refused == [True, True], "a closed rail still quotes or sells"
        assert stage.buy(earlier).reference, "the rail was opened again and sells nothing"

    @proves("unavailable_reason")
    def test_a_payment_that_was_open_settles_while_the_rail_is_closed(self, stage: Stage) -> None:
        """Closing stops new payments, not the money of those that are under way."""
        payment = stage.buy()
        with stage.harness.closed("closed with a payment under way"):
            stage.pay(payment)
            stage.settle(payment)

        assert stage.credits().units == payment.price.units, "the money came, and the credits did not"


def _place(opened: Opened) -> str:
    told = opened.instructions
    match told:
        case HostedPage(url=url):
            return url
        case CryptoDeposit(network=network, address=address):
            return f"{network}:{address.lower()}"
        case _:
            assert_never(told)


def _is_unreachable(ask: Callable[[], object]) -> bool:
    try:
        ask()
    except errors.RailUnreachable:
        return True
    return False


def _is_unavailable(ask: Callable[[], object]) -> bool:
    try:
        ask()
    except errors.MethodUnavailable:
        return True
    return False
