"""Tables on terminals of every width: no word is ever broken."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich import box
from rich.console import Console
from rich.table import Table

from app import tables

ID = "payatt_ad6cd2b39b9f66e630fd21aa"
WHY = "the payer wrote us a letter, and we thought that it was right to do so after all"


def printed(table: Table, *, width: int, terminal: bool = True) -> str:
    file = io.StringIO()
    tables.show(Console(file=file, width=width, force_terminal=terminal, color_system=None), table)
    return file.getvalue()


def table(*rows: tuple[str, ...]) -> Table:
    made = Table(*("id", "why", "sum")[: len(rows[0])], title="what was done", box=box.SIMPLE_HEAD)
    for row in rows:
        made.add_row(*row)
    return made


@pytest.mark.parametrize("width", [20, 40, 60, 80, 200])
@pytest.mark.parametrize("terminal", [True, False])
def test_an_id_is_whole_at_every_width(width: int, terminal: bool) -> None:
    said = printed(table((ID, WHY, "1,234.50 USD")), width=width, terminal=terminal)

    assert ID in said
    assert "1,234.50 USD" in said
    assert "…" not in said


def test_a_table_fits_its_terminal_by_breaking_between_words() -> None:
    said = printed(table((ID, WHY, "1.00 USD")), width=80)

    assert max(map(len, said.splitlines())) <= 80
    assert " ".join(said.split()).count("the payer wrote") == 1


def test_what_does_not_fit_is_told_row_by_row() -> None:
    said = printed(table((ID, WHY, ""), ("second", "", "2.00 USD")), width=40)

    assert said.splitlines()[1:] == [f"id: {ID}", f"why: {WHY}", "", "id: second", "sum: 2.00 USD", ""]


def test_in_a_file_a_row_is_a_line() -> None:
    said = printed(table((ID, WHY, "1.00 USD")), width=80, terminal=False)

    assert [line for line in said.splitlines() if ID in line and WHY in line and "1.00 USD" in line]


words = st.text("abcdefgh_0123456789", min_size=1, max_size=70)
cells = st.lists(words, max_size=5).map(" ".join)


@given(
    rows=st.lists(st.tuples(cells, cells, cells), min_size=1, max_size=4),
    width=st.integers(10, 250),
    terminal=st.booleans(),
)
def test_every_word_of_every_row_is_there_whole(
    rows: list[tuple[str, str, str]], width: int, terminal: bool
) -> None:
    said = printed(table(*rows), width=width, terminal=terminal).split()

    assert not {word for row in rows for cell in row for word in cell.split()} - set(said)
