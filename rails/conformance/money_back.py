"""Money that leaves again: refunds asked for here, refunds made elsewhere, and payments closed."""

from typing import Protocol, runtime_checkable

from ledger.money import USD, Amount
from rails import errors, ids
from rails.conformance.claims import proves, shows
from rails.conformance.stage import Stage
from rails.rail import Handle, Paid, RefundOrder, Reversed


@runtime_checkable
class Cancels(Protocol):
    """A rail that closes a payment at the processor."""

    def cancel(self, handle: Handle) -> None: ...


class ReversalCases:
    """`reversals` and `refund`."""

    @proves("reversals")
    def test_of_a_payment_that_stands_nothing_has_left(self, stage: Stage) -> None:
        """No refund, no dispute, no warning."""
        payment = _paid(stage)

        assert stage.rail.reversals(payment) == (), "nothing was given back, and the rail tells of something"

    @shows("refund")
    def test_what_is_refunded_is_told(self, stage: Stage) -> None:
        """Under the processor's id and ours, with the sum that was asked for."""
        order = _order(_paid(stage))

        name = _refund(stage, order)

        found = [said for said in stage.rail.reversals(order.handle) if said.reference == name]
        assert len(found) == 1, f"the refund {name} is told of {len(found)} times"
        assert found[0].cause == "refund", f"a refund is told of as a {found[0].cause}"
        assert found[0].refund_id == order.refund_id, "the refund does not say that this house asked for it"
        assert found[0].amount == order.amount, (
            f"{order.amount} was asked back, and {found[0].amount} is told"
        )

    @shows("refund")
    def test_the_same_refund_twice_is_one_refund(self, stage: Stage) -> None:
        """A retry gives back nothing more."""
        order = _order(_paid(stage))

        first, again = _refund(stage, order), stage.rail.refund(order)

        assert first == again, "one order to refund made two refunds"
        assert len(stage.rail.reversals(order.handle)) == 1, "one order to refund gave back twice"

    @shows("refund")
    def test_a_refund_whose_answer_is_lost_is_unknown(self, stage: Stage) -> None:
        """RailUnreachable, and asking again gives back once."""
        order = _order(_paid(stage))
        with stage.harness.losing_answers():
            try:
                name: str | None = _refund(stage, order)
            except errors.RailUnreachable:
                name = None
        assert name is None, "the answer was lost, and the rail names a refund"

        stage.rail.refund(order)

        assert len(stage.rail.reversals(order.handle)) == 1, "after a lost answer it was given back twice"

    @shows("refund")
    def test_more_than_was_paid_is_refused(self, stage: Stage) -> None:
        """RailRefused, and nothing leaves."""
        payment = _paid(stage)
        order = RefundOrder(ids.new("refund"), payment, payment.price + Amount(1, USD))
        try:
            name = stage.rail.refund(order)
        except errors.RailRefused:
            assert stage.rail.reversals(payment) == (), "a refused refund left something behind"
            return

        raise AssertionError(f"more was given back than was paid, as {name}")

    @shows("reversals")
    def test_a_refund_made_at_the_processor_is_told(self, stage: Stage) -> None:
        """Money left, and the house did not ask for it."""
        payment = _paid(stage)
        cents = Amount(payment.price.units // 2 or 1, USD)
        stage.harness.refund_there(payment, cents)

        said = stage.wait(
            lambda: _gone(stage, payment), "money left at the processor, and the rail does not tell"
        )

        assert said.amount == cents, f"{cents} left, and the rail tells of {said.amount}"
        assert said.refund_id is None, "a refund that nobody here asked for is told of as ours"

    @shows("reversals: the processor is silent")
    def test_silence_about_reversals_is_unreachable(self, stage: Stage) -> None:
        """Nothing heard is not nothing left."""
        payment = _paid(stage)
        with stage.harness.unreachable():
            for ask in (lambda: stage.rail.reversals(payment), lambda: stage.rail.refund(_order(payment))):
                try:
                    said: object = ask()
                except errors.RailUnreachable:
                    continue
                raise AssertionError(f"the processor was silent, and the rail says {said}")


class CancelCases:
    """`cancel`, where the rail has it."""

    @proves("cancel", when=lambda rail: isinstance(rail, Cancels))
    def test_a_canceled_payment_is_over(self, stage: Stage) -> None:
        """Twice is once, and what is over says so."""
        payment = stage.buy()
        assert isinstance(stage.rail, Cancels)

        stage.rail.cancel(payment)
        stage.rail.cancel(payment)

        stage.look(payment)
        state = stage.view(payment).state
        assert state in ("canceled", "expired", "failed"), (
            f"the payment was canceled and the purchase is {state}"
        )

    @shows("cancel", when=lambda rail: isinstance(rail, Cancels))
    def test_a_paid_payment_is_not_canceled(self, stage: Stage) -> None:
        """RailRefused: the money is there, and its credits stay."""
        payment = _paid(stage)
        assert isinstance(stage.rail, Cancels)
        try:
            stage.rail.cancel(payment)
        except errors.RailRefused:
            said = stage.ask(payment)
            assert isinstance(said, Paid), f"it was not canceled, and the rail says {said}"
            return

        raise AssertionError("a payment that was paid was canceled")


def _paid(stage: Stage) -> Handle:
    payment = stage.buy()
    stage.pay(payment)
    stage.settle(payment)
    return payment


def _order(payment: Handle) -> RefundOrder:
    return RefundOrder(ids.new("refund"), payment, payment.price)


def _refund(stage: Stage, order: RefundOrder) -> str:
    stage.harness.before_refund(order)
    return stage.rail.refund(order)


def _gone(stage: Stage, payment: Handle) -> Reversed | None:
    return next((said for said in stage.rail.reversals(payment) if said.state == "gone"), None)
