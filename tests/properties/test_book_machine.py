"""Random postings against the book and against a small oracle of the same rules, refusals included."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from ledger import audit, book
from ledger.book import Leg, Posting
from ledger.database import Sessions
from ledger.errors import BookError
from ledger.money import CREDIT, USD, Amount, Asset

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
KEPT_IN: dict[str, Asset] = {
    "agent:a": CREDIT,
    "agent:b": CREDIT,
    "agent_held:a": CREDIT,
    "issued": CREDIT,
    "spent": CREDIT,
    "clearing:rail": USD,
    "revenue": USD,
}
UNKNOWN = "stranger:a"
Move = tuple[str, int, Asset]


@dataclass
class Oracle:
    """The rules of the book, on a dictionary."""

    balances: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KEPT_IN, 0))
    told: dict[str, tuple[str, tuple[Move, ...]]] = field(default_factory=dict)

    def post(self, reference: str, kind: str, moves: tuple[Move, ...]) -> str:
        if len(moves) < 2 or any(units == 0 for _, units, _ in moves):
            return "malformed_posting"
        if any(account == UNKNOWN for account, _, _ in moves):
            return "unknown_account"
        if reference in self.told:
            return "exists" if self.told[reference] == (kind, moves) else "reference_conflict"
        if any(KEPT_IN[account] != asset for account, _, asset in moves):
            return "wrong_asset"
        after = dict(self.balances)
        for account, units, _ in moves:
            after[account] += units
        if any(units < 0 for account, units in after.items() if account.startswith("agent")):
            return "not_enough"
        if any(sum(units for _, units, asset in moves if asset == one) for one in (CREDIT, USD)):
            return "unbalanced"
        self.balances = after
        self.told[reference] = (kind, moves)
        return "created"


assets = st.sampled_from([CREDIT] * 9 + [USD])
units = st.integers(min_value=-40, max_value=40)
credit_accounts = st.sampled_from(["agent:a", "agent:b", "agent_held:a", "issued", "spent"])
dollar_accounts = st.sampled_from(["clearing:rail", "revenue"])
references = st.sampled_from([f"event:{number}" for number in range(12)])
kinds = st.sampled_from(["grant", "move"])


@st.composite
def balanced(draw: st.DrawFn) -> tuple[Move, ...]:
    """Legs that sum to zero, mostly without a leg of zero, sometimes many on one account."""
    accounts, asset = draw(st.sampled_from([(credit_accounts, CREDIT)] * 3 + [(dollar_accounts, USD)]))
    moves = [(draw(accounts), draw(units), asset) for _ in range(draw(st.integers(1, 4)))]
    moves.append((draw(accounts), -sum(amount for _, amount, _ in moves), asset))
    return tuple(draw(st.permutations(moves)))


@st.composite
def anything(draw: st.DrawFn) -> tuple[Move, ...]:
    """Legs that nobody should send."""
    accounts = st.sampled_from([*KEPT_IN, UNKNOWN])
    return tuple((draw(accounts), draw(units), draw(assets)) for _ in range(draw(st.integers(0, 3))))


def machine(sessions: Sessions) -> type[RuleBasedStateMachine]:
    """A machine that writes into a book of its own in each run, by giving every run its own accounts."""
    runs = count()

    class BookMachine(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.oracle = Oracle()
            self.run = next(runs)
            with sessions() as session:
                self.before = {name: book.balance(session, account=self.own(name)).units for name in KEPT_IN}

        def own(self, account: str) -> str:
            return f"{account}{self.run}" if ":" in account and account != UNKNOWN else account

        @rule(
            amount=st.integers(1, 60), account=st.sampled_from(["agent:a", "agent:b"]), reference=references
        )
        def grant(self, amount: int, account: str, reference: str) -> None:
            self.agree(reference, "grant", (("issued", -amount, CREDIT), (account, amount, CREDIT)))

        @rule(moves=balanced(), kind=kinds, reference=references)
        def move(self, moves: tuple[Move, ...], kind: str, reference: str) -> None:
            self.agree(reference, kind, moves)

        @rule(moves=anything(), reference=references)
        def confuse(self, moves: tuple[Move, ...], reference: str) -> None:
            self.agree(reference, "grant", moves)

        @rule(reference=references)
        def replay(self, reference: str) -> None:
            if reference in self.oracle.told:
                self.agree(reference, *self.oracle.told[reference])

        def agree(self, reference: str, kind: str, moves: tuple[Move, ...]) -> None:
            expected = self.oracle.post(reference, kind, moves)
            legs = tuple(Leg(self.own(account), Amount(amount, asset)) for account, amount, asset in moves)
            try:
                with sessions() as session:
                    wanted = Posting(f"{self.run}:{reference}", kind, legs, NOON, "oracle")
                    outcome = "created" if book.post(session, wanted).created else "exists"
            except BookError as refusal:
                outcome = refusal.code
            assert outcome == expected

        @invariant()
        def balances_agree(self) -> None:
            with sessions() as session:
                found = {name: book.balance(session, account=self.own(name)).units for name in KEPT_IN}
            assert found == {name: self.before[name] + held for name, held in self.oracle.balances.items()}

    return BookMachine


def test_the_book_does_what_the_oracle_says(sessions: Sessions) -> None:
    run_state_machine_as_test(
        machine(sessions),
        settings=settings(
            max_examples=25,
            stateful_step_count=25,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )

    with sessions() as session:
        report = audit.verify(session)
    assert report.clean, list(report.lines())
    assert report.transactions > 20
