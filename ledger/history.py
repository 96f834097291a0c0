"""What an account held at any moment of the past, by the time of booking."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlmodel import Session, text

from ledger import chart
from ledger.errors import Malformed, UnknownAccount
from ledger.money import Amount

_BALANCE_AT: Final = text("SELECT posted, held, version FROM balance_at(:account, :at)")


@dataclass(frozen=True, slots=True)
class Held:
    """What an account held after `version` entries. Only agents set parts of it aside (`held`)."""

    account: str
    at: datetime
    version: int
    posted: Amount
    held: Amount

    @property
    def available(self) -> Amount:
        """What could be spent."""
        return self.posted - self.held


def balance_at(session: Session, *, account: str, at: datetime) -> Held:
    """What `account` held at `at`, summed over its shards; a house account that nobody used holds zero.

    A moment that has just passed can still gain an entry, until every transaction that ran then has ended.

    raises: UnknownAccount for an agent that was never given credits, or a name that is not in the chart;
        Malformed if `at` has no zone.
    """
    asset = chart.asset(account)
    require_zone(at)
    row = session.connection().execute(_BALANCE_AT, {"account": account, "at": at}).one_or_none()
    if row is None:
        if account.startswith("agent:"):
            raise UnknownAccount(account=account)
        return Held(account, at, 0, Amount(0, asset), Amount(0, asset))
    return Held(account, at, row.version, Amount(row.posted, asset), Amount(row.held, asset))


def require_zone(*moments: datetime) -> None:
    """Refuse a moment that could be any of 24, or that no book of ours can have seen.

    raises: Malformed
    """
    for moment in moments:
        if moment.tzinfo is None:
            raise Malformed("a time needs its zone")
        if not 1970 < moment.year < 9999:
            raise Malformed("a time is between the years 1971 and 9998")
