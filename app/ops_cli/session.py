"""The saved session of an operator: one file, for its owner's eyes only."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from app.client_cli import calls
from app.ops_cli.settings import OpsSettings

_OWNER_ONLY = 0o600


class NotSignedIn(Exception):
    """There is no session to speak with."""


@dataclass(frozen=True, slots=True)
class Saved:
    """Where one is signed in."""

    url: str
    token: str = field(repr=False)


def current(settings: OpsSettings) -> Saved:
    """The session to speak with: of the environment, else the saved one.

    raises: NotSignedIn
    """
    kept = _read(settings.file)
    url = settings.url or (kept.url if kept is not None else "")
    token = settings.token.get_secret_value() or (kept.token if kept is not None else "")
    if not url or not token:
        raise NotSignedIn("you are not signed in: pennyrail ops login --url https://…")
    if kept is not None and token == kept.token and calls.origin(url) != calls.origin(kept.url):
        # A token goes to the service that gave it, and nowhere else.
        raise NotSignedIn(f"you are signed in at {kept.url}: pennyrail ops login --url {url}")
    return Saved(calls.origin(url), token)


def save(file: Path, saved: Saved) -> None:
    """Keep a session."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = file.with_name(f"{file.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY), "w") as opened:
        json.dump({"url": saved.url, "token": saved.token}, opened)
    fresh.replace(file)


def forget(file: Path) -> None:
    """Keep it no more."""
    file.unlink(missing_ok=True)


def _read(file: Path) -> Saved | None:
    try:
        found = json.loads(file.read_text())
        return Saved(str(found["url"]), str(found["token"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
