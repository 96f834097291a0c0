"""What a rail says of itself, held to its word: who can start a payment, and who can finish it."""

import re
from typing import Final

from rails import errors
from rails.conformance.alone import by_code_alone
from rails.conformance.claims import proves
from rails.conformance.stage import Stage
from rails.rail import CryptoDeposit, HostedPage, Paid, Rail

_WORD: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
_PATH: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_WITNESS: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")
_FEWEST_WORDS: Final = 2


def _settleable(rail: Rail) -> bool:
    return rail.capabilities.agent_settleable


def _not_settleable(rail: Rail) -> bool:
    return not rail.capabilities.agent_settleable


def _pages(rail: Rail) -> bool:
    return rail.capabilities.requires_browser


def _for_people(rail: Rail) -> bool:
    return "human_only" in rail.capabilities.buyer_modes


class CapabilityCases:
    """Every declared capability, exercised."""

    @proves("agent_initiated", when=lambda rail: rail.capabilities.agent_initiated)
    def test_an_agent_opens_a_payment_by_code_alone(self, stage: Stage) -> None:
        """Quoting and buying need no browser and no person."""
        with by_code_alone():
            payment = stage.buy()

        assert payment.reference, "the payment has no reference at the processor"

    @proves("agent_initiated: false", when=lambda rail: not rail.capabilities.agent_initiated)
    def test_an_agent_cannot_open_a_payment(self, stage: Stage) -> None:
        """Whoever says that no agent starts a payment refuses one that does."""
        try:
            opened = stage.rail.open(stage.order())
        except errors.RailRefused:
            return

        raise AssertionError(f"agent_initiated is false, and an agent opened {opened.reference}")

    @proves("agent_settleable", when=_settleable)
    def test_an_agent_settles_it_by_code_alone(self, stage: Stage) -> None:
        """From the instructions to the credits without a browser, through the whole story."""
        with by_code_alone():
            payment = stage.buy()
            stage.harness.pay_as_agent(payment.instructions)
            stage.settle(payment)

        assert stage.credits().units == payment.price.units, "the agent paid and has not its credits"

    @proves("agent_settleable", when=_settleable)
    def test_it_needs_no_browser_and_names_no_blocker(self, stage: Stage) -> None:
        """The words beside the capability agree with it."""
        can = stage.rail.capabilities

        assert not can.requires_browser, "an agent settles alone, and still requires_browser is true"
        assert can.settlement_blocker is None, "an agent settles alone, and still a blocker is named"

    @proves("agent_settleable: false", when=_not_settleable)
    def test_an_agent_alone_cannot_settle_it(self, stage: Stage) -> None:
        """Everything that a program can do with the instructions leaves the payment unpaid."""
        payment = stage.buy()
        with by_code_alone():
            stage.harness.pay_as_agent(payment.instructions)

        def unpaid() -> None:
            said = stage.ask(payment)
            assert not isinstance(said, Paid), "agent_settleable is false, and a program alone settled it"

        stage.watch(unpaid)
        assert not stage.look(payment).granted, "agent_settleable is false, and an agent alone has credits"

    @proves("agent_settleable: false", when=_not_settleable)
    def test_with_a_person_it_settles(self, stage: Stage) -> None:
        """A person is what was missing: with one, the same instructions lead to credits."""
        payment = stage.buy()
        stage.harness.pay_as_agent(payment.instructions)
        stage.harness.pay_as_person(payment.instructions)

        stage.settle(payment)

        assert stage.credits().units == payment.price.units, (
            "a person paid, and the agent has not its credits"
        )

    @proves("settlement_blocker", when=_not_settleable)
    def test_the_blocker_is_a_sentence_that_tells_why(self, stage: Stage) -> None:
        """Agents show it to people: one word or an empty text tells nothing."""
        blocker = stage.rail.capabilities.settlement_blocker or ""

        assert len(blocker.split()) >= _FEWEST_WORDS, f"settlement_blocker {blocker!r} does not tell why"

    @proves("requires_browser", when=_pages)
    def test_a_page_is_where_it_is_paid(self, stage: Stage) -> None:
        """A browser needs an address of the web to open."""
        told = stage.buy().instructions

        assert isinstance(told, HostedPage), f"requires_browser is true, and there is no page but {told}"
        assert re.match(r"https?://[^/]+", told.url), "the page has no address that a browser opens"

    @proves("requires_browser: false", when=lambda rail: not rail.capabilities.requires_browser)
    def test_no_page_is_where_it_is_paid(self, stage: Stage) -> None:
        """Instructions to open a page would need the browser that is not needed."""
        told = stage.buy().instructions

        assert not isinstance(told, HostedPage), "requires_browser is false, and a page has to be opened"

    @proves("buyer_modes")
    def test_the_buyer_modes_say_what_the_capabilities_say(self, stage: Stage) -> None:
        """`agent_only` where an agent settles alone, `hybrid` where it begins, and nothing twice."""
        can = stage.rail.capabilities

        assert can.buyer_modes, "buyer_modes is empty: nobody could buy"
        assert len(set(can.buyer_modes)) == len(can.buyer_modes), "buyer_modes names a mode twice"
        alone = "agent_only" in can.buyer_modes
        assert alone == can.agent_settleable, "agent_only belongs where agent_settleable is true, only there"
        assert "hybrid" not in can.buyer_modes or can.agent_initiated, "hybrid begins with an agent"

    @proves("buyer_modes: human_only", when=_for_people)
    def test_a_person_pays_what_was_asked_for(self, stage: Stage) -> None:
        """A mode for people is one that a person gets through."""
        payment = stage.buy()

        stage.harness.pay_as_person(payment.instructions)

        assert stage.wait_for_paid(payment).received == payment.price, (
            "a person paid another sum than the price"
        )

    @proves("live_money")
    def test_the_quote_says_whether_real_money_moves(self, stage: Stage) -> None:
        """What the rail says is what the quote keeps."""
        view = stage.view(stage.buy())

        assert view.quote.live_money is stage.rail.live_money, (
            "the quote has another live_money than the rail"
        )

    @proves("listing")
    def test_clients_can_name_the_rail(self, stage: Stage) -> None:
        """The id, the flag and the path are words that a URL and a shell take as they are."""
        rail = stage.rail

        assert _WORD.fullmatch(rail.rail_id), f"rail_id {rail.rail_id!r} is no word"
        assert _WORD.fullmatch(rail.listing.provider), f"provider {rail.listing.provider!r} is no word"
        assert _PATH.fullmatch(rail.listing.purchase_path), (
            f"{rail.listing.purchase_path!r} is no last part of a path"
        )

    @proves("listing: token", when=lambda rail: rail.listing.token is not None)
    def test_the_token_that_is_listed_is_the_token_that_is_asked_for(self, stage: Stage) -> None:
        """Network, currency, contract and decimals of the listing are those of the instructions."""
        token, told = stage.rail.listing.token, stage.buy().instructions

        assert token is not None
        assert isinstance(told, CryptoDeposit), "a token is listed, and the instructions are a page"
        listed = (token.network, token.currency, token.contract.lower(), token.decimals)
        asked = (told.network, told.token_currency, told.token_contract.lower(), told.amount.asset.scale)
        assert listed == asked, f"listed {listed}, asked for {asked}"

    @proves("witnesses")
    def test_the_witnesses_have_names_that_can_be_kept(self, stage: Stage) -> None:
        """At least one, each a word of its own."""
        witnesses = stage.rail.witnesses

        assert witnesses, "no witness is named: nobody could say that a payment was made"
        assert len(set(witnesses)) == len(witnesses), "a witness is named twice"
        assert all(map(_WITNESS.fullmatch, witnesses)), f"{witnesses} are no words"
