"""What the published policy decides by itself: only what it promised, only what is final, once."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest

from ledger.database import Sessions
from ledger.money import USDC, Amount
from rails import catalog, policies, promises, purchase, resolutions, schedule
from rails.conformance.fakes import FakeRail, crypto_deposit
from rails.exceptions import Wanted, listed
from rails.rail import NeedsReview, Rails
from rails.resolutions import Decision
from rails.settings import policy
from rails.status import PurchaseView
from tests.rails.conftest import NOON, buy

Credits = Callable[[], int]
Publish = Callable[..., None]
LATER = NOON + timedelta(hours=2)


@pytest.fixture
def publish(monkeypatch: pytest.MonkeyPatch) -> Iterator[Publish]:
    """Publish a policy, for what is opened from now on."""

    def published(**kinds: str) -> None:
        for kind in ("underpaid", "overpaid", "topped_up", "late"):
            monkeypatch.setenv(f"PENNYRAIL_POLICY_{kind.upper()}", kinds.get(kind, "review"))
        policy.cache_clear()

    yield published
    policy.cache_clear()


def reviewed(
    sessions: Sessions, rails: Rails, kind: str, units: int, *, final: int | None = None, late: bool = False
) -> None:
    """A payment of these units that needs a decision, all of it final unless said."""
    [rail] = rails.values()
    assert isinstance(rail, FakeRail)
    attempt = buy(sessions, rails, rail).attempt
    assert attempt is not None
    outcome = NeedsReview(
        kind,
        Amount(5_000_000, USDC),
        Amount(units, USDC),
        final=Amount(units if final is None else final, USDC),
        late=late,
    )
    rail._outcomes[str(attempt.reference)] = lambda _handle: outcome
    purchase.settle(sessions, rails, payment_attempt_id=attempt.payment_attempt_id, now=NOON)


def decided(sessions: Sessions, *, now: datetime = LATER) -> list[tuple[int, int]]:
    """What the policy credited now, in cents and dust."""
    return [(each.cents.units, each.dust.units) for each in policies.decide(sessions, now=now)]


@pytest.mark.parametrize(
    ("kind", "units", "credited"),
    [
        ("underpaid", 4_990_001, (499, 1)),
        ("overpaid", 6_239_999, (623, 9_999)),
        ("topped_up", 5_000_000, (500, 0)),
        ("late", 5_000_000, (500, 0)),
    ],
)
def test_a_kind_is_credited_by_itself_only_if_the_policy_says_so(
    sessions: Sessions,
    rails: Rails,
    publish: Publish,
    credits_of_agent: Credits,
    kind: str,
    units: int,
    credited: tuple[int, int],
) -> None:
    publish(**{kind: "credit"})
    reviewed(sessions, rails, kind, units, late=kind == "late")

    first, second = decided(sessions), decided(sessions)

    assert (first, second, credits_of_agent()) == ([credited], [], credited[0])
    with sessions() as session:
        [line] = listed(session, Wanted(state="closed"), now=LATER)
    assert (line.item.closed_by, line.item.resolution) == (f"policy:{kind}", "credit")


@pytest.mark.parametrize("kind", ["underpaid", "overpaid", "topped_up", "late"])
def test_by_default_people_decide(
    sessions: Sessions, rails: Rails, publish: Publish, credits_of_agent: Credits, kind: str
) -> None:
    publish()
    reviewed(sessions, rails, kind, 5_000_000)

    assert (decided(sessions), credits_of_agent()) == ([], 0)


@pytest.mark.parametrize("kind", ["several", "unmatched", "after_close", "retired_address", "unseen"])
def test_what_no_policy_speaks_of_waits_for_a_person(
    sessions: Sessions, rails: Rails, publish: Publish, kind: str
) -> None:
    publish(underpaid="credit", overpaid="credit", topped_up="credit", late="credit")
    reviewed(sessions, rails, kind, 5_000_000)

    assert decided(sessions) == []


def test_nothing_is_credited_before_all_of_it_is_final(
    sessions: Sessions, rails: Rails, publish: Publish, credits_of_agent: Credits
) -> None:
    publish(overpaid="credit")
    reviewed(sessions, rails, "overpaid", 6_000_000, final=5_999_999)

    assert (decided(sessions), credits_of_agent()) == ([], 0)


def test_what_is_short_may_still_be_topped_up_until_the_time_to_pay_is_over(
    sessions: Sessions, rails: Rails, publish: Publish
) -> None:
    publish(underpaid="credit")
    reviewed(sessions, rails, "underpaid", 4_000_000)

    early, over = decided(sessions, now=NOON + timedelta(minutes=59)), decided(sessions, now=LATER)

    assert (early, over) == ([], [(400, 0)])


def test_what_came_late_is_credited_only_if_both_rules_say_so(sessions: Sessions, publish: Publish) -> None:
    told: list[list[tuple[int, int]]] = []
    for late in ("review", "credit"):
        publish(overpaid="credit", late=late)
        rail = crypto_deposit()
        rail.rail_id = f"fake_{late}"
        reviewed_by(sessions, rail, late=True)
        told.append(decided(sessions))

    assert told == [[], [(600, 0)]]


def reviewed_by(sessions: Sessions, rail: FakeRail, *, late: bool) -> None:
    rails: Rails = {rail.rail_id: rail}
    terms = catalog.terms(credits_wanted=500, pack_id=None, rail_id=rail.rail_id)
    quote = purchase.quote(
        sessions, rails, agent_id="agt_1", terms=terms, idempotency_key=rail.rail_id, now=NOON
    ).quote
    attempt = purchase.buy(
        sessions,
        rails,
        agent_id="agt_1",
        quote_id=quote.quote_id,
        rail_id=rail.rail_id,
        idempotency_key=rail.rail_id,
        now=NOON,
    ).view.attempt
    assert attempt is not None
    six = Amount(6_000_000, USDC)
    rail._outcomes[str(attempt.reference)] = lambda _: NeedsReview(
        "overpaid", Amount(5_000_000, USDC), six, final=six, late=late
    )
    purchase.settle(sessions, rails, payment_attempt_id=attempt.payment_attempt_id, now=NOON)


def test_a_promise_holds_for_what_was_opened_under_it(
    sessions: Sessions, rails: Rails, publish: Publish
) -> None:
    publish(overpaid="credit")
    reviewed(sessions, rails, "overpaid", 6_000_000)
    publish()
    with sessions() as session:
        today = promises.of_today(session)
        [line] = listed(session, Wanted(), now=LATER)

    assert line.attempt is not None
    assert (today["overpaid"], promises.of(line.attempt)["overpaid"]) == ("review", "credit")
    assert decided(sessions) == [(600, 0)]


def test_less_than_a_cent_stays_for_a_person(sessions: Sessions, rails: Rails, publish: Publish) -> None:
    publish(underpaid="credit")
    reviewed(sessions, rails, "underpaid", 9_999)

    assert decided(sessions) == []
    with sessions() as session:
        assert len(listed(session, Wanted(), now=LATER)) == 1


def test_what_a_person_put_off_the_policy_leaves_alone_until_then(
    sessions: Sessions, rails: Rails, publish: Publish
) -> None:
    publish(overpaid="credit")
    reviewed(sessions, rails, "overpaid", 6_000_000)
    until = LATER + timedelta(days=1)
    with sessions() as session:
        [line] = listed(session, Wanted(), now=LATER)
        resolutions.wait(session, Decision(line.exception_id, "ann", "asked"), until=until, now=LATER)

    assert (decided(sessions), decided(sessions, now=until)) == ([], [(600, 0)])


def test_a_retired_address_is_still_read_long_after_the_payer_was_promised(
    sessions: Sessions, bought: PurchaseView
) -> None:
    assert bought.attempt is not None
    promised = bought.attempt.expires_at + timedelta(days=30)

    with sessions() as session:
        then = schedule.watched(session, now=promised + timedelta(days=300))

    assert then == {bought.attempt.deposit_address}


def test_a_rest_of_less_than_a_cent_is_not_tried_for_ever(
    sessions: Sessions, rails: Rails, publish: Publish
) -> None:
    publish(underpaid="credit", topped_up="credit")
    reviewed(sessions, rails, "underpaid", 4_995_000)
    credited = decided(sessions)
    reviewed(sessions, rails, "topped_up", 5_000_000)

    with sessions() as session:
        due = policies.due(session, now=LATER)
        still = [line.item.kind for line in listed(session, Wanted(), now=LATER)]

    assert (credited, due, still) == ([(499, 5_000)], [], ["topped_up"])
