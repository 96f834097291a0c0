"""The statement on paper: every line, pages, text that can be selected, and names of any alphabet."""

import re
import zlib
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import text

from ledger.database import Sessions
from ledger.errors import UnknownAccount
from office.exports.errors import NotExportable, TooLong
from office.exports.formats import statement_pdf
from tests.ledger import make
from tests.ledger.full_book import do
from tests.office.exporting import LATER, written

BEGINS = datetime(2026, 1, 1, tzinfo=UTC)
STREAM = re.compile(rb"stream\r?\n(.*?)\r?\nendstream", re.DOTALL)
SHOWN = re.compile(rb"\((.*?)(?<!\\)\) Tj", re.DOTALL)


def pages(pdf: bytes) -> list[str]:
    """The text of every page, as a reader of PDF selects it."""
    assert pdf.startswith(b"%PDF-")
    found = [zlib.decompress(stream) for stream in STREAM.findall(pdf)]
    told = [re.sub(rb"\\([()\\])", rb"\1", b"\n".join(SHOWN.findall(stream))) for stream in found]
    return [each.decode("latin-1") for each in told if each]


def named(sessions: Sessions, name: str) -> None:
    with sessions() as session:
        session.connection().execute(
            text("INSERT INTO agent VALUES ('agt_1', 'org_1', NULL, :name, 'tests', NULL, now())"),
            {"name": name},
        )


def statement(sessions: Sessions, *, begins_at: datetime | None = BEGINS, ends_at: datetime = LATER) -> bytes:
    return written(sessions, "statement", "pdf", begins_at=begins_at, ends_at=ends_at, agent_id="agt_1")


def test_a_statement_has_every_line_between_opening_and_closing(sessions: Sessions) -> None:
    do(sessions, make.grant("bought", 500, cents=490), *(make.debit(f"d{n}", 3) for n in range(120)))

    found = pages(statement(sessions))

    assert len(found) == 3
    assert "Page 1 of \n3" in found[0]
    assert "Page 3 of \n3" in found[2]
    whole = "\n".join(found)
    assert whole.count("job of d") == 120
    assert "Opening balance\n0\n" in whole.replace("\n\n", "\n")
    assert "+500" in whole
    assert "Closing balance" in found[2]
    assert "140" in found[2]
    assert all("Booked (UTC)" in page for page in found)


def test_a_later_period_opens_with_the_closing_of_the_one_before(sessions: Sessions) -> None:
    do(sessions, make.grant("bought", 500, cents=490))
    between = datetime.now(UTC)
    do(sessions, make.debit("d", 20))

    first, second = (
        "\n".join(pages(pdf))
        for pdf in (statement(sessions, ends_at=between), statement(sessions, begins_at=between))
    )

    assert "0 credits at first, 500 credits at the end" in first
    assert "500 credits at first, 480 credits at the end" in second
    assert "job of d" not in first
    assert "+500" in first
    assert "+500" not in second


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Zoë & Söhne (Wien) \\o/", "Zoë & Söhne (Wien) \\o/"),
        ("Łódź Āris", "<U+0141>ódz Aris"),
        ("\u4e2d\u6587", "<U+4E2D><U+6587>"),
        ("\U0001f600 \u0645\u0631\u062d\u0628\u0627", "<U+1F600> <U+0645>"),
        ("a\u202eb\x07c", "a b c"),
        ("w" * 300, "w" * 40),
    ],
)
def test_a_name_of_any_alphabet_is_told_and_never_guessed(sessions: Sessions, name: str, shown: str) -> None:
    do(sessions, make.grant("bought", 5))
    named(sessions, name)

    found = pages(statement(sessions))

    assert shown in found[0].replace("\n", "" if " " not in shown else "\n")


def test_a_statement_too_long_for_paper_says_so(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statement_pdf, "MOST_LINES", 3)
    do(sessions, make.grant("bought", 500), *(make.debit(f"d{n}", 3) for n in range(3)))

    with pytest.raises(TooLong, match="at most 3 lines"):
        statement(sessions)


def test_a_statement_needs_an_agent_with_an_account_and_a_day(sessions: Sessions) -> None:
    with pytest.raises(UnknownAccount):
        statement(sessions)
    with pytest.raises(NotExportable):
        statement(sessions, begins_at=None)
    with pytest.raises(NotExportable):
        written(sessions, "statement", "pdf", begins_at=BEGINS)
    with pytest.raises(NotExportable):
        statement(sessions, begins_at=LATER + timedelta(days=1))
