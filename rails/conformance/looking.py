"""Looking a payment up: every answer there is, each from what has really happened at the sandbox."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from ledger.money import USD, Amount
from rails import errors
from rails.conformance.claims import proves, shows
from rails.conformance.stage import Stage
from rails.rail import Failed, Handle, NeedsReview, Outcome, Paid, Pending, Processing

_OPEN: Final = ("action_required", "processing")
_KINDS: Final = frozenset({"underpaid", "overpaid", "several", "unmatched", "unseen", "mismatch"})


class LookingCases:
    """`look_up`: nothing, arrived, settled, short, over, expired, declined, silent, unknown."""

    @proves("look_up: nothing")
    def test_nothing_has_arrived(self, stage: Stage) -> None:
        """Before anybody pays there is nothing, and nothing is no evidence."""
        said = stage.ask(stage.buy())

        assert isinstance(said, Pending), f"nobody has paid, and the rail says {said}"

    @shows("look_up: arrived")
    def test_what_arrives_is_processing_until_it_settles(self, stage: Stage) -> None:
        """Money that may still be taken back is told and grants nothing."""
        payment = stage.buy()
        stage.harness.begin_to_pay(payment.instructions)

        said = stage.wait(
            lambda: _unless(stage.ask(payment), Pending), "what arrived is not told: the rail says Pending"
        )

        assert isinstance(said, Processing), f"the money is not settled, and the rail says {said}"
        assert said.evidence, "something has arrived, and no witness says what"
        assert not stage.look(payment).granted, "credits were granted before the money was settled"

    @shows("look_up: arrived")
    def test_what_has_arrived_settles(self, stage: Stage) -> None:
        """Processing becomes Paid."""
        payment = stage.buy()
        stage.harness.begin_to_pay(payment.instructions)
        stage.look(payment)

        stage.harness.settle(payment)

        assert stage.settle(payment).receipt is not None, "it settled, and there is no receipt"

    @proves("look_up: settled")
    def test_the_exact_sum_is_paid(self, stage: Stage) -> None:
        """What is received is the price: before the processor's fee, without tax, in dollars."""
        payment = stage.buy()

        stage.pay(payment)

        said = stage.wait_for_paid(payment)
        assert said.received == payment.price, f"{payment.price} was paid, and the rail says {said.received}"
        assert said.review is None, f"the exact sum was paid, and the rail wants it reviewed: {said.review}"

    @shows("look_up: short")
    def test_less_than_the_price_is_never_paid(self, stage: Stage) -> None:
        """Too little waits for a person."""
        payment = stage.buy()
        less = payment.price - Amount(1, USD)
        stage.harness.pay_another_sum(payment.instructions, less)

        said = stage.wait(
            lambda: _reviewed(stage.ask(payment)), "too little was paid, and nobody has to look"
        )

        assert said.kind in _KINDS, f"{said.kind} is no kind of difference that the house knows"
        assert said.received < said.expected, f"too little arrived, and the rail says {said.received}"
        assert not stage.look(payment).granted, "credits were granted for less than their price"

    @shows("look_up: over")
    def test_more_than_the_price_is_told(self, stage: Stage) -> None:
        """Too much waits for a person, beside the granted price or instead of it."""
        payment = stage.buy()
        more = payment.price + Amount(1, USD)
        stage.harness.pay_another_sum(payment.instructions, more)

        said = stage.wait(lambda: _reviewed(stage.ask(payment)), "too much was paid, and nobody has to look")

        assert said.kind in _KINDS, f"{said.kind} is no kind of difference that the house knows"
        assert said.received > said.expected, f"too much arrived, and the rail says {said.received}"

    @shows("look_up: expired")
    def test_a_payment_whose_time_is_over_failed(self, stage: Stage) -> None:
        """The processor closed it without money, and says why."""
        payment = stage.buy()
        stage.harness.expire(payment)

        said = stage.wait(
            lambda: _unless(stage.ask(payment), Pending), "the processor closed it, and the rail says Pending"
        )

        assert isinstance(said, Failed), f"the payment is closed without money, and the rail says {said}"
        assert said.reason in ("expired", "canceled"), f"its time was over, and the rail says {said.reason}"
        stage.look(payment)
        assert stage.view(payment).state in ("expired", "canceled"), (
            "the purchase does not say that it is over"
        )

    @shows("look_up: declined")
    def test_a_decline_is_not_money(self, stage: Stage) -> None:
        """Where the payer may try again it is Pending, where not it Failed."""
        payment = stage.buy()
        stage.harness.decline(payment)

        said = stage.ask(payment)

        assert isinstance(said, Pending | Failed), f"the payer's bank said no, and the rail says {said}"
        assert not stage.look(payment).granted, "credits were granted for a payment that was declined"

    @shows("look_up: the processor is silent")
    def test_silence_is_unreachable_and_not_an_answer(self, stage: Stage) -> None:
        """A rail that cannot ask raises, whatever it heard before."""
        payment = stage.buy()
        with stage.harness.unreachable():
            try:
                said: Outcome | None = stage.ask(payment)
            except errors.RailUnreachable:
                said = None

        assert said is None, f"the processor was silent, and the rail says {said}"

    @shows("look_up: the processor is silent")
    def test_unknown_is_never_failed(self, stage: Stage) -> None:
        """Silence changes no state, even long after the end; what was paid is granted when it is heard."""
        payment = stage.buy()
        stage.pay(payment)
        stage.wait_for_paid(payment)
        moment = stage.now
        with stage.harness.unreachable():
            for hours in (0, 2, 48):
                stage.now = moment + timedelta(hours=hours)
                stage.look(payment)
                assert stage.view(payment).state in _OPEN, "silence was taken for an answer"
        stage.now = moment

        stage.settle(payment)

        assert stage.credits().units == payment.price.units, "the money was there, and the credits are not"

    @proves("look_up: unknown reference")
    def test_a_payment_that_the_processor_does_not_know_is_refused(self, stage: Stage) -> None:
        """RailRefused: neither money nor a failure of a payment that nobody has."""
        payment = _another_name(stage.buy())
        try:
            said = stage.ask(payment)
        except errors.RailRefused:
            return

        raise AssertionError(f"nobody knows this payment, and the rail says {said}")


def _unless(said: Outcome, kind: type[Outcome]) -> Outcome | None:
    return None if isinstance(said, kind) else said


def _reviewed(said: Outcome) -> NeedsReview | None:
    match said:
        case NeedsReview():
            return said
        case Paid(review=review):
            return review
        case _:
            return None


def _another_name(payment: Handle) -> Handle:
    """A handle whose reference looks like one of the processor's and is none."""
    reference = payment.reference
    swapped = "".join("x" if letter.isalnum() else letter for letter in reference[-8:])
    return replace(payment, reference=reference[:-8] + swapped)
