"""`pennyrail credits receipt`: the signed receipt of a purchase, and the keys to check it with."""

import shlex
import time
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import quote as escaped

import typer

from app.client_cli import calls, outcomes
from app.client_cli.command import command
from app.client_cli.outcomes import PROGRAM, SUGGESTED, Outcome, Refused
from app.client_cli.visit import Visit

_KEYS_PATH: Final = "/.well-known/pennyrail-receipt-keys.json"
_PAUSE_SECONDS: Final = 2.0


def register(credits: typer.Typer) -> None:
    """Add the command to `pennyrail credits`."""
    command(
        credits,
        "credits receipt",
        example=f"{PROGRAM} credits receipt RECEIPT_ID --save-keys keys.json --json > receipt.json",
        suggest=lambda _given: SUGGESTED.activity(),
    )(receipt)


def receipt(
    visit: Visit,
    receipt_id: Annotated[
        str, typer.Argument(metavar="RECEIPT_ID", help="data.receipt.receipt_id of a status")
    ],
    save_keys: Annotated[
        Path | None, typer.Option(metavar="FILE", help="write the public keys of the service there, too")
    ] = None,
    timeout_seconds: Annotated[
        float,
        typer.Option(help="wait this long for the seal, which is made after the grant", min=0, max=3600),
    ] = 30,
) -> Outcome:
    """Show the signed receipt of a purchase. `pennyrail receipt verify FILE --key KEYS` checks it offline."""
    if save_keys is not None:
        _save_keys(visit, save_keys)
    path, give_up_at = f"/v1/receipts/{escaped(receipt_id, safe='')}", time.monotonic() + timeout_seconds
    while True:
        outcome, left = visit.get(path), give_up_at - time.monotonic()
        if outcome.error_code != "RECEIPT_NOT_SEALED_YET" or left <= 0:
            return _with_proof(visit, outcome, receipt_id) if outcome.ok else outcome
        time.sleep(min(_PAUSE_SECONDS, left))


def _with_proof(visit: Visit, outcome: Outcome, receipt_id: str) -> Outcome:
    """The receipt under the name of its command, with the commands that check its signature."""
    named = shlex.quote(receipt_id)
    commands = [
        f"{PROGRAM} credits receipt {named} --save-keys keys.json --json > receipt.json",
        f"{PROGRAM} receipt verify receipt.json --key keys.json",
    ]
    told = {
        "command": f"{PROGRAM} {visit.label}",
        "data": {**outcome.data, "verify_commands": commands},
    }
    return Outcome(outcome.envelope | told, outcome.exit_code)


def _save_keys(visit: Visit, file: Path) -> None:
    """The keys as they are published. They are the same for everybody, so nothing of them is secret."""
    with calls.opened(visit.base_url) as client:
        try:
            response = calls.send(client, "GET", _KEYS_PATH)
        except calls.Unreachable as error:
            raise Refused(calls.unreachable(visit.label, visit.base_url, error)) from None
    if response.status_code != 200 or '"keys"' not in response.text:
        raise Refused(calls.meaning(visit.label, response))
    try:
        file.write_text(response.text)
    except OSError as error:
        message = f"the file of --save-keys cannot be written: {error.strerror}"
        recovery = {"required_flag": "--save-keys", "suggested_command": f"{PROGRAM} doctor --json"}
        failed = outcomes.failure(
            visit.label,
            "PUBLIC_CLI_FILE_WRITE_FAILED",
            message,
            exit_code=outcomes.STORAGE,
            recovery=recovery,
        )
        raise Refused(failed) from None
