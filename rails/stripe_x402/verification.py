"""Transaction verification: one address per agent, and every transfer there is shown to Stripe by its hash.

An attempt is paid by one transfer of exactly its amount. Which one is written down first (`claims`), then
Stripe is asked, under a key that is the claim's own: if we are killed in between, whoever comes next asks.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, cast

import stripe
from sqlmodel import Session, func, select

from ledger.database import Sessions
from rails import awaiting, errors
from rails.chain.deposits import OtherToken
from rails.rail import Handle, NeedsReview, Opened, Order, Outcome
from rails.stripe.client import ONE_CALL, is_told_again, made_once, translated
from rails.stripe_x402 import claims, intents, witnesses
from rails.stripe_x402.claims import WRONG_AMOUNT, Held, Place
from rails.stripe_x402.judgement import Intent, foreign_tokens
from rails.stripe_x402.models import AgentDepositAddress, TransferClaim
from rails.stripe_x402.witnesses import Chain

logger = logging.getLogger("pennyrail.stripe")

_ADDRESSES: Final = "/v1/crypto/deposit_addresses"
# Between Stripe's clock and ours.
_SKEW: Final = timedelta(minutes=5)
_PAGE: Final = 100
_MOST_LISTED: Final = 100 * _PAGE
_CAME_TO_NOTHING: Final = frozenset({"requires_payment_method", "canceled"})


@dataclass(frozen=True, slots=True)
class TransactionVerification:
    """One address per agent, one PaymentIntent per transfer that pays an attempt."""

    client: stripe.StripeClient
    sessions: Sessions
    version: str
    chain_id: int
    token: str
    grace: timedelta
    live_money: bool

    def open(self, order: Order) -> Opened:
        """Name the agent's address. Nothing exists at Stripe for this attempt until somebody has paid."""
        with self.sessions() as session:
            kept = self._kept(session, order.agent_id)
        if kept is None:
            self._set_aside(order)
            with self.sessions() as session:
                kept = self._kept(session, order.agent_id)
        assert kept is not None, "the address of an agent was kept a moment ago"
        usdc = {"token_currency": intents.CURRENCY, "token_contract_address": kept.token_contract}
        told = intents.instructions(
            {"address": kept.address, "supported_tokens": [usdc]},
            price=order.price,
            watched=self.token,
            shared=True,
        )
        # Unique before there is a PaymentIntent; Stripe's own notices name the attempt in their metadata.
        return Opened(f"{kept.address_id}:{order.payment_attempt_id}", told)

    def look_up(self, handle: Handle, *, now: datetime) -> Outcome:
        """What Stripe says of the transfer that pays this attempt, and our own watcher of all that came."""
        with self.sessions() as session:
            held = self._held(session, handle, now=now)
            chain = Chain(
                held.rows,
                witnesses.read_at(session, chain_id=self.chain_id),
                self._foreign(session, handle, now=now),
            )
        try:
            intent, unanswered = self._intent(handle, held, now=now), None
        except errors.RailError as error:
            # Refused or unanswered: what we see on the chain ourselves is told all the same.
            intent, unanswered = Intent(handle.reference, "unknown"), error
        seen = witnesses.case(handle, intent, chain, grace=self.grace, now=now)
        if intent.status == WRONG_AMOUNT and seen.standing:
            # Two transfers in one transaction: Stripe counts their sum, and takes neither for ever.
            return NeedsReview(
                "unmatched" if seen.received == seen.expected else "several",
                seen.expected,
                seen.received,
                witnesses.of_chain(seen.evidence),
                final=seen.final,
                late=seen.late,
                beside=foreign_tokens(seen),
            )
        outcome = witnesses.outcome(handle, seen, unanswered)
        if intent.reference == handle.reference:
            # No PaymentIntent speaks of it yet, so Stripe is no witness.
            return replace(outcome, evidence=witnesses.of_chain(outcome.evidence))
        return outcome

    def cancel(self, handle: Handle) -> None:
        """Take no transfer for this attempt any more. The agent's address stays, and stays watched."""
        with self.sessions() as session:
            # Who cancels is not asked for the time, and nothing but notes of it hang on this one.
            now: datetime = session.execute(select(func.now())).scalar_one()
            held = self._held(session, handle, now=now)
            if held.claim is not None or any(row.state != "orphaned" for row in held.rows):
                raise errors.RailRefused("a transfer has arrived")
            claims.close(session, payment_attempt_id=handle.payment_attempt_id, now=now)

    def intent_id(self, handle: Handle) -> str | None:
        """The PaymentIntent of the transfer that pays an attempt, None before there is one."""
        with self.sessions() as session:
            return claims.intent_id(session, payment_attempt_id=handle.payment_attempt_id)

    def _kept(self, session: Session, agent_id: str) -> AgentDepositAddress | None:
        return claims.address_of(
            session, agent_id=agent_id, network=intents.NETWORK, live_money=self.live_money
        )

    def _set_aside(self, order: Order) -> None:
        def make(key: str) -> stripe.StripeResponse:
            asked = self.client.raw_request(
                "post",
                _ADDRESSES,
                network=intents.NETWORK,
                metadata={"agent_id": order.agent_id},
                stripe_version=self.version,
                idempotency_key=key,
                max_network_retries=ONE_CALL,
            )
            return cast("stripe.StripeResponse", asked)

        with translated():
            answer = made_once(make, f"deposit-address:{order.payment_attempt_id}")
        made = cast("dict[str, Any]", answer.data)
        told = intents.instructions(made, price=order.price, watched=self.token, shared=True)
        with self.sessions() as session:
            claims.keep_address(
                session,
                AgentDepositAddress(
                    agent_id=order.agent_id,
                    network=intents.NETWORK,
                    live_money=self.live_money,
                    address_id=made["id"],
                    address=told.address,
                    token_contract=told.token_contract,
                    created_at=order.created_at,
                ),
            )

    def _held(self, session: Session, handle: Handle, *, now: datetime) -> Held:
        told = witnesses.told(handle)
        return claims.assign(
            session,
            Place(self.chain_id, told.address.lower(), told.token_contract.lower()),
            payment_attempt_id=handle.payment_attempt_id,
            version=self.version,
            grace=self.grace,
            now=now,
        )

    def _foreign(self, session: Session, handle: Handle, *, now: datetime) -> Sequence[OtherToken]:
        """Other tokens at the agent's address: they pay no attempt, and are told of once, by the newest."""
        waiting = awaiting.at_address(session, address=witnesses.told(handle).address.lower(), now=now)
        if not waiting or waiting[-1].payment_attempt_id != handle.payment_attempt_id:
            return ()
        return witnesses.of_other_tokens(session, handle)

    def _intent(self, handle: Handle, held: Held, *, now: datetime) -> Intent:
        claim = held.claim
        if claim is None:
            return Intent(handle.reference, "canceled" if held.closed else "requires_action")
        if claim.intent_id is not None:
            return self._retrieve(handle, claim, claim.intent_id)
        if claims.may_be_shown(held, now=now):
            return self._show(handle, claim, now=now)
        return _not_there(handle, claim.refused)

    def _show(self, handle: Handle, claim: TransferClaim, *, now: datetime) -> Intent:
        """Have Stripe make a PaymentIntent of the claimed transfer."""
        with self.sessions() as session:
            if not claims.asking(session, claim, now=now):
                raise errors.RailUnreachable("somebody else is showing this transfer")
            quote_id = awaiting.quote_id(session, handle.payment_attempt_id)
        asked = intents.verification(
            handle.price,
            payment_attempt_id=handle.payment_attempt_id,
            quote_id=quote_id,
            transaction_hash=claim.tx_hash,
            version=claim.stripe_version,
        )
        key = f"{claim.tx_hash}:{claim.position}:{claim.address}:{claim.tries + 1}"
        with translated():
            # Stripe may have put right since what broke under the key before.
            made_id = self._made_all_the_same(claim) if claim.refused == claims.BROKE else None
            try:
                made_id = made_id or self._make(asked, key, version=claim.stripe_version)
            except stripe.InvalidRequestError as error:
                return self._refused(handle, claim, code=error.code or "refused", now=now)
            except stripe.APIError as error:
                if not is_told_again(error):
                    raise
                made_id = self._made_all_the_same(claim)
                if made_id is None:
                    return self._refused(handle, claim, code=claims.BROKE, now=now)
        with self.sessions() as session:
            claims.opened(session, claim, intent_id=made_id)
        # An answer that is given again tells how things stood the first time.
        return self._retrieve(handle, claim, made_id)

    def _make(self, asked: dict[str, Any], key: str, *, version: str) -> str:
        made = self.client.v1.payment_intents.create(
            asked,  # type: ignore[arg-type]  # not in the SDK's types yet
            {"idempotency_key": key, "stripe_version": version},
        )
        return made.id

    def _refused(self, handle: Handle, claim: TransferClaim, *, code: str, now: datetime) -> Intent:
        logger.warning("stripe refused a transfer: %s", code)
        with self.sessions() as session:
            claims.refused(session, claim, code=code, now=now)
        return _not_there(handle, code)

    def _made_all_the_same(self, claim: TransferClaim) -> str | None:
        """The PaymentIntent that came of an answer that broke, None if Stripe lists none that lives.

        source: https://docs.stripe.com/error-low-level: what broke may be put right later, under its own key
        """
        with self.sessions() as session:
            known = claims.intents_beside(session, claim)
        long_ago = (claim.claimed_at - _SKEW).timestamp()
        listed = self.client.v1.payment_intents.list(
            {"limit": _PAGE}, {"stripe_version": claim.stripe_version}
        )
        # The newest come first; one page is read whatever the two clocks say.
        for number, each in enumerate(listed.auto_paging_iter()):
            if number >= _PAGE and each.created < long_ago:
                return None
            if number == _MOST_LISTED:
                raise errors.RailUnreachable("the payment provider lists too much to be sure")
            names: dict[str, str] = each.to_dict().get("metadata") or {}
            mine = names.get("payment_attempt_id") == claim.payment_attempt_id and each.id not in known
            if mine and each.status not in _CAME_TO_NOTHING:
                return each.id
        return None

    def _retrieve(self, handle: Handle, claim: TransferClaim, intent_id: str) -> Intent:
        with translated():
            found = self.client.v1.payment_intents.retrieve(
                intent_id, {"expand": ["latest_charge"]}, {"stripe_version": self.version}
            )
        intent = intents.read(found.to_dict(), payment_attempt_id=handle.payment_attempt_id)
        if intent.status in _CAME_TO_NOTHING and claim.refused is None:
            with self.sessions() as session:
                claims.failed(session, claim, status=intent.status)
        return intent


def _not_there(handle: Handle, refused: str | None) -> Intent:
    """What stands for a PaymentIntent that Stripe has not made."""
    return Intent(handle.reference, WRONG_AMOUNT if refused == WRONG_AMOUNT else "requires_action")
