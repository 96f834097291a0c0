"""`pennyrail receipt` and `pennyrail ledger`: what a person types to check a receipt and the book."""

import json
import stat
from pathlib import Path

import psycopg
import pytest
from pydantic import ValidationError
from typer.testing import CliRunner, Result

from app.cli import cli
from ledger import keys, receipts, seals
from ledger.database import Sessions
from ledger.keys import SigningKey
from ledger.settings import ReceiptSettings
from tests.ledger.full_book import do
from tests.ledger.make import NOON, grant

KEY = SigningKey.generate()


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(each) for each in arguments], env={"COLUMNS": "200"})


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "key.pub.pem"
    path.write_text(KEY.public.pem())
    return path


@pytest.fixture
def receipt(sessions: Sessions, tmp_path: Path) -> Path:
    do(sessions, grant("purchase:1", 500, cents=490))
    seals.seal_all(sessions, now=NOON)
    path = tmp_path / "receipt.jws"
    with sessions() as session:
        path.write_text(receipts.issue(session, transaction_id=1, key=KEY))
    return path


def test_a_genuine_receipt_tells_line_by_line_what_it_proves(receipt: Path, key_file: Path) -> None:
    done = run("receipt", "verify", receipt, "--key", key_file)

    assert done.exit_code == 0, done.output
    for told in ("500, for 490 cents", "agt_1", KEY.public.thumbprint, "1 of 1", "the receipt is genuine"):
        assert told in done.output


def test_the_answer_of_the_service_and_the_published_keys_will_do(receipt: Path, tmp_path: Path) -> None:
    answer, published = tmp_path / "answer.json", tmp_path / "keys.json"
    answer.write_text(json.dumps({"ok": True, "data": {"jws": receipt.read_text()}, "error": None}))
    published.write_text(json.dumps(keys.jwks(KEY.public)))

    assert run("receipt", "verify", answer, "--key", published).exit_code == 0


@pytest.mark.parametrize("part", [{"credits_granted": 50000}, {"received_cents": 1}])
def test_an_answer_that_says_other_numbers_beside_the_receipt_is_refused(
    receipt: Path, key_file: Path, tmp_path: Path, part: dict[str, int]
) -> None:
    answer = tmp_path / "answer.json"
    said = {"credits_granted": 500, "received_cents": 490}
    answer.write_text(json.dumps({"data": {"jws": receipt.read_text(), "receipt": said}}))
    assert run("receipt", "verify", answer, "--key", key_file).exit_code == 0

    answer.write_text(json.dumps({"data": {"jws": receipt.read_text(), "receipt": {**said, **part}}}))

    done = run("receipt", "verify", answer, "--key", key_file)
    assert done.exit_code == 1
    assert "changed_receipt" in done.output


NOT_SEALED = {"ok": False, "data": None, "error": {"code": "RECEIPT_NOT_SEALED_YET"}}


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("", "not_a_receipt"),
        ("hello", "not_a_receipt"),
        ("{", "not_a_receipt"),
        ("{}", "not_a_receipt"),
        ('{"error": "x", "data": 7}', "not_a_receipt"),
        ("a.b.c", "not_a_receipt"),
        ("\u00e9.\u00e9.\u00e9", "not_a_receipt"),
        (json.dumps(NOT_SEALED), "unsealed_receipt"),
    ],
)
def test_a_file_that_is_no_receipt_is_refused_clearly(
    tmp_path: Path, key_file: Path, content: str, code: str
) -> None:
    bad = tmp_path / "bad"
    bad.write_text(content)

    done = run("receipt", "verify", bad, "--key", key_file)

    assert (done.exit_code, code in done.output) == (1, True), done.output


def test_a_changed_a_cut_and_a_foreign_receipt_are_told_apart(
    receipt: Path, key_file: Path, tmp_path: Path
) -> None:
    other, whole = tmp_path / "other.pem", receipt.read_text()
    other.write_text(SigningKey.generate().public.pem())
    receipt.write_text(whole[:-8])

    cut = run("receipt", "verify", receipt, "--key", key_file)
    receipt.write_text(whole)
    foreign = run("receipt", "verify", receipt, "--key", other)
    missing = run("receipt", "verify", tmp_path / "nothing", "--key", key_file)

    assert (cut.exit_code, "a part of one" in cut.output or "cut off" in cut.output) == (1, True), cut.output
    assert (foreign.exit_code, "signed_with_another_key" in foreign.output) == (1, True)
    assert (missing.exit_code, "cannot be read" in missing.output) == (2, True)


@pytest.mark.parametrize("text", ["", "x", "{}", '{"keys": []}', '{"keys": [{"kty": "oct"}]}', "[]"])
def test_a_bad_key_is_refused_clearly(receipt: Path, tmp_path: Path, text: str) -> None:
    bad = tmp_path / "bad.pem"
    bad.write_text(text)

    done = run("receipt", "verify", receipt, "--key", bad)

    assert (done.exit_code, "bad_receipt_key" in done.output) == (1, True), done.output


def test_a_private_key_is_not_taken_for_a_public_one(receipt: Path, tmp_path: Path) -> None:
    private = tmp_path / "private.pem"
    private.write_text(KEY.pem())

    done = run("receipt", "verify", receipt, "--key", private)

    assert done.exit_code == 1
    assert "private" in done.output
    assert KEY.pem().splitlines()[1] not in done.output


def test_keygen_writes_a_pair_that_works_and_never_overwrites(tmp_path: Path) -> None:
    file = tmp_path / "house.pem"

    made, again = run("receipt", "keygen", file), run("receipt", "keygen", file)

    assert (made.exit_code, again.exit_code) == (0, 2), again.output
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    [public] = keys.read_public((tmp_path / "house.pub.pem").read_text())
    assert public.thumbprint == SigningKey.read(file.read_text()).public.thumbprint
    assert public.thumbprint in made.output


def test_the_key_comes_from_the_environment_or_a_file_and_is_never_quoted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, receipt: Path
) -> None:
    file = tmp_path / "key.pem"
    file.write_text(KEY.pem())
    secret = KEY.pem().splitlines()[1]

    monkeypatch.setenv("PENNYRAIL_RECEIPT_KEY", KEY.pem().replace("\n", "\\n"))
    given = ReceiptSettings()
    verified = run("receipt", "verify", receipt)
    monkeypatch.setenv("PENNYRAIL_RECEIPT_KEY_FILE", str(file))
    with pytest.raises(ValidationError, match="not both"):
        ReceiptSettings()
    monkeypatch.setenv("PENNYRAIL_RECEIPT_KEY", "")
    assert ReceiptSettings().signing_key is not None
    monkeypatch.setenv("PENNYRAIL_RECEIPT_KEY_FILE", "")
    assert ReceiptSettings().signing_key is None
    monkeypatch.setenv("PENNYRAIL_RECEIPT_KEY", secret)
    with pytest.raises(ValidationError) as refused:
        ReceiptSettings()

    assert given.signing_key is not None
    assert secret not in repr(given)
    assert verified.exit_code == 0
    assert secret not in json.dumps([each["msg"] for each in refused.value.errors()])


def test_the_book_is_sealed_and_verified_from_the_command_line(
    sessions: Sessions, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    do(sessions, grant("g", 9))

    sealed, nothing, clean = run("ledger", "seal"), run("ledger", "seal"), run("ledger", "verify")
    with psycopg.connect(database_url) as forger:
        forger.execute("ALTER TABLE ledger_transaction DISABLE TRIGGER ALL")
        forger.execute("UPDATE ledger_transaction SET actor = 'x'")
    broken, plain = run("ledger", "verify"), run("ledger", "verify", "--json")

    assert (sealed.output, nothing.output) == ("seal 1: 1 transactions\n", "nothing to seal\n")
    assert (clean.exit_code, "1 of them sealed" in clean.output) == (0, True)
    assert (broken.exit_code, "FIRST BROKEN  told of transaction 1" in broken.output) == (1, True)
    told = json.loads(plain.output)
    assert (plain.exit_code, told["clean"], told["transactions"], told["sealed"]) == (1, False, 1, 1)
    assert "told of transaction 1" in told["drifts"][0]


def test_a_key_is_published_then_retired_and_the_service_refuses_to_sign_with_it(
    receipt: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("receipt", "keygen", tmp_path / "next.pem")
    (tmp_path / "old.pub.pem").write_text(KEY.public.pem())
    file = tmp_path / "keys.json"

    published = run("receipt", "publish-key", tmp_path / "next.pub.pem", "--keys", file)
    retired = run("receipt", "retire-key", tmp_path / "old.pub.pem", "--keys", file)
    verified = run("receipt", "verify", receipt, "--key", file)
    monkeypatch.setenv("PENNYRAIL_RECEIPT_KEYS_FILE", str(file))
    monkeypatch.setenv("PENNYRAIL_RECEIPT_KEY", KEY.pem())
    with pytest.raises(ValidationError, match="is retired"):
        ReceiptSettings()
    monkeypatch.setenv("PENNYRAIL_RECEIPT_KEY", (tmp_path / "next.pem").read_text())
    given = ReceiptSettings()

    assert (published.exit_code, retired.exit_code, verified.exit_code) == (0, 0, 0), verified.output
    assert "signed until" in retired.output
    assert given.signing_key is not None
    own = given.signing_key.public
    assert [each["kid"] for each in keys.jwks(own, *given.other_keys)["keys"]].count(own.thumbprint) == 1
    assert len(given.other_keys) == 2
