"""Notices: knocks, not facts. Forged, repeated, reordered or lost, they only make somebody look."""

from rails.conformance.claims import proves, shows
from rails.conformance.harness import Cannot
from rails.conformance.stage import Stage


class NoticeCases:
    """What knocks at the house about a payment of this rail."""

    @proves("notices prove nothing")
    def test_a_forged_notice_grants_nothing(self, stage: Stage) -> None:
        """It says paid, and nobody has paid: the look that follows decides."""
        payment = stage.buy()

        stage.receive(stage.harness.notice(payment, "payment succeeded", 1))

        assert stage.view(payment).state == "action_required", "a notice alone moved the purchase"
        assert stage.credits().units == 0, "a notice alone granted credits"

    @proves("notices prove nothing")
    def test_a_notice_of_failure_does_not_fail_a_payment(self, stage: Stage) -> None:
        """It says failed, and the money is there."""
        payment = stage.buy()
        stage.pay(payment)
        stage.wait_for_paid(payment)

        stage.receive(stage.harness.notice(payment, "payment failed", 1))

        assert stage.view(payment).state == "succeeded", "a notice was believed against the processor"
        assert stage.credits().units == payment.price.units, "the money is there, and the credits are not"

    @proves("notices prove nothing")
    def test_repeated_and_reordered_notices_grant_once(self, stage: Stage) -> None:
        """The last comes first, each comes twice, and one purchase is granted once."""
        payment = stage.buy()
        stage.pay(payment)
        stage.wait_for_paid(payment)
        kinds = ("payment succeeded", "payment processing", "payment created")
        for number, kind in enumerate(kinds):
            notice = stage.harness.notice(payment, kind, number)
            stage.receive(notice)
            stage.receive(notice)

        assert stage.view(payment).state == "succeeded", "an old notice undid what a newer one had said"
        assert stage.credits().units == payment.price.units, "the credits were not granted exactly once"

    @proves("notices prove nothing")
    def test_without_any_notice_the_payment_settles(self, stage: Stage) -> None:
        """Every webhook may be lost: the schedule looks."""
        payment = stage.buy()
        stage.pay(payment)

        attempt = stage.settle(payment).attempt

        assert attempt is not None
        assert attempt.looks > 0, "it settled without anybody having looked"

    @shows("notices are signed")
    def test_a_notice_that_nobody_signed_is_turned_away(self, stage: Stage) -> None:
        """The door raises before the inbox has kept anything."""
        payment = stage.buy()
        try:
            stage.harness.receive_unsigned(payment)
        except Cannot:
            raise
        except Exception:
            # Each door has errors of its own: that it raises is the promise.
            return

        raise AssertionError("a notice that nobody signed was taken in")
