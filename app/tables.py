"""Tables for people, in which no word is ever broken: an id in two pieces is none."""

from collections.abc import Mapping, Sequence
from typing import Final

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

_PHRASE: Final = 24  # what is no longer stays on one line
_IN_A_FILE: Final = 200  # how wide a table may be where no terminal is
_ENDLESS: Final = 1_000_000


def show(out: Console, table: Table) -> None:
    """Print a table, breaking lines between words alone; row by row, a line each value, if it is too wide."""
    columns = [[str(column.header), *map(str, column.cells)] for column in table.columns]
    least = [max(map(_least, cells)) for cells in columns]
    most = [max(map(_longest_line, cells)) for cells in columns]
    title, table.title = table.title, None
    room = (out.width if out.is_terminal else max(out.width, _IN_A_FILE)) - _edges(out, table, least)
    if title:
        out.print(str(title), soft_wrap=True, style="table.title")
    if sum(least) > room:
        names, rows = [cells[0] for cells in columns], zip(*(cells[1:] for cells in columns), strict=True)
        blocks(out, [dict(zip(names, row, strict=True)) for row in rows])
        return
    widths = _shared(least, most, room)
    table.width = sum(widths) + _edges(out, table, widths)
    out.print(table, soft_wrap=True)


def blocks(out: Console, rows: Sequence[Mapping[str, str]]) -> None:
    """Print each row as lines of `name: value`, with an empty line after it; what is empty is left out."""
    for row in rows:
        for name, value in row.items():
            if value:
                out.print(f"{name}: {value}" if name else value, soft_wrap=True)
        out.print()


def _edges(out: Console, table: Table, widths: Sequence[int]) -> int:
    """What a table is wider than its columns together."""
    for column, width in zip(table.columns, widths, strict=True):
        column.width, column.no_wrap = width, False
    return out.measure(table, options=out.options.update(width=_ENDLESS)).maximum - sum(widths)


def _shared(least: Sequence[int], most: Sequence[int], room: int) -> list[int]:
    """The widths of the columns: what each needs, and of what is left the same to each that can use it."""
    left, widths = room - sum(least), list(least)
    waiting = sorted(range(len(widths)), key=lambda place: most[place] - least[place])
    for many, place in zip(range(len(waiting), 0, -1), waiting, strict=True):
        more = min(most[place] - least[place], left // many)
        widths[place] += more
        left -= more
    return widths


def _least(cell: str) -> int:
    return max((_of_line(line) for line in cell.splitlines()), default=0)


def _of_line(line: str) -> int:
    return cell_len(line) if cell_len(line) <= _PHRASE else max(map(cell_len, line.split()), default=0)


def _longest_line(cell: str) -> int:
    return max(map(cell_len, cell.splitlines()), default=0)
