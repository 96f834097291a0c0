"""A statement of one agent on paper.

The fonts are those that every reader of PDF has, which know Latin letters. Other letters are told by their
base letter if they have one, and by their number if not: a name is never guessed.
"""

import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime
from typing import BinaryIO, Final

from fpdf import FPDF
from fpdf.enums import XPos, YPos
from sqlmodel import Session, text

from ledger.statements import Line, Statement
from office.exports.errors import NotExportable, TooLong
from office.exports.scope import Scope
from office.exports.sets import statement

MOST_LINES: Final = 20_000
_AGENT: Final = text("SELECT agent_name FROM agent WHERE agent_id = :agent")
_FONT: Final = "Helvetica"
_ROW: Final = 5.2
# Millimetres: 190 between the margins of a page.
_WIDTHS: Final = (34, 26, 74, 28, 28)
_HEADINGS: Final = ("Booked (UTC)", "What", "About", "Credits", "Balance")
_RIGHT: Final = frozenset({"Credits", "Balance"})


class _Paper(FPDF):
    """Pages with the agent above and their number below."""

    heading = ""

    def header(self) -> None:
        self.set_font(_FONT, "", 8)
        self.set_text_color(90)
        self.cell(95, 6, self.heading)
        self.cell(95, 6, "Pennyrail", align="R", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.set_text_color(0)
        if self.page_no() > 1:
            columns(self)

    def footer(self) -> None:
        self.set_y(-14)
        self.set_font(_FONT, "", 8)
        self.set_text_color(90)
        self.cell(0, 6, f"Page {self.page_no()} of {{nb}}", align="C")
        self.set_text_color(0)


def write(session: Session, scope: Scope, out: BinaryIO, *, told: Callable[[int], None]) -> None:
    """Write the statement. `told` hears of every page of lines, how many there were.

    raises: NotExportable without an agent or a beginning; TooLong over MOST_LINES; UnknownAccount
    """
    if scope.agent_id is None or scope.begins_at is None:
        raise NotExportable("a statement on paper is of one agent, from one day to another")
    paper = _opened(session, scope.agent_id, scope)
    lines = 0
    for number, page in enumerate(statement.pages(session, scope)):
        if number == 0:
            _summary(paper, page)
            columns(paper)
            _total(paper, "Opening balance", page.opening.units)
        lines += len(page.lines)
        if lines > MOST_LINES:
            raise TooLong(most=MOST_LINES)
        for line in page.lines:
            _line(paper, line)
        told(len(page.lines))
    _total(paper, "Closing balance", page.period_closing.units)
    _end(paper, page)
    out.write(paper.output())


def latin(written: str) -> str:
    """The text in letters that the fonts have: `é` stays, `ł` is `<U+0142>`, `ā` is `a`."""
    return "".join(map(_latin, written))


def _latin(letter: str) -> str:
    if not letter.isprintable():
        return " "
    if letter.encode("latin-1", errors="ignore"):
        return letter
    base = unicodedata.normalize("NFKD", letter).encode("latin-1", errors="ignore").decode("latin-1")
    return base or f"<U+{ord(letter):04X}>"


def _opened(session: Session, agent_id: str, scope: Scope) -> _Paper:
    name = session.connection().execute(_AGENT, {"agent": agent_id}).scalar_one_or_none() or ""
    paper = _Paper(format="A4")
    paper.set_creation_date(scope.ends_at)
    paper.set_title(latin(f"Statement of {agent_id}"))
    paper.set_lang("en")
    paper.set_auto_page_break(True, margin=18)
    paper.heading = latin(f"Statement of credits, {agent_id}")
    paper.add_page()
    paper.set_font(_FONT, "B", 17)
    paper.cell(0, 11, "Statement of credits", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    paper.set_font(_FONT, "", 10)
    for label, value in (("Agent", agent_id), ("Name", name), ("Period", _period(scope))):
        paper.cell(26, 5.5, label)
        paper.multi_cell(0, 5.5, latin(value), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    return paper


def _period(scope: Scope) -> str:
    assert scope.begins_at is not None
    return f"{_time(scope.begins_at)} until before {_time(scope.ends_at)}, UTC"


def _summary(paper: _Paper, first: Statement) -> None:
    paper.cell(26, 5.5, "Balance")
    opening, closing = f"{first.opening.units:,}", f"{first.period_closing.units:,}"
    paper.cell(0, 5.5, f"{opening} credits at first, {closing} credits at the end")
    paper.ln(9)


def columns(paper: FPDF) -> None:
    """Write the headings of the columns."""
    paper.set_font(_FONT, "B", 8.5)
    paper.set_fill_color(235)
    for heading, width in zip(_HEADINGS, _WIDTHS, strict=True):
        paper.cell(width, _ROW + 1, heading, align="R" if heading in _RIGHT else "L", fill=True)
    paper.ln(_ROW + 1)
    paper.set_font(_FONT, "", 8.5)


def _line(paper: _Paper, line: Line) -> None:
    what = line.kind.replace("_", " ")
    about = line.about.words() or line.reference
    _cells(paper, (_time(line.at), what, about, f"{line.amount.units:+,}", f"{line.balance.units:,}"))


def _total(paper: _Paper, what: str, units: int) -> None:
    paper.set_font(_FONT, "B", 8.5)
    _cells(paper, ("", what, "", "", f"{units:,}"))
    paper.set_font(_FONT, "", 8.5)


def _cells(paper: _Paper, values: tuple[str, ...]) -> None:
    for value, heading, width in zip(values, _HEADINGS, _WIDTHS, strict=True):
        align = "R" if heading in _RIGHT else "L"
        # A total may run into the empty cell beside it.
        room = 200 if heading == "What" and values[2] == "" else width
        paper.cell(width, _ROW, _fitting(paper, latin(value), room - 2), align=align)
    paper.ln(_ROW)


def _fitting(paper: _Paper, written: str, room: float) -> str:
    if paper.get_string_width(written) <= room:
        return written
    while written and paper.get_string_width(written + "...") > room:
        written = written[:-1]
    return written + "..."


def _end(paper: _Paper, last: Statement) -> None:
    paper.ln(4)
    paper.set_font(_FONT, "", 8.5)
    held, available = last.period_closing_held.units, (last.period_closing - last.period_closing_held).units
    told = (
        f"{held:,} credits of the closing balance are set aside for jobs that have not ended; {available:,}"
        " can be spent. Holds that were placed and given back move no credits. One credit is bought for one"
        " US cent."
    )
    paper.multi_cell(0, 4.6, told, align="L")


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
