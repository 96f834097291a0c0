"""The saved config: one file with the token of one agent at one address, for its owner's eyes only."""

import contextlib
import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from app.client_cli.settings import AgentSettings

OWNER_ONLY = 0o600
OWNER_ONLY_FOLDER = 0o700
LARGEST_BYTES = 65_536


class NotWritable(Exception):
    """The config cannot be written there; the message says why."""


class NotReadable(Exception):
    """There is a config, and it cannot be read or is none; the message says why."""


@dataclass(frozen=True, slots=True)
class Saved:
    """What the file holds."""

    api_base_url: str
    token: str = field(repr=False)
    saved_at: str
    actor: dict[str, object] | None


def path(settings: AgentSettings) -> Path:
    """Where the config is: named, else under the XDG folder, else under the home folder.

    raises: NotWritable if there is neither a setting nor a home folder.
    """
    if settings.config_path:
        return Path(settings.config_path)
    # The XDG specification says to ignore a path that is not absolute.
    if settings.xdg_config_home.startswith("/"):
        return Path(settings.xdg_config_home, "pennyrail", "config.json")
    try:
        return Path.home() / ".config" / "pennyrail" / "config.json"
    except RuntimeError:
        raise NotWritable("this user has no home folder") from None


def read(file: Path) -> Saved | None:
    """The saved config, None if there is none.

    raises: NotReadable
    """
    try:
        with file.open("rb") as opened:
            raw = opened.read(LARGEST_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise NotReadable(error.strerror or type(error).__name__) from None
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        raise NotReadable("it is not JSON") from None
    match found:
        case {"api_base_url": str(address), "token": str(token)} if address and token:
            actor = found.get("actor")
            saved_at = str(found.get("saved_at") or "")
            return Saved(address, token, saved_at, actor if isinstance(actor, dict) else None)
        case _:
            raise NotReadable("it has no api_base_url and token")


def probe(file: Path) -> None:
    """Find out that `write` would work, and leave nothing behind but the folder.

    raises: NotWritable
    """
    if file.is_dir():
        raise NotWritable("it is a folder")
    beside = _write_beside(_real(file), "")
    beside.unlink()


def write(file: Path, saved: Saved) -> None:
    """Save the config, whole or not at all. Whatever was there is replaced.

    raises: NotWritable
    """
    content = {
        "api_base_url": saved.api_base_url,
        "token": saved.token,
        "saved_at": saved.saved_at,
        "actor": saved.actor,
    }
    real = _real(file)
    beside = _write_beside(real, json.dumps(content, indent=2) + "\n")
    try:
        beside.replace(real)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise NotWritable(error.strerror or type(error).__name__) from None


def keep_previous(file: Path, previous: Saved) -> Path:
    """Save what `write` is about to replace beside it: a token is stored nowhere else. Where it went.

    raises: NotWritable
    """
    kept = file.with_name(f"{file.stem}.previous-{secrets.token_hex(4)}{file.suffix}")
    write(kept, previous)
    return kept


def remove(file: Path) -> bool:
    """Forget the config, behind a link too. Whether there was one.

    raises: NotWritable
    """
    real = _real(file)
    try:
        real.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise NotWritable(error.strerror or type(error).__name__) from None
    return True


def _real(file: Path) -> Path:
    """The file behind a link, so that the link stays."""
    try:
        return file.resolve()
    except (OSError, RuntimeError) as error:
        raise NotWritable(getattr(error, "strerror", None) or "its links go in a circle") from None


def _write_beside(file: Path, content: str) -> Path:
    beside = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        file.parent.mkdir(mode=OWNER_ONLY_FOLDER, parents=True, exist_ok=True)
        # Nobody else may read it for a moment either: the mode is there before the content.
        opened = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
        with os.fdopen(opened, "w", encoding="utf-8") as writing:
            writing.write(content)
            writing.flush()
            os.fsync(writing.fileno())
    except OSError as error:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
        raise NotWritable(error.strerror or type(error).__name__) from None
    return beside
