"""The templates, and how values are written in them."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from app.console import links
from app.console.plotting import plotted
from app.times import iso
from ledger.money import USD, Amount

_FOLDER: Final = Path(__file__).parent / "templates"
_LENGTHS: Final = (("d", 86_400), ("h", 3_600), ("min", 60))


def environment() -> Environment:
    """The templates of the console: everything is escaped, and a name that does not exist is an error."""
    made = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(amount=amount, cents=cents, moment=moment, iso=iso, age=age, words=words, short=short)
    made.filters.update(plotted=plotted)
    made.globals.update(with_query=with_query, link=links.to)
    return made


def amount(given: Amount) -> str:
    """1,234.50 USD: every decimal written out, thousands apart."""
    sign, whole = ("-", given.decimal()[1:]) if given.units < 0 else ("", given.decimal())
    before, dot, after = whole.partition(".")
    return f"{sign}{int(before):,}{dot}{after} {given.asset.code}"


def cents(given: int) -> str:
    """Whole cents as dollars."""
    return amount(Amount(given, USD))


def moment(given: datetime | None) -> str:
    """2026-11-20 12:00:00 UTC."""
    return "" if given is None else f"{given.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def age(given: timedelta | float) -> str:
    """How long, in the two largest units that say something."""
    seconds = int(given.total_seconds() if isinstance(given, timedelta) else given)
    parts: list[str] = []
    left = abs(seconds)
    for name, length in _LENGTHS:
        if left >= length or parts:
            parts.append(f"{left // length} {name}")
            left %= length
        if len(parts) == 2:
            break
    told = " ".join(parts) if parts else f"{left} s"
    return f"-{told}" if seconds < 0 else told


def words(given: str) -> str:
    """`write_off` as people write it."""
    return given.replace("_", " ").replace(".", " ")


def short(given: str, most: int = 18) -> str:
    """The beginning and the end of a long id."""
    return given if len(given) <= most else f"{given[: most - 7]}…{given[-6:]}"


def with_query(path: str, query: Mapping[str, Any], **changed: Any) -> str:
    """A link to the same list with some filters changed; None takes one away."""
    merged = {name: value for name, value in {**query, **changed}.items() if value not in (None, "")}
    told = {name: value.isoformat() if isinstance(value, date) else value for name, value in merged.items()}
    return f"{path}?{urlencode(told)}" if told else path
