"""`pennyrail receipt`: keys for receipts, and checking one without the service that issued it."""

import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from ledger import keys, proof
from ledger.errors import BadKey, ReceiptError
from ledger.keys import PublicKey, SigningKey
from ledger.settings import ReceiptSettings

cli = typer.Typer(help="Signed receipts.", no_args_is_help=True)
out = Console(highlight=False)
PUBLISHED: Final = Path("receipt-keys.json")
Keys = Annotated[Path, typer.Option("--keys", help="the set to write; PENNYRAIL_RECEIPT_KEYS_FILE names it")]
Public = Annotated[Path, typer.Argument(help="a public key in PEM, as `keygen` writes it")]


@cli.command()
def verify(
    file: Annotated[Path, typer.Argument(help="the receipt: a JWS, or the answer that has it")],
    key: Annotated[
        Path | None, typer.Option(help="the public key in PEM, or the published set; default: our own")
    ] = None,
) -> None:
    """Check a receipt with the public key alone, and say what it proves. Exits 1 if it proves nothing."""
    try:
        text = _read(file)
        proven = proof.verify(proof.find(text), keys=public_keys(key))
        proof.compare(text, proven)
    except ReceiptError as error:
        out.print(f"NOT PROVEN   {error} ({error.code})", soft_wrap=True, markup=False)
        raise typer.Exit(1) from None
    for line in proven.lines():
        out.print(line, soft_wrap=True, markup=False)
    out.print(
        "the receipt is genuine: it proves what stands above, and nothing else that its file says",
        soft_wrap=True,
    )


@cli.command()
def keygen(
    file: Annotated[
        Path, typer.Argument(help="where the private key goes; the public one goes beside it")
    ] = Path("receipt-key.pem"),
) -> None:
    """Write a new pair of keys. Never overwrites one."""
    made, beside = SigningKey.generate(), file.with_suffix(".pub.pem")
    try:
        _write_new(file, made.pem(), mode=0o600)
        _write_new(beside, made.public.pem(), mode=0o644)
    except FileExistsError as error:
        raise typer.BadParameter(f"{error.filename} exists; it is not overwritten") from None
    except OSError as error:
        raise typer.BadParameter(f"{error.filename} cannot be written") from None
    out.print(f"private  {file}  (set PENNYRAIL_RECEIPT_KEY_FILE to it)", soft_wrap=True)
    out.print(f"public   {beside}", soft_wrap=True)
    out.print(f"kid      {made.public.thumbprint}", soft_wrap=True)


@cli.command()
def publish_key(public: Public, keys_file: Keys = PUBLISHED) -> None:
    """Publish a key that is to sign soon, so that nobody meets a receipt whose key they cannot find."""
    _amend(keys_file, _one(public), until=None)


@cli.command()
def retire_key(public: Public, keys_file: Keys = PUBLISHED) -> None:
    """Publish that a key signs no more from now on. What was sealed until now stays proven by it."""
    _amend(keys_file, _one(public), until=datetime.now(UTC))


def _amend(file: Path, key: PublicKey, *, until: datetime | None) -> None:
    """Write the set with this key in it, whole or not at all: the service may be reading it."""
    before = keys.read_public(_read(file)) if file.exists() else []
    others = [each for each in before if each.thumbprint != key.thumbprint]
    written = json.dumps(keys.jwks(replace(key, signs_until=until), *others), indent=1)
    beside = file.with_suffix(f"{file.suffix}.new")
    try:
        beside.write_text(written + "\n")
        beside.replace(file)
    except OSError as error:
        raise typer.BadParameter(f"{file} cannot be written: {error.strerror}") from None
    for each in keys.read_public(written):
        told = f"signed until {each.signs_until}" if each.signs_until is not None else "may sign"
        out.print(f"{each.thumbprint}  {told}", soft_wrap=True)


def _one(file: Path) -> PublicKey:
    [key, *_] = keys.read_public(_read(file))
    return key


def public_keys(file: Path | None) -> list[PublicKey]:
    """The keys in a file, or our own if none is given.

    raises: BadKey
    """
    if file is not None:
        return keys.read_public(_read(file))
    settings = ReceiptSettings()
    own = settings.signing_key
    if own is None:
        raise BadKey("give the public key with --key FILE; this installation has none of its own")
    return [own.public, *settings.other_keys]


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError):
        raise typer.BadParameter(f"{file} cannot be read as text") from None


def _write_new(file: Path, text: str, *, mode: int) -> None:
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as opened:
        opened.write(text)
