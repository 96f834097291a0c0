"""What a page's data looks like on a terminal: facts as lines, lists as tables; everything with --json."""

import json
from typing import Any, Final

import typer
from rich import box
from rich.console import Console
from rich.table import Table

out = Console(highlight=False, markup=False, soft_wrap=True)
_MOST_COLUMNS: Final = 9
_LONGEST: Final = 60


def show(found: Any, *, as_json: bool) -> None:
    """Print what a page or an action answered."""
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    if not isinstance(found, dict):
        out.print(_words(found))
        return
    if found.get("said"):
        out.print(found["said"])
        found = {name: value for name, value in found.items() if name not in ("said", "location")}
    _show_facts(found)
    for name, value in found.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            out.print(_table(name, value))


def _show_facts(found: dict[str, Any], prefix: str = "") -> None:
    for name, value in found.items():
        match value:
            case {"units": _, "asset": _}:
                out.print(f"{prefix}{name}: {_words(value)}")
            case dict():
                _show_facts(value, f"{prefix}{name}.")
            case list() if value and isinstance(value[0], dict):
                continue
            case None | [] | "":
                continue
            case _:
                out.print(f"{prefix}{name}: {_words(value)}")


def _table(name: str, rows: list[dict[str, Any]]) -> Table:
    flat = [_flat(row) for row in rows]
    columns = [column for column in flat[0] if any(row.get(column) not in (None, "") for row in flat)]
    made = Table(title=name.replace("_", " "), box=box.SIMPLE, title_justify="left")
    for column in columns[:_MOST_COLUMNS]:
        made.add_column(column.replace("_", " "), overflow="fold")
    for row in flat:
        made.add_row(*(_words(row.get(column)) for column in columns[:_MOST_COLUMNS]))
    return made


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for name, value in row.items():
        match value:
            case {"units": _, "asset": _}:
                told[name] = value
            case dict():
                told.update({key: each for key, each in _flat(value).items() if key not in told})
            case list():
                continue
            case _:
                told[name] = value
    return told


def _words(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case {"units": units, "asset": str(asset)}:
            return _amount(int(units), asset)
        case list():
            return ", ".join(map(_words, value))
        case _:
            told = str(value)
            return told if len(told) <= _LONGEST else f"{told[:_LONGEST]}…"


def _amount(units: int, asset: str) -> str:
    from ledger.money import ASSETS, Amount

    known = ASSETS.get(asset)
    return f"{units} {asset}" if known is None else str(Amount(units, known))
