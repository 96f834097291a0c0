"""What a data set is: columns, and rows that are read as they are written."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sqlmodel import Session, text

from office.exports import snapshot
from office.exports.columns import Column, Row
from office.exports.scope import Scope


@dataclass(frozen=True, slots=True)
class DataSet:
    """Rows of one sort. `about` is how many there may be, guessed without reading them."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: Callable[[Session, Scope], Iterator[Row]]
    about: Callable[[Session, Scope], int]
    of_agents: bool = False
    """Whether it can be had of one agent alone."""
    needs_agent: bool = False
    at_its_end: bool = False
    """Whether it tells how things are when the period ends, whenever it began."""


def of_query(
    name: str,
    title: str,
    columns: Sequence[Column],
    query: str,
    *,
    of_agents: bool = False,
    at_its_end: bool = False,
) -> DataSet:
    """A data set that one query tells, in the order of its columns."""
    asked = text(query)
    return DataSet(
        name=name,
        title=title,
        columns=tuple(columns),
        rows=lambda session, scope: snapshot.rows(session, asked, scope.given()),
        about=lambda session, scope: snapshot.about(session, asked, scope.given()),
        of_agents=of_agents,
        at_its_end=at_its_end,
    )
