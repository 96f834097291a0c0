"""Reading what a person typed: exact amounts, moments and ids, or a sentence about what is wrong."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from ledger.money import USD, Amount
from ledger.operations import LARGEST
from office.proposals.errors import BadProposal

_DOLLARS: Final = re.compile(r"(\d{1,9})(?:\.(\d{2}))?")
_NUMBER: Final = re.compile(r"[1-9]\d{0,17}")
_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,200}")


def text(fields: Mapping[str, str], name: str) -> str:
    """A field that has to say something.

    raises: BadProposal
    """
    found = fields.get(name, "").strip()
    if not found:
        raise BadProposal(f"{name.replace('_', ' ')}: say something")
    return found


def name(fields: Mapping[str, str], field: str) -> str:
    """An id of ours.

    raises: BadProposal
    """
    found = text(fields, field)
    if not _ID.fullmatch(found):
        raise BadProposal(f"{field.replace('_', ' ')}: that is no id")
    return found


def number(fields: Mapping[str, str], name: str, *, most: int = 10**18) -> int:
    """A whole number from 1 on.

    raises: BadProposal
    """
    found = text(fields, name)
    if not _NUMBER.fullmatch(found) or int(found) > most:
        raise BadProposal(f"{name.replace('_', ' ')}: a whole number from 1 to {most}")
    return int(found)


def dollars(fields: Mapping[str, str], name: str) -> Amount:
    """An amount as in 12.50, which is more than nothing.

    raises: BadProposal
    """
    found = _DOLLARS.fullmatch(text(fields, name))
    cents = int(found[1]) * 100 + int(found[2] or 0) if found else 0
    if not 0 < cents <= LARGEST:
        raise BadProposal(f"{name.replace('_', ' ')}: dollars with two decimals, such as 12.50")
    return Amount(cents, USD)


def end_of_day(fields: Mapping[str, str], name: str) -> datetime:
    """The end of a day in UTC.

    raises: BadProposal
    """
    try:
        found = date.fromisoformat(fields.get(name, "").strip())
        return datetime.combine(found, time(), UTC) + timedelta(days=1)
    except (ValueError, OverflowError):
        raise BadProposal(f"{name.replace('_', ' ')}: a day, such as 2027-01-31") from None
