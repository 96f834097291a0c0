"""An archive proves itself without the book, and shows every change."""

import fcntl
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner, Result

from app.cli import cli
from ledger import archive, proof, receipts, seals
from ledger.database import Sessions
from ledger.errors import BrokenArchive, NotSealed
from ledger.keys import SigningKey
from sandbox import house
from tests.ledger import full_book
from tests.ledger.make import NOON

KEY = SigningKey.generate()
Lines = list[str]


@pytest.fixture
def book(sessions: Sessions) -> Sessions:
    full_book.write(sessions)
    assert len(seals.seal_all(sessions, now=NOON, most=10)) > 4
    return sessions


@pytest.fixture
def lines(book: Sessions) -> Lines:
    return archived(book, first=2, last=4)


def archived(sessions: Sessions, *, first: int, last: int, key: SigningKey | None = KEY) -> Lines:
    with sessions() as session:
        return list(archive.write(session, first=first, last=last, key=key))


def count(url: str, statement: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute(statement.encode()).fetchone()
    assert row is not None
    return int(row[0])


def test_the_whole_book_is_proven_from_its_archives_alone(book: Sessions, database_url: str) -> None:
    last = count(database_url, "SELECT max(number) FROM seal")

    older = archive.verify(archived(book, first=1, last=3), keys=[KEY.public])
    newer = archive.verify(archived(book, first=4, last=last), keys=[KEY.public])

    assert (older.previous, newer.previous) == ("", older.hash)
    assert older.transactions + newer.transactions == count(database_url, "SELECT count(*) FROM seal_leaf")
    assert older.entries + newer.entries == count(database_url, "SELECT count(*) FROM entry")
    assert newer.key == KEY.public.thumbprint


def test_a_receipt_of_long_ago_is_found_in_the_archive(book: Sessions, lines: Lines) -> None:
    with book() as session:
        receipt = receipts.issue(session, transaction_id=15, key=KEY)

    proven = proof.verify(receipt, keys=[KEY.public])

    told = [json.loads(line) for line in lines]
    place = next(at for at, each in enumerate(told) if each.get("seal") == proven.seal)
    assert proof.granted(json.loads(told[place + 1 + proven.place]["content"])) == proven.granted


def replaced(old: str, new: str, *, nth: int) -> Callable[[Lines], Lines]:
    def change(lines: Lines) -> Lines:
        assert old in lines[nth]
        return [*lines[:nth], lines[nth].replace(old, new, 1), *lines[nth + 1 :]]

    return change


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(replaced("outcome", "Outcome", nth=2), id="a content"),
        pytest.param(
            lambda lines: replaced("|CREDIT|", "|CREDIT |", nth=entries_at(lines))(lines), id="an entry"
        ),
        pytest.param(lambda lines: lines[:2] + lines[3:], id="a leaf is missing"),
        pytest.param(lambda lines: [*lines[:2], lines[3], lines[2], *lines[4:]], id="leaves change places"),
        pytest.param(lambda lines: [lines[0], *lines[12:]], id="a seal is missing"),
        pytest.param(lambda lines: lines[:-1], id="the end is missing"),
        pytest.param(lambda lines: [*lines, lines[2]], id="something is added"),
        pytest.param(lambda lines: lines[1:], id="the head is missing"),
        pytest.param(lambda lines: [*lines[:-1], '{"signed":null}'], id="the signature is missing"),
        pytest.param(lambda lines: [*lines[:-1], "no json"], id="no json"),
        pytest.param(lambda _lines: [], id="nothing"),
        pytest.param(lambda _lines: ["[]"], id="another json"),
    ],
)
def test_every_change_is_seen(lines: Lines, change: Callable[[Lines], Lines]) -> None:
    archive.verify(lines, keys=[KEY.public])

    with pytest.raises(BrokenArchive):
        archive.verify(change(lines), keys=[KEY.public])


def entries_at(lines: Lines) -> int:
    return next(at for at, line in enumerate(lines) if "|CREDIT|" in line)


def test_a_chain_that_was_worked_out_anew_has_another_end_and_no_signature(lines: Lines) -> None:
    told = [json.loads(line) for line in lines]
    places = [at for at, each in enumerate(told) if "seal" in each]
    told[places[0]]["seal"]["sealed_at_microseconds"] += 1
    for at, place in enumerate(places):
        if at:
            told[place]["seal"]["previous"] = told[places[at - 1]]["seal"]["hash"]
        told[place]["seal"]["hash"] = seals.digest(told[place]["seal"])
    forged = [json.dumps(each) for each in told]

    assert archive.verify(forged).hash != archive.verify(lines).hash
    with pytest.raises(BrokenArchive, match="not signed by this key"):
        archive.verify(forged, keys=[KEY.public])


def test_a_signature_of_another_house_is_refused(lines: Lines) -> None:
    with pytest.raises(BrokenArchive, match="not signed by this key"):
        archive.verify(lines, keys=[SigningKey.generate().public])


@pytest.mark.parametrize(("first", "last"), [(0, 2), (3, 2), (1, 9999), (9999, 9999)])
def test_only_seals_that_are_there_are_archived(book: Sessions, first: int, last: int) -> None:
    with pytest.raises(NotSealed):
        archived(book, first=first, last=last)


def test_a_book_that_was_changed_is_not_archived(book: Sessions, database_url: str) -> None:
    with psycopg.connect(database_url) as superuser:
        superuser.execute("ALTER TABLE entry DISABLE TRIGGER ALL")
        superuser.execute(
            "UPDATE entry SET amount = amount + 1"
            " WHERE transaction_id IN (SELECT transaction_id FROM seal_leaf WHERE seal = 3)"
        )

    with pytest.raises(BrokenArchive, match="seal 3: its leaves do not lead to its root"):
        archived(book, first=2, last=4)


def run(*words: object, **environment: str) -> Result:
    return CliRunner().invoke(cli, [str(each) for each in words], env={"COLUMNS": "200", **environment})


def test_an_archive_of_a_sandbox_is_signed_by_the_key_of_its_house(
    book: Sessions, database_url: str, tmp_path: Path
) -> None:
    folder, file, key_file = tmp_path / "dev", tmp_path / "book.jsonl", tmp_path / "key.pub.pem"
    folder.mkdir()
    own = SigningKey.read(house.receipt_key(folder).read_text())
    key_file.write_text(own.public.pem())
    addresses = house.Addresses("http://127.0.0.1:1", database_url, "", "", "")
    (folder / house.ADDRESSES).write_text(json.dumps(asdict(addresses)))

    with (folder / house.LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = run("ledger", "archive", 1, 3, file, "--folder", folder, PENNYRAIL_RECEIPT_KEY=KEY.pem())
    found = run("ledger", "verify-archive", file, "--key", key_file)

    assert made.exit_code == 0, made.output
    assert f"signed by the key {own.public.thumbprint}" in made.output
    assert f"by the key {own.public.thumbprint}" in found.output, found.output


def test_an_archive_without_a_key_says_so(book: Sessions, database_url: str, tmp_path: Path) -> None:
    made = run("ledger", "archive", 1, 3, tmp_path / "book.jsonl", DATABASE_URL=database_url)

    assert made.exit_code == 0, made.output
    assert "NOT SIGNED" in made.output
    assert "PENNYRAIL_RECEIPT_KEY_FILE" in made.output


def test_an_operator_archives_and_somebody_else_verifies(
    book: Sessions, database_url: str, tmp_path: Path
) -> None:
    file, key_file = tmp_path / "2026-07.jsonl", tmp_path / "key.pub.pem"
    key_file.write_text(KEY.public.pem())
    given = {"DATABASE_URL": database_url, "PENNYRAIL_RECEIPT_KEY": KEY.pem()}

    made = run("ledger", "archive", 1, 3, file, **given)
    again = run("ledger", "archive", 1, 3, file, **given)
    found = run("ledger", "verify-archive", file, "--key", key_file)
    file.write_text(file.read_text().replace("debit", "Debit", 1))
    broken = run("ledger", "verify-archive", file, "--key", key_file)

    assert made.exit_code == 0, made.output
    assert again.exit_code == 2
    assert found.exit_code == 0, found.output
    assert f"by the key {KEY.public.thumbprint}" in found.output
    assert broken.exit_code == 1
    assert "BROKEN" in broken.output
