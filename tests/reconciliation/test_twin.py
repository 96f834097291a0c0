"""Reconciliation over Stripe's own SDK and a twin of Stripe: real fees, refunds, disputes and payouts."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal

import pytest
import stripe
from pydantic import SecretStr
from sqlmodel import Session, col, select
from stripe.params.checkout import SessionCreateParams
from typing_extensions import override

from ledger import chart, credits
from ledger.database import Sessions
from ledger.money import CREDIT, USD, Amount
from ledger.operations import Grant, Refund, Reinstate
from rails import catalog, errors, purchase
from rails.chain.models import FINAL, ChainCursor, Deposit
from rails.chain.settings import ChainSettings
from rails.models import PaymentAttempt
from rails.rail import Order, Rails
from rails.reconciliation import run
from rails.reconciliation.models import Item, Run
from rails.stripe import client
from rails.stripe.balance import StripeBooks
from rails.stripe.settings import StripeSettings
from rails.stripe_checkout.rail import StripeCheckout
from rails.stripe_checkout.settings import CheckoutSettings
from rails.stripe_x402.rail import StripeX402
from rails.stripe_x402.settings import X402Settings
from sandbox.stripe_twin import Fault, Switches
from tests.reconciliation.world import AGENT, SETTINGS, Shop
from tests.sandbox import twin_world
from tests.sandbox.twin_world import LocalTwin

CHECKOUT = "stripe_checkout"
X402 = "stripe_x402.exact.usdc"


@pytest.fixture
def twin() -> Iterator[LocalTwin]:
    with twin_world.running(twin_world.config()) as running:
        yield running


@dataclass
class Branch:
    """A house with Stripe's real rails over a twin."""

    sessions: Sessions
    twin: LocalTwin
    stripe: stripe.StripeClient
    rails: Rails
    bought: int = 0
    booked: set[str] = field(default_factory=set)
    share: tuple[int, int] = (1, 1)
    """Of how much of a refund credits are taken: not of its tax."""

    def buy(self, rail_id: str, credits_wanted: int = 500) -> str:
        self.bought += 1
        key, now = f"key-{self.bought}", datetime.now(UTC)
        terms = catalog.terms(credits_wanted=credits_wanted, pack_id=None, rail_id=rail_id)
        quote = purchase.quote(
            self.sessions, self.rails, agent_id=AGENT, terms=terms, idempotency_key=key, now=now
        ).quote
        view = purchase.buy(
            self.sessions,
            self.rails,
            agent_id=AGENT,
            quote_id=quote.quote_id,
            rail_id=rail_id,
            idempotency_key=key,
            now=now,
        ).view
        assert view.attempt is not None
        return view.attempt.payment_attempt_id

    def attempt(self, attempt_id: str) -> PaymentAttempt:
        with self.sessions() as session:
            return session.get_one(PaymentAttempt, attempt_id)

    def settle(self, attempt_id: str) -> None:
        purchase.settle(self.sessions, self.rails, payment_attempt_id=attempt_id, now=datetime.now(UTC))

    def pay_by_card(self) -> tuple[str, str]:
        """A granted attempt, and its PaymentIntent."""
        attempt_id = self.buy(CHECKOUT)
        intent = self.twin.control.pay(str(self.attempt(attempt_id).reference)).payment_intent
        assert intent is not None
        self.settle(attempt_id)
        assert self.attempt(attempt_id).state == "succeeded"
        return attempt_id, intent

    def pay_by_deposit(self) -> tuple[str, str]:
        """A granted attempt, and its PaymentIntent. The chain has carried it, and it is final."""
        attempt_id = self.buy(X402)
        row, now = self.attempt(attempt_id), datetime.now(UTC)
        assert row.reference is not None
        assert row.deposit_address is not None
        with self.sessions() as session:
            carry(session, row.deposit_address, cents=500, now=now)
        twin_world.simulate(self.stripe, row.reference)
        twin_world.until(lambda: self._succeeded(attempt_id))
        return attempt_id, row.reference

    def _succeeded(self, attempt_id: str) -> bool:
        self.settle(attempt_id)
        return self.attempt(attempt_id).state == "succeeded"

    def knock(self, attempt_id: str) -> None:
        """Settle an attempt, and bring the book to what Stripe says went back of it."""
        self.settle(attempt_id)
        row = self.attempt(attempt_id)
        intent = row.reference if row.rail_id == X402 else self._intent_of(str(row.reference))
        for refund in self.stripe.v1.refunds.list({"payment_intent": str(intent)}).data:
            self._bring(attempt_id, refund.id, refund.amount, gone=refund.status == "succeeded")
        for dispute in self.stripe.v1.disputes.list({"payment_intent": str(intent)}).data:
            gone = sum(moved.net + moved.fee for moved in dispute.balance_transactions) < 0
            self._bring(attempt_id, dispute.id, dispute.amount, gone=gone)

    def _intent_of(self, session_id: str) -> str:
        return str(self.stripe.v1.checkout.sessions.retrieve(session_id).payment_intent)

    def _bring(self, attempt_id: str, name: str, cents: int, *, gone: bool) -> None:
        if gone == (name in self.booked):
            return
        wanted: Refund | Reinstate
        clearing = chart.clearing(self.attempt(attempt_id).rail_id)
        if gone:
            wanted = Refund(
                key=f"refund:{name}",
                agent_id=AGENT,
                actor="test",
                grant=f"purchase:{attempt_id}",
                cents=Amount(cents * self.share[0] // self.share[1], USD),
                clearing=clearing,
            )
            self.booked.add(name)
        else:
            wanted = Reinstate(
                key=f"back:{name}",
                agent_id=AGENT,
                actor="test",
                refund=f"refund:{name}",
                clearing=clearing,
            )
            self.booked.remove(name)
        assert credits.perform(self.sessions, [wanted], now=datetime.now(UTC))[0].done

    def reconcile(self, *, after: timedelta = timedelta(), whole: bool = False) -> Run:
        return run.run(
            self.sessions,
            StripeBooks(self.stripe),
            knock=self.knock,
            settings=SETTINGS,
            now=datetime.now(UTC) + after,
            whole=whole,
        )

    @property
    def shop(self) -> Shop:
        """The same house, to ask it how things stand."""
        return Shop(self.sessions)

    def agrees(self) -> bool:
        """Whether nothing is open, the book is Stripe's balance, and the book is sound."""
        balance = StripeBooks(self.stripe).balance().units
        with self.sessions() as session:
            open_items = session.exec(select(Item).where(col(Item.closed_at).is_(None))).all()
        assert [(item.subject, item.matter, item.state) for item in open_items] == []
        assert self.shop.holds("processor:stripe") == -balance
        return self.shop.book_is_sound(at=datetime.now(UTC) + timedelta(days=1))


def carry(session: Session, address: str, *, cents: int, now: datetime) -> None:
    """Let the chain have carried a transfer, for ever."""
    digest = f"0x{abs(hash((address, cents))):064x}"
    session.add(
        Deposit(
            chain_id=8453,
            block_hash=digest,
            log_index=0,
            block_number=1,
            block_time=now,
            tx_hash=digest,
            token=ChainSettings(base_rpc_url=SecretStr("http://127.0.0.1:9")).usdc_address,
            sender="0x" + "aa" * 20,
            address=address,
            amount=Decimal(cents * 10_000),
            state=FINAL,
            first_seen_at=now,
            confirmed_at=now,
            final_at=now,
        )
    )
    if session.get(ChainCursor, 8453) is None:
        session.add(
            ChainCursor(
                chain_id=8453,
                generation=1,
                block_number=1,
                block_hash=digest,
                block_time=now,
                head_number=1,
                head_time=now,
                depth_policy="safe",
                confirmed_number=1,
                audited_number=1,
                scanned_at=now,
            )
        )


@pytest.fixture
def branch(twin: LocalTwin, sessions: Sessions) -> Branch:
    told = StripeSettings(
        secret_key=SecretStr(twin_world.KEY),
        webhook_secrets=(SecretStr("whsec_" + "5" * 20),),
        api_base=twin.url,
        retries=0,
    )
    sdk = client.connect(told)
    checkout = StripeCheckout(sdk, CheckoutSettings(public_url="http://127.0.0.1:8402"), live_money=False)
    x402 = StripeX402(
        sdk,
        sessions,
        stripe_settings=told,
        chain_settings=ChainSettings(base_rpc_url=SecretStr("http://127.0.0.1:9")),
        settings=X402Settings(),
    )
    return Branch(sessions, twin, sdk, {CHECKOUT: checkout, X402: x402})


def test_payments_with_fees_on_both_rails_leave_nothing_open(branch: Branch) -> None:
    card, _ = branch.pay_by_card()
    crypto, _ = branch.pay_by_deposit()

    branch.reconcile()

    assert branch.shop.items(card) == branch.shop.items(crypto) == ["(matched)"]
    assert branch.shop.items(crypto, "chain") == ["(matched)"]
    assert branch.shop.holds("fees") == -(45 + 8)
    assert branch.shop.holds(f"clearing:{CHECKOUT}") == branch.shop.holds(f"clearing:{X402}") == 0
    assert branch.agrees()


class Taxed(StripeCheckout):
    """A page that adds sales tax to the price."""

    @override
    def _params(self, order: Order) -> SessionCreateParams:
        params = super()._params(order)
        for line in params["line_items"]:
            line["price_data"]["tax_behavior"] = "exclusive"
        return {**params, "automatic_tax": {"enabled": True}}


@pytest.mark.parametrize("settled_first", [True, False])
def test_sales_tax_beside_the_price_is_owed_to_the_state(branch: Branch, *, settled_first: bool) -> None:
    branch.twin.control.set_switches(Switches(tax_basis_points=825))
    settings = CheckoutSettings(public_url="http://127.0.0.1:8402")
    rails = dict(branch.rails) | {CHECKOUT: Taxed(branch.stripe, settings, live_money=False)}
    branch.rails = rails
    attempt = branch.buy(CHECKOUT)
    intent = branch.twin.control.pay(str(branch.attempt(attempt).reference)).payment_intent
    assert intent is not None
    if settled_first:
        branch.settle(attempt)

    branch.reconcile()
    assert branch.shop.items(attempt) == ["(matched)"]
    assert branch.shop.holds("sales_tax") == 41
    assert branch.agrees()
    branch.twin.control.refund(intent, 270)
    branch.share = (500, 541)
    branch.reconcile()

    assert branch.shop.holds("sales_tax") == 20
    assert branch.shop.holds("prepaid_liability") == 251


def test_a_partial_refund_from_the_dashboard_is_found_and_booked(branch: Branch) -> None:
    attempt, intent = branch.pay_by_card()
    branch.reconcile()

    branch.twin.control.refund(intent, 200)
    branch.reconcile()

    assert branch.shop.items(attempt, "reversal") == ["(matched)"]
    assert branch.shop.holds("prepaid_liability") == 300
    assert branch.agrees()


def test_a_refund_that_fails_later_comes_back(branch: Branch) -> None:
    attempt, intent = branch.pay_by_deposit()
    refund = branch.twin.control.refund(intent)
    branch.reconcile()
    assert branch.shop.holds("prepaid_liability") == 0

    branch.twin.control.settle_refund(refund, "failed")
    branch.reconcile()

    assert branch.shop.items(attempt, "reversal")[-1] == "(matched)"
    assert branch.shop.holds("prepaid_liability") == 500
    assert branch.agrees()


@pytest.mark.parametrize(("ending", "liability", "balance"), [("won", 500, -1045), ("lost", 0, -1545)])
def test_a_dispute_costs_its_fee_and_only_a_won_one_brings_its_money_back(
    branch: Branch, ending: Literal["won", "lost"], liability: int, balance: int
) -> None:
    _, intent = branch.pay_by_card()
    dispute = branch.twin.control.dispute(intent)
    branch.reconcile()
    assert branch.shop.holds("prepaid_liability") == 0

    branch.twin.control.close_dispute(dispute, ending)
    branch.reconcile()

    assert branch.shop.holds("prepaid_liability") == liability
    assert branch.shop.holds("processor:stripe") == -balance
    assert branch.shop.holds("fees") == -1545
    assert branch.agrees()


@pytest.mark.parametrize("automatic", [True, False])
def test_a_payout_goes_to_the_bank_and_a_failed_one_comes_back(branch: Branch, *, automatic: bool) -> None:
    branch.pay_by_card()
    payout = branch.twin.control.pay_out(automatic=automatic)
    branch.reconcile()
    assert (branch.shop.holds("bank"), branch.shop.holds("processor:stripe")) == (-455, 0)

    branch.twin.control.fail_payout(payout)
    branch.reconcile()

    assert (branch.shop.holds("bank"), branch.shop.holds("processor:stripe")) == (0, -455)
    assert branch.agrees()


def test_what_stripe_charges_by_itself_is_a_fee(branch: Branch) -> None:
    branch.pay_by_card()
    branch.twin.control.take_fee(20)

    branch.reconcile()

    assert branch.shop.holds("fees") == -65
    assert branch.agrees()


def test_a_planted_extra_is_a_break_until_it_is_refunded(branch: Branch) -> None:
    extra = branch.twin.control.pay(twin_world.session(branch.stripe).id).payment_intent
    assert extra is not None
    charge = branch.stripe.v1.payment_intents.retrieve(extra).latest_charge
    assert branch.reconcile().breaks == 1
    assert branch.shop.items(str(charge), "movement") == ["stripe_only"]

    branch.twin.control.refund(extra)
    done = branch.reconcile()

    assert branch.shop.items(str(charge), "movement") == ["(matched)"]
    assert (done.closed, done.breaks) == (1, 0)
    assert branch.agrees()


def test_a_planted_hole_is_missing_until_its_charge_appears(branch: Branch) -> None:
    attempt = branch.buy(CHECKOUT)
    early = Grant(
        key=f"purchase:{attempt}",
        agent_id=AGENT,
        actor="test",
        credits=Amount(500, CREDIT),
        cents=Amount(500, USD),
        clearing=chart.clearing(CHECKOUT),
        metadata={"payment_attempt_id": attempt},
    )
    assert credits.perform(branch.sessions, [early], now=datetime.now(UTC))[0].done
    branch.reconcile(after=timedelta(hours=25))
    assert branch.shop.items(attempt) == ["missing"]

    branch.twin.control.pay(str(branch.attempt(attempt).reference))
    branch.reconcile(after=timedelta(hours=26))

    assert branch.shop.items(attempt) == ["(matched)"]


def test_twice_is_the_same_as_once(branch: Branch) -> None:
    _, intent = branch.pay_by_card()
    branch.pay_by_deposit()
    branch.twin.control.refund(intent, 200)
    branch.twin.control.pay_out()
    branch.reconcile()

    again = branch.reconcile()

    assert (again.kept, again.booked, again.opened, again.closed) == (0, 0, 0, 0)
    assert branch.agrees()


def test_a_page_that_does_not_come_books_nothing_and_the_next_run_books_all(branch: Branch) -> None:
    branch.pay_by_card()
    branch.twin.control.fail(Fault(kind="drop", path_prefix="/v1/balance_transactions", times=1))
    with pytest.raises(errors.RailUnreachable):
        branch.reconcile()
    assert branch.shop.holds("processor:stripe") == 0
    branch.reconcile()

    assert branch.agrees()


def test_books_longer_than_a_page_are_read_to_their_end(branch: Branch) -> None:
    for _ in range(105):
        branch.twin.control.take_fee(1)

    done = branch.reconcile()

    assert done.kept == done.booked == 105
    assert branch.agrees()
