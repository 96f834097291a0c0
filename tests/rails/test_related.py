"""Thin events, and others that name no payment of ours: Stripe tells whom they are about."""

from collections.abc import Iterator

import pytest
import stripe
from pydantic import SecretStr

from ledger.database import Sessions
from rails import errors, inbox
from rails.notice import Incoming, Knock
from rails.rail import Rails
from rails.stripe.client import connect
from rails.stripe.related import Related
from rails.stripe.settings import StripeSettings
from sandbox.stripe_twin import Fault
from tests.rails.conftest import NOON
from tests.sandbox import twin_world
from tests.sandbox.twin_world import LocalTwin


@pytest.fixture
def twin() -> Iterator[LocalTwin]:
    with twin_world.running(twin_world.config()) as running:
        yield running


@pytest.fixture
def related(twin: LocalTwin) -> Related:
    settings = StripeSettings(
        secret_key=SecretStr(twin_world.KEY),
        webhook_secrets=(SecretStr("whsec_of_the_related_tests"),),
        api_base=twin.url,
        retries=0,
    )
    return Related(connect(settings))


@pytest.fixture
def intent(twin: LocalTwin, attempt_id: str) -> str:
    """The PaymentIntent of a page that was paid, with our id in its metadata."""
    client = twin_world.sdk(twin.url)
    opened = twin_world.session(client, payment_intent_data={"metadata": {"payment_attempt_id": attempt_id}})
    twin.control.pay(opened.id)
    paid = client.v1.checkout.sessions.retrieve(opened.id)
    assert isinstance(paid.payment_intent, str)
    return paid.payment_intent


def knock(kind: str, *refs: str) -> Knock:
    return Knock("stripe", kind, refs)


def test_a_refund_a_dispute_and_a_fraud_warning_lead_to_the_attempt(
    twin: LocalTwin, related: Related, intent: str, attempt_id: str
) -> None:
    refund = twin.control.refund(intent, 100)
    warning = twin.control.warn_of_fraud(intent)
    dispute = twin.control.dispute(intent, 100)

    found = {
        kind: related(knock(kind, about))
        for kind, about in {
            "refund.created": refund,
            "radar.early_fraud_warning.created": warning,
            "charge.dispute.created": dispute,
            "payment_intent.succeeded": intent,
        }.items()
    }

    assert all(attempt_id in ids and intent in ids for ids in found.values()), found


def test_a_thin_event_of_a_refund_is_handled_for_the_attempt_it_is_about(
    sessions: Sessions, rails: Rails, twin: LocalTwin, related: Related, intent: str
) -> None:
    refund = twin.control.refund(intent)
    with sessions() as session:
        notice_id = inbox.receive(
            session, Incoming("stripe", "evt_thin", "refund.created", (refund,), b"{}"), now=NOON
        )
    assert notice_id is not None

    state = inbox.handle(sessions, rails, notice_id=notice_id, now=NOON, ask=related)

    assert state == "handled"


def test_an_object_of_nobody_here_leads_nowhere(related: Related) -> None:
    about = ("re_of_another_account", "pi_of_another_account", "po_1", "nothing_at_all", "")

    assert related(knock("refund.created", *about)) == about


def test_a_payment_of_somebody_else_is_ignored(
    sessions: Sessions, rails: Rails, twin: LocalTwin, related: Related
) -> None:
    foreign = twin_world.deposit(twin_world.sdk(twin.url))
    with sessions() as session:
        notice_id = inbox.receive(
            session, Incoming("stripe", "evt_1", "payment_intent.succeeded", (foreign.id,), b"{}"), now=NOON
        )
    assert notice_id is not None

    assert inbox.handle(sessions, rails, notice_id=notice_id, now=NOON, ask=related) == "ignored"


@pytest.mark.parametrize("status", [401, 503])
def test_given_stripe_does_not_answer_then_the_notice_is_asked_about_again_later(
    sessions: Sessions, rails: Rails, twin: LocalTwin, related: Related, intent: str, status: int
) -> None:
    refund = twin.control.refund(intent)
    with sessions() as session:
        notice_id = inbox.receive(
            session, Incoming("stripe", "evt_thin", "refund.created", (refund,), b"{}"), now=NOON
        )
    assert notice_id is not None
    twin.control.fail(Fault(kind="status", path_prefix="/v1/refunds", status=status))

    with pytest.raises(errors.RailUnreachable):
        related(knock("refund.created", refund))
    twin.control.fail(Fault(kind="status", path_prefix="/v1/refunds", status=status))
    states = [inbox.handle(sessions, rails, notice_id=notice_id, now=NOON, ask=related) for _ in range(2)]

    assert states == ["waiting", "handled"]


def test_stripe_is_asked_only_about_what_nobody_here_knows(
    sessions: Sessions, rails: Rails, twin: LocalTwin, related: Related, reference: str
) -> None:
    with sessions() as session:
        notice_id = inbox.receive(
            session, Incoming("stripe", "evt_1", "refund.created", ("re_1", reference), b"{}"), now=NOON
        )
    assert notice_id is not None
    twin.control.forget_requests()

    state = inbox.handle(sessions, rails, notice_id=notice_id, now=NOON, ask=related)

    assert (state, twin.control.requests()) == ("handled", [])


def test_what_stripe_says_of_an_unknown_object_is_believed_only_as_far_as_where_to_look(
    twin: LocalTwin, related: Related
) -> None:
    client: stripe.StripeClient = twin_world.sdk(twin.url)
    claimed = twin_world.deposit(client, metadata={"payment_attempt_id": "payatt_of_somebody"})

    assert related(knock("payment_intent.succeeded", claimed.id)) == (claimed.id, "payatt_of_somebody")
