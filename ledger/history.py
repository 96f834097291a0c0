"""What an account held at any moment of the past, by the time of booking."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlmodel import Session, text

from ledger import chart
from ledger.errors import Malformed, UnknownAccount
from ledger.money import Amount

_BALANCE_AT: Final = text("SELECT posted, held, version FROM balance_at(:account, :at)")
_COURSE: Final = text(
    """
    SELECT moment.at, told.posted, told.held, told.version
    FROM unnest(CAST(:moments AS timestamptz[])) WITH ORDINALITY AS moment (at, place)
    CROSS JOIN LATERAL balance_at(:account, moment.at) AS told
    ORDER BY moment.place
    """
)
MOST_POINTS: Final = 500


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


def course(
    session: Session, *, account: str, begins_at: datetime, ends_at: datetime, points: int
) -> Sequence[Held]:
    """What `account` held at so many moments, as far apart from each other, the two ends among them.

    What is read does not grow with the number of entries between. Empty if the account was never opened.

    raises: UnknownAccount for a name that is not in the chart; Malformed
    """
    asset = chart.asset(account)
    require_zone(begins_at, ends_at)
    if ends_at <= begins_at or not 2 <= points <= MOST_POINTS:
        raise Malformed(f"a course goes forward, in 2 to {MOST_POINTS} points")
    step = (ends_at - begins_at) / (points - 1)
    moments = [*(begins_at + number * step for number in range(points - 1)), ends_at]
    rows = session.connection().execute(_COURSE, {"account": account, "moments": moments})
    return [
        Held(account, row.at, row.version, Amount(row.posted, asset), Amount(row.held, asset)) for row in rows
    ]


def require_zone(*moments: datetime) -> None:
    """Refuse a moment that could be any of 24, or that no book of ours can have seen.

    raises: Malformed
    """
    for moment in moments:
        if moment.tzinfo is None:
            raise Malformed("a time needs its zone")
        if not 1970 < moment.year < 9999:
            raise Malformed("a time is between the years 1971 and 9998")
