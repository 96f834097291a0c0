"""Credits: once for each payment, whoever knocks and however often, with every witness on the receipt."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from rails.conformance.claims import proves, shows
from rails.conformance.stage import Stage
from rails.rail import Evidence, Paid, Pending

_AT_ONCE: Final = 8
_MOST_BYTES: Final = 4096


class GrantingCases:
    """From Paid to credits and a receipt."""

    @proves("one grant")
    def test_many_who_settle_at_once_grant_once(self, stage: Stage) -> None:
        """Eight look at the same moment."""
        payment = stage.buy()
        stage.pay(payment)
        stage.wait_for_paid(payment)

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            settled = list(pool.map(lambda _number: stage.look(payment), range(_AT_ONCE)))

        assert sum(each.granted for each in settled) == 1, "not exactly one of eight looks granted"
        assert stage.credits().units == payment.price.units, "the credits were not granted exactly once"

    @proves("one grant")
    def test_what_was_granted_is_not_granted_again(self, stage: Stage) -> None:
        """Later looks find the same receipt."""
        payment = stage.buy()
        stage.pay(payment)
        receipt = stage.settle(payment).receipt

        again = stage.look(payment)

        assert not again.granted, "a second look granted again"
        assert stage.view(payment).receipt == receipt, "a second look wrote another receipt"

    @proves("one grant")
    def test_the_receipt_says_what_was_received(self, stage: Stage) -> None:
        """In cents, the price."""
        payment = stage.buy()
        stage.pay(payment)

        receipt = stage.settle(payment).receipt

        assert receipt is not None
        assert receipt.received_cents == payment.price.units, "the receipt names another sum than was paid"

    @proves("witnesses")
    def test_every_witness_speaks_on_the_receipt(self, stage: Stage) -> None:
        """Each that the rail names, and nobody else."""
        payment = stage.buy()
        stage.pay(payment)

        heard = {row.source for row in stage.settle(payment).evidence}

        declared = set(stage.rail.witnesses)
        assert not declared - heard, f"{sorted(declared - heard)} are named as witnesses and never spoke"
        assert not heard - declared, f"{sorted(heard - declared)} spoke and are not named as witnesses"

    @shows("witnesses")
    def test_a_witness_that_is_silent_is_missing_and_never_invented(self, stage: Stage) -> None:
        """While one does not speak, there is no word of it, and the rail does not pretend."""
        for witness in stage.rail.witnesses:
            payment = stage.buy()
            with stage.harness.silent(witness):
                stage.pay(payment)
                stage.harness.catch_up(stage.now)
                said = stage.rail.look_up(payment, now=stage.now)

            words = [word for word in said.evidence if word.source == witness]
            assert not isinstance(said, Paid) or witness in said.missing, f"{witness} was silent: {said}"
            assert not words, f"{witness} was silent, and the rail quotes it: {words}"

    @proves("evidence")
    def test_evidence_is_plain_and_small(self, stage: Stage) -> None:
        """Text, numbers and nothing, by name, in a few lines: it is kept for ever and shown to people."""
        payment = stage.buy()
        stage.pay(payment)

        for word in stage.wait_for_paid(payment).evidence:
            _plain(word)

    @proves("evidence")
    def test_before_anything_arrives_nobody_says_that_it_did(self, stage: Stage) -> None:
        """A payment that waits has no word of money."""
        said = stage.ask(stage.buy())

        assert isinstance(said, Pending)
        assert not said.evidence, f"nothing has arrived, and {said.evidence} speak of it"


def _plain(word: Evidence) -> None:
    assert word.external_id, f"{word} does not name what it saw"
    assert word.state, f"{word} does not say in which state it is"
    for name, value in word.detail.items():
        plain = value is None or isinstance(value, str | int)
        assert plain, f"the detail {name} of {word.source} is a {type(value).__name__}"
    size = len(json.dumps(dict(word.detail)))
    assert size <= _MOST_BYTES, f"{word.source} says {size} bytes of detail"
