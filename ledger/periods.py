"""Months: what happened in one, and the closes that lock the book against what would come into it later.

A month is told by when things happened (`effective_at`), not by when they were booked. After its close
nothing can be booked with a time inside it: what comes late is booked under the first open moment, with its
true time in its metadata as `happened_at`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Final

from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, col, select, text

from ledger import reports
from ledger.errors import Malformed, NotClosable
from ledger.models import PeriodClose, PeriodDraft
from ledger.money import ASSETS, Amount
from ledger.reports import Movement

_UNSOUND: Final = frozenset({"PR011", "23503", "23505", "23514"})


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A calendar month of UTC."""

    first: date

    def __str__(self) -> str:
        return f"{self.first:%Y-%m}"

    @property
    def begins_at(self) -> datetime:
        """Its first moment."""
        return datetime.combine(self.first, time(), UTC)

    @property
    def ends_at(self) -> datetime:
        """The first moment after it."""
        return self.next.begins_at

    @property
    def next(self) -> "Month":
        """The one after it."""
        year, month = divmod(self.first.year * 12 + self.first.month, 12)
        return Month(date(year, month + 1, 1))

    @property
    def previous(self) -> "Month":
        """The one before it."""
        year, month = divmod(self.first.year * 12 + self.first.month - 2, 12)
        return Month(date(year, month + 1, 1))


def month_of(moment: datetime) -> Month:
    """The month in which `moment` lies."""
    return Month(moment.astimezone(UTC).date().replace(day=1))


def parse(written: str) -> Month:
    """The month that was written as 2026-10.

    raises: Malformed
    """
    try:
        found = Month(date.fromisoformat(f"{written}-01"))
    except ValueError:
        raise Malformed(f"{written!r} is no month; write 2026-10") from None
    if not 1971 < found.first.year < 9998 or str(found) != written:
        raise Malformed(f"{written!r} is no month of this book; write 2026-10")
    return found


@dataclass(frozen=True, slots=True)
class AccountLine:
    """What an account held when a month began, and what came to it in the month."""

    account: str
    opening: Amount
    change: Amount

    @property
    def closing(self) -> Amount:
        """What it held when the month was over."""
        return self.opening + self.change


@dataclass(frozen=True, slots=True)
class MonthBook:
    """All that the book says of one month.

    `leaves` is the hash of the hashes of its sealed transactions in their order; `seal` and `head` name the
    last seal over them. `unsealed` transactions are missing in it.
    """

    month: Month
    accounts: tuple[AccountLine, ...]
    movements: tuple[Movement, ...]
    transactions: int
    unsealed: int
    leaves: str
    seal: int
    head: str

    def of(self, account: str, *, asset: str = "USD") -> AccountLine:
        """One line, of zeros if nobody had used the account by then."""
        nothing = Amount(0, ASSETS[asset])
        return next(
            (line for line in self.accounts if line.account == account),
            AccountLine(account, nothing, nothing),
        )

    def contradictions(self) -> Iterator[str]:
        """What does not add up: nothing, or the book is broken."""
        for code in sorted({line.closing.asset.code for line in self.accounts}):
            left = sum(line.closing.units for line in self.accounts if line.closing.asset.code == code)
            if left:
                yield f"the accounts in {code} sum to {left}, not to zero"
        credits = sum(each.flow.credits.units for each in self.movements)
        if credits != self.of(reports.AGENTS, asset="CREDIT").change.units:
            yield "what was granted, spent, expired and reversed is not what agents have more"
        cents = sum(each.flow.cents.units for each in self.movements)
        if cents != self.of("prepaid_liability").change.units:
            yield "what was sold and earned is not what the prepaid liability grew by"


_ACCOUNTS: Final = text(
    """
    SELECT
        CASE WHEN account.class_name = 'agent' THEN 'agents' ELSE account.name END AS line,
        account.asset,
        coalesce(sum(entry.amount) FILTER (WHERE told.effective_at < :begins_at), 0)::bigint AS opening,
        coalesce(sum(entry.amount) FILTER (WHERE told.effective_at >= :begins_at), 0)::bigint AS change
    FROM ledger_transaction AS told
    JOIN entry ON entry.transaction_id = told.id
    JOIN account ON account.id = entry.account_id
    WHERE told.effective_at < :ends_at
    GROUP BY 1, 2
    ORDER BY account.asset, 1
    """
)
_SEALED: Final = text(
    """
    SELECT
        count(*) AS transactions,
        count(*) FILTER (WHERE leaf.seal IS NULL) AS unsealed,
        encode(sha256(coalesce(string_agg(leaf.hash, '' ORDER BY leaf.seal, leaf.place), '')), 'hex')
            AS leaves,
        coalesce(max(leaf.seal), 0) AS seal
    FROM ledger_transaction AS told
    LEFT JOIN seal_leaf AS leaf ON leaf.transaction_id = told.id
    WHERE told.effective_at >= :begins_at AND told.effective_at < :ends_at
    """
)
_HEAD: Final = text("SELECT encode(hash, 'hex') FROM seal WHERE number = :number")


def read(session: Session, month: Month) -> MonthBook:
    """What the book says of `month`. It reads the whole book, and must see one state of it: `one_state`."""
    connection = session.connection()
    ends = {"begins_at": month.begins_at, "ends_at": month.ends_at}
    sealed = connection.execute(_SEALED, ends).one()
    return MonthBook(
        month=month,
        accounts=tuple(
            AccountLine(line, Amount(opening, ASSETS[code]), Amount(change, ASSETS[code]))
            for line, code, opening, change in connection.execute(_ACCOUNTS, ends)
        ),
        movements=reports.happened(session, begins_at=month.begins_at, ends_at=month.ends_at),
        transactions=sealed.transactions,
        unsealed=sealed.unsealed,
        leaves=sealed.leaves,
        seal=sealed.seal,
        head=connection.execute(_HEAD, {"number": sealed.seal}).scalar() or "",
    )


def one_state(session: Session) -> str:
    """Have everything that is read from now on come from one state of the database; that state.

    The session must not have been used before in its transaction.
    """
    connection = session.connection()
    connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
    return str(connection.execute(text("SELECT CAST(pg_current_snapshot() AS text)")).scalar_one())


def last_closed(session: Session) -> Month | None:
    """The month that was closed last."""
    newest = session.exec(select(PeriodClose).order_by(col(PeriodClose.month).desc()).limit(1)).one_or_none()
    return None if newest is None else Month(newest.month)


_FIRST: Final = text("SELECT effective_at FROM ledger_transaction ORDER BY id LIMIT 1")


def next_to_close(session: Session, *, now: datetime) -> Month:
    """The month whose turn it is; of a book without a close, that of its first transaction."""
    last = last_closed(session)
    if last is not None:
        return last.next
    began_at = session.connection().execute(_FIRST).scalar()
    return month_of(min(began_at, now)) if began_at is not None else month_of(now)


def close(session: Session, draft: PeriodDraft, *, by: str, now: datetime) -> PeriodClose:
    """Close the month of `draft` for ever. After a refusal the caller's transaction can only be rolled back.

    raises: NotClosable: not over, not its turn, prepared by the same person, or the book has changed in it
        since it was prepared.
    """
    assert draft.draft_id is not None
    if by.strip().lower() == draft.prepared_by.strip().lower():
        raise NotClosable("whoever prepared a close cannot confirm it: another person has to")
    last = last_closed(session)
    if last is not None and last.next != Month(draft.month):
        raise NotClosable(f"{last} was closed last: it is the turn of {last.next}")
    done = PeriodClose(
        month=draft.month,
        previous=last.first if last is not None else None,
        draft_id=draft.draft_id,
        prepared_by=draft.prepared_by,
        control_hash=draft.control_hash,
        closed_by=by,
        closed_at=now,
    )
    session.add(done)
    try:
        session.flush()
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", "") not in _UNSOUND:
            raise
        raise NotClosable(str(error.orig).partition("\n")[0]) from error
    return done
