"""docs/accounting.md is true: every block of it is carried out, and every balance it tells is compared."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
from sqlmodel import Session, text

from ledger import book, chart, credits, reports
from ledger.book import Leg, Posting
from ledger.database import Sessions
from ledger.money import USD, Amount
from ledger.operations import Hold, Operation
from rails.reconciliation import booking
from tests.ledger import story
from tests.ledger.story import AGENT, CHECKOUT, NOON

PAGE: Final = (Path(__file__).parents[2] / "docs" / "accounting.md").read_text()
BLOCKS: Final = re.findall(r"^```ledger\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
HOUSE: Final = {
    **{name: name for name in chart.CLASSES if name not in ("agent", "clearing", "processor")},
    "clearing": CHECKOUT,
    "processor": chart.processor("stripe"),
    "suspense": chart.SUSPENSE,
}
HOUR: Final = timedelta(hours=1)


@dataclass
class Reader:
    """Carries out the lines of one block against a book that was empty."""

    sessions: Sessions
    now: datetime = NOON
    holds: dict[str, Hold] = field(default_factory=dict)
    charges: dict[str, booking.Charged] = field(default_factory=dict)

    def does(self, line: str) -> None:
        """Carry out one line that begins with >, without the >."""
        for pattern, done in VERBS.items():
            found = re.fullmatch(pattern, line)
            if found:
                done(self, found)
                return
        raise AssertionError(f"nobody knows how to do: {line}")

    def apply(self, wanted: Operation, found: re.Match[str]) -> None:
        refusal = found.groupdict().get("refusal")
        [outcome] = credits.perform(self.sessions, [wanted], now=self.now)
        assert outcome.code == (refusal or "done")

    def balances(self) -> dict[str, int]:
        """What every account of the page holds, `held` included."""
        with self.sessions() as session:
            credits.settle_due(session, now=self.now)
        with self.sessions() as session:
            held = {name: book.balance(session, account=account).units for name, account in HOUSE.items()}
            return {**held, **_agent(session)}

    def grant(self, found: re.Match[str]) -> None:
        expires_at = self.now + int(found["hours"]) * HOUR if found["hours"] else None
        units = int(found["credits"])
        if found["cents"] is None:
            self.apply(story.promotional(found["key"], units, expires_at=expires_at), found)
        else:
            paid = story.paid(found["key"], units, cents=int(found["cents"]), expires_at=expires_at)
            self.apply(paid, found)

    def hold(self, found: re.Match[str]) -> None:
        ends = self.now + int(found["hours"]) * HOUR
        self.holds[found["key"]] = story.hold(found["key"], int(found["credits"]), expires_at=ends)
        self.apply(self.holds[found["key"]], found)

    def capture(self, found: re.Match[str]) -> None:
        self.apply(story.capture(found["key"], self.holds[found["of"]], _part(found)), found)

    def release(self, found: re.Match[str]) -> None:
        self.apply(story.release(found["key"], self.holds[found["of"]]), found)

    def write_off(self, found: re.Match[str]) -> None:
        self.unclaimed(found["key"], "unclaimed", int(found["cents"]))

    def claim(self, found: re.Match[str]) -> None:
        self.unclaimed(found["key"], "claimed", -int(found["cents"]))

    def unclaimed(self, key: str, kind: str, cents: int) -> None:
        """Post as rails/resolutions.py does."""
        legs = (Leg(CHECKOUT, Amount(-cents, USD)), Leg(chart.UNCLAIMED, Amount(cents, USD)))
        told = Posting(f"exception:{key}:{kind}", kind, legs, effective_at=self.now, actor="operator:ann")
        with self.sessions() as session:
            book.post(session, told)

    def start(self, found: re.Match[str]) -> None:
        self.apply(story.start(found["key"], self.holds[found["of"]]), found)

    def debit(self, found: re.Match[str]) -> None:
        self.apply(story.debit(found["key"], int(found["credits"])), found)

    def unwind(self, found: re.Match[str]) -> None:
        self.apply(story.unwind(found["key"], found["of"], _part(found)), found)

    def deduct(self, found: re.Match[str]) -> None:
        self.apply(story.deduct(found["key"], int(found["credits"])), found)

    def correct(self, found: re.Match[str]) -> None:
        cents = Amount(int(found["cents"]), USD)
        legs = (Leg(HOUSE[found["source"]], -cents), Leg(HOUSE[found["target"]], cents))
        told = Posting(f"proposal:{found['key']}", "correction", legs, self.now, actor="test")
        with self.sessions() as session:
            book.post(session, told)

    def refund(self, found: re.Match[str]) -> None:
        self.apply(story.refund(found["key"], found["of"], int(found["cents"])), found)

    def reinstate(self, found: re.Match[str]) -> None:
        self.apply(story.reinstate(found["key"], found["of"]), found)

    def settle(self, found: re.Match[str]) -> None:
        gross, tax = int(found["cents"]), int(found["tax"] or 0)
        self.charges[found["key"]] = booking.Charged(gross, tax)
        self.move(found, gross, {CHECKOUT: gross - tax, chart.SALES_TAX: tax})

    def give_back(self, found: re.Match[str]) -> None:
        charged, cents = self.charges[found["of"]], int(found["cents"])
        amount = cents if found["verb"] == "return" else -cents
        tax = booking.tax_part(charged, amount=amount)
        self.charges[found["of"]] = replace(
            charged, back=charged.back + amount, tax_back=charged.tax_back + tax
        )
        self.move(found, amount, {CHECKOUT: amount - tax, chart.SALES_TAX: tax})

    def fee(self, found: re.Match[str]) -> None:
        cents = -int(found["cents"])
        self.move(found, cents, {chart.FEES: cents})

    def pay_out(self, found: re.Match[str]) -> None:
        cents = -int(found["cents"])
        self.move(found, cents, {chart.BANK: cents})

    def unknown(self, found: re.Match[str]) -> None:
        cents = int(found["cents"])
        self.move(found, cents, {chart.SUSPENSE: cents})

    def move(self, found: re.Match[str], cents: int, counter: Mapping[str, int]) -> None:
        fee = int(found.groupdict().get("fee") or 0)
        with self.sessions() as session:
            book.post(
                session,
                book.Posting(
                    reference=f"stripe:{found['key']}",
                    kind="settlement",
                    legs=booking.legs(amount=cents, fee=fee, counter=counter),
                    effective_at=self.now,
                    actor="test",
                ),
            )

    def wait(self, found: re.Match[str]) -> None:
        self.now += int(found["hours"]) * HOUR


_KEY = r"(?P<key>\w+): "
_OF = r"(?P<of>\w+)"
_CREDITS = r"(?P<credits>\d+) credits"
_CENTS = r"(?P<cents>\d+) cents"
_FEE = r"(?:, fee (?P<fee>\d+))?"
_PART = rf"(?:, {_CREDITS})?"
_REFUSED = r"(?: is refused: (?P<refusal>\w+))?"
VERBS: Final[Mapping[str, Callable[[Reader, re.Match[str]], None]]] = {
    rf"grant {_KEY}{_CREDITS} (?:for (?P<cents>\d+) cents|promotional)"
    r"(?:, expiring after (?P<hours>\d+) hours)?": Reader.grant,
    rf"hold {_KEY}{_CREDITS} for (?P<hours>\d+) hours?{_REFUSED}": Reader.hold,
    rf"capture {_KEY}{_OF}{_PART}{_REFUSED}": Reader.capture,
    rf"release {_KEY}{_OF}{_REFUSED}": Reader.release,
    rf"write off {_KEY}(?P<cents>\d+) cents": Reader.write_off,
    rf"claim {_KEY}(?P<cents>\d+) cents": Reader.claim,
    rf"start {_KEY}{_OF}{_REFUSED}": Reader.start,
    rf"debit {_KEY}{_CREDITS}{_REFUSED}": Reader.debit,
    rf"unwind {_KEY}{_OF}{_PART}{_REFUSED}": Reader.unwind,
    rf"deduct {_KEY}{_CREDITS}{_REFUSED}": Reader.deduct,
    rf"correct {_KEY}{_CENTS} from (?P<source>\w+) to (?P<target>\w+)": Reader.correct,
    rf"refund {_KEY}{_OF}, (?P<cents>\d+) cents{_REFUSED}": Reader.refund,
    rf"reinstate {_KEY}{_OF}{_REFUSED}": Reader.reinstate,
    rf"settle {_KEY}{_CENTS}(?:, tax (?P<tax>\d+))?{_FEE}": Reader.settle,
    rf"(?P<verb>give back|return) {_KEY}{_CENTS} of {_OF}{_FEE}": Reader.give_back,
    rf"fee {_KEY}{_CENTS}": Reader.fee,
    rf"pay out {_KEY}(?P<cents>-?\d+) cents": Reader.pay_out,
    rf"move {_KEY}{_CENTS}, unknown": Reader.unknown,
    r"wait (?P<hours>\d+) hours?": Reader.wait,
}


def _part(found: re.Match[str]) -> int | None:
    return None if found["credits"] is None else int(found["credits"])


def _agent(session: Session) -> dict[str, int]:
    # Straight from the row: the clock was struck before.
    told = text("SELECT posted, held FROM balance JOIN account ON account.id = account_id WHERE name = :name")
    found = session.connection().execute(told, {"name": chart.agent(AGENT)}).one_or_none()
    return {"agent": found.posted, "held": found.held} if found else {"agent": 0, "held": 0}


def steps(block: str) -> list[tuple[str, dict[str, int]]]:
    """What is done, each with the balances that the page tells after it."""
    found: list[tuple[str, dict[str, int]]] = []
    for line in block.splitlines():
        if line.startswith("> "):
            found.append((line[2:], {}))
        else:
            name, units = line.split(" ")
            found[-1][1][name] = int(units)
    return found


@pytest.mark.parametrize("block", BLOCKS, ids=[str(place + 1) for place in range(len(BLOCKS))])
def test_every_number_on_the_page_is_what_the_book_says(sessions: Sessions, block: str) -> None:
    reader = Reader(sessions)
    expected = reader.balances()

    for line, told in steps(block):
        before = dict(expected)
        reader.does(line)
        expected |= told
        found = reader.balances()
        assert found == expected, line
        assert all(before[name] != units for name, units in told.items()), f"told, and not moved: {line}"

    with sessions() as session:
        assert reports.trial_balance(session, at=datetime(2100, 1, 1, tzinfo=NOON.tzinfo)).balances


def test_the_page_tells_every_account_and_every_kind_of_operation() -> None:
    lines = [line for block in BLOCKS for line, _ in steps(block)]
    accounts = {name for block in BLOCKS for _, told in steps(block) for name in told}

    assert all(any(re.fullmatch(pattern, line) for line in lines) for pattern in VERBS)
    assert accounts == {*HOUSE, "agent", "held"}
    assert len(BLOCKS) >= 20
