"""What a page shows, as JSON: the same names, amounts with their unit, times in UTC."""

import dataclasses
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlmodel import SQLModel

from app.times import iso
from ledger.money import Amount


def plain(value: Any) -> Any:
    """The value in what JSON knows. Amounts are {"units", "asset"}; whole numbers over 2^53 are strings."""
    match value:
        case None | bool() | str() | float():
            return value
        case int():
            return value if abs(value) < 2**53 else str(value)
        case Decimal():
            return str(value)
        case Amount():
            return {"units": value.units, "asset": value.asset.code}
        case datetime():
            return iso(value.astimezone(UTC))
        case date():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case bytes():
            return value.hex()
        case SQLModel():
            return {name: plain(each) for name, each in value.model_dump().items()}
        case Mapping():
            return {str(name): plain(each) for name, each in value.items()}
        case Iterable():
            return [plain(each) for each in value]
        case _ if dataclasses.is_dataclass(value):
            return _fields(value)
        case _:
            return str(value)


def _fields(value: Any) -> dict[str, Any]:
    """A dataclass with its properties: what a page can show, a machine can read."""
    told = {each.name: plain(getattr(value, each.name)) for each in dataclasses.fields(value)}
    for base in reversed(type(value).__mro__):
        for name, found in vars(base).items():
            if isinstance(found, property) and not name.startswith("_"):
                told[name] = plain(getattr(value, name))
    return told
