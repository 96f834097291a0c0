"""What a page's data looks like on a terminal: facts as lines, lists as tables, all of it whole."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from app import tables

out = Console(highlight=False, markup=False, soft_wrap=True)
# What a page needs for its form, its menus and its drawings, and what was asked for.
_OF_THE_FORM: Final = frozenset(
    (
        *("about", "all_days", "alone", "at", "by", "drawn", "ended", "filters", "first", "frozen"),
        *("going_on", "key", "kinds", "lengths", "links", "location", "most", "most_at_once", "outcomes"),
        *("period", "periods", "places", "q", "roles", "states", "subject", "understood", "wanted"),
    )
)
_OF_THE_PAGE: Final = frozenset(("dailies", "none", "page", "path"))
_NEXT: Final = frozenset(("cursor", "more", "next"))
_FOR_COMMANDS: Final = {"case.seen": "--seen", "case.owned.turn": "--turn"}


def show(found: Any, *, as_json: bool, after: str = "--after") -> None:
    """Print what a page or an action answered. `after`: the option that goes on with a list."""
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    if not isinstance(found, dict):
        out.print(_words("", found))
        return
    if found.get("said"):
        out.print(found["said"])
    told = _of_people(found)
    _show(told)
    if cursor := next(_cursors(found), None):
        out.print(f"more: {after} {cursor}")
    elif not found.get("said") and all(_is_empty(value) for _, value in _facts(told)):
        out.print("nothing to show")


def _of_people(found: Mapping[str, Any]) -> dict[str, Any]:
    """What an answer tells people: without what belongs to forms, and nothing twice."""
    told = {
        name: value
        for name, value in found.items()
        if name not in _OF_THE_FORM and name != "said" and not _is_choice(value)
    }
    within = [each for each in told.values() if isinstance(each, dict)]
    twice = {name for name, value in told.items() if any(each.get(name) == value for each in within)}
    return _without_links({name: value for name, value in told.items() if name not in twice})


def _is_choice(value: Any) -> bool:
    """Whether it is what a form lets one choose from: values beside what they are called."""
    return isinstance(value, list) and bool(value) and all(map(_is_pair_of_words, value))


def _is_pair_of_words(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(each, str) for each in value)


def _plain(value: Any) -> Any:
    """The value with pairs as what they mean, and without links and cursors."""
    match value:
        case {"units": _, "asset": _}:
            return value
        case dict():
            return _without_links(value)
        case [[str(), {"units": _, "asset": _}], *_]:
            return [{"account": name, "amount": each} for name, each in value]
        case [[str(), dict()], *_]:
            return [{"": name, **_plain(each)} for name, each in value]
        case [[str(), _], *_]:
            return _plain(dict(value))
        case list():
            return [_plain(each) for each in value]
        case _:
            return value


def _without_links(found: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _plain(each)
        for name, each in found.items()
        if name not in _OF_THE_PAGE and (name not in _NEXT or _is_nested(each))
    }


def _is_empty(value: Any) -> bool:
    return value is None or value in ("", [], {})


def _is_nested(value: Any) -> bool:
    match value:
        case {"units": _, "asset": _}:
            return False
        case dict():
            return True
        case list():
            return any(map(_is_nested, value))
        case _:
            return False


def _cursors(value: Any) -> Iterator[str]:
    """What the next page of a list begins after."""
    for name, each in value.items() if isinstance(value, dict) else ():
        if name in _NEXT and isinstance(each, str | int) and not isinstance(each, bool):
            yield str(each)
        yield from _cursors(each)


def _show(told: Mapping[str, Any]) -> None:
    lists: list[tuple[str, Sequence[Any]]] = []
    for name, value in _facts(told):
        if isinstance(value, list) and _is_nested(value):
            lists.append((name, value))
        elif not _is_empty(value):
            out.print(_line(name, value))
    for name, rows in lists:
        out.print()
        _show_list(name, rows)


def _facts(told: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Every value under the names that lead to it."""
    for name, value in told.items():
        if isinstance(value, dict) and _is_nested(value):
            yield from _facts(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def _show_list(name: str, rows: Sequence[Any]) -> None:
    """A table; or one after the other if they hold tables themselves, or texts of many lines."""
    flat = [dict(_facts(row)) for row in rows if isinstance(row, dict)]
    if any(_is_long(value) for row in flat for value in row.values()):
        for number, row in enumerate(rows, 1):
            out.print(f"{name} {number} of {len(rows)}")
            _show(row)
        return
    told = {column for row in flat for column, value in row.items() if not _is_empty(value)}
    columns = [column for column in dict.fromkeys(column for row in flat for column in row) if column in told]
    made = Table(title=name.replace("_", " "), box=box.SIMPLE, title_justify="left")
    for column in columns:
        made.add_column(_heading(name, column))
    for row in flat:
        made.add_row(*(_words(column, row.get(column)) for column in columns))
    tables.show(out, made)


def _is_long(value: Any) -> bool:
    return "\n" in value if isinstance(value, str) else _is_nested(value)


def _heading(name: str, column: str) -> str:
    # `by_rail` is told rail by rail.
    return _named(column).replace("_", " ") if column else name.rpartition("by_")[2].replace("_", " ")


def _line(name: str, value: Any) -> str:
    words = _words(name, value)
    if name in _FOR_COMMANDS:
        return f"{name}: {words} (for {_FOR_COMMANDS[name]})"
    return f"{_named(name)}:\n{words}" if "\n" in words else f"{_named(name)}: {words}"


def _named(name: str) -> str:
    """The name with the unit that its value is told in."""
    before, dot, last = name.rpartition(".")
    words = ("dollars" if word == "cents" else word for word in last.removesuffix("_seconds").split("_"))
    return f"{before}{dot}{'_'.join(words)}"


def _words(name: str, value: Any) -> str:
    """A value as the pages write it: sums with their unit, lengths of time in words."""
    from app.console import wording

    last = name.rpartition(".")[2].split("_")
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case {"units": units, "asset": str(asset)}:
            return _amount(int(units), asset)
        case int() if last[-1] == "cents":
            return wording.cents(value)
        case int() | str() if last[:2] == ["usdc", "units"]:
            return _amount(int(value), "USDC")
        case int() | float() if last[-1] in ("age", "seconds"):
            return wording.age(value)
        case list():
            return ", ".join(_words(name, each) for each in value)
        case _:
            return str(value)


def _amount(units: int, asset: str) -> str:
    from app.console import wording
    from ledger.money import ASSETS, Amount

    known = ASSETS.get(asset)
    return f"{units} {asset}" if known is None else wording.amount(Amount(units, known))
