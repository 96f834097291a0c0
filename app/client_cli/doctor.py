"""`pennyrail doctor`: whether the service answers, and what of it is saved on this machine."""

import stat

import typer

from app.client_cli import outcomes
from app.client_cli.command import command
from app.client_cli.outcomes import PROGRAM, Fields, Outcome, Refused
from app.client_cli.visit import Visit


def register(cli: typer.Typer) -> None:
    """Add the command."""
    command(cli, "doctor", example=f"{PROGRAM} doctor --json")(doctor)


def doctor(visit: Visit) -> Outcome:
    """Tell whether the service answers. Always exits 0: what is wrong stands in the answer."""
    # Slow to import, and only wanted here.
    from importlib import metadata

    visit.drain()
    data = {
        "client": {"name": PROGRAM, "version": metadata.version(PROGRAM)},
        "config": _config(visit),
        "hosted_api": _service(visit),
    }
    return outcomes.success(visit.label, data)


def _service(visit: Visit) -> Fields:
    try:
        answer = visit.call("GET", "/healthz")
        address: str | None = visit.base_url
    except Refused as refused:
        answer, address = refused.outcome, None
    return {
        "api_base_url": address,
        # Whoever answers in envelopes is there, ready or not.
        "reachable": answer.ok,
        "status": answer.data.get("status"),
        "api_version": answer.data.get("api_version"),
        "error": answer.envelope.get("error"),
    }


def _config(visit: Visit) -> Fields:
    try:
        file, saved = visit.config_path, visit.saved
    except Refused as refused:
        return {"usable": False, "error": refused.outcome.envelope["error"]}
    try:
        mode = stat.S_IMODE(file.stat().st_mode)
    except OSError:
        mode = None
    return {
        "usable": True,
        "path": str(file),
        "token_saved": saved is not None,
        "api_base_url": None if saved is None else saved.api_base_url,
        "actor": None if saved is None else saved.actor,
        "saved_at": None if saved is None else saved.saved_at,
        "mode": None if mode is None else f"{mode:04o}",
        "readable_by_others": bool(mode is not None and mode & 0o077),
    }
