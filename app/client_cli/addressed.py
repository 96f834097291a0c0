"""Suggested commands at the service that was named by --api-base-url: without it they would go elsewhere."""

import re
import shlex
from dataclasses import replace
from typing import Final

from app.client_cli import calls
from app.client_cli.outcomes import PROGRAM, Outcome

_OPTION: Final = "--api-base-url"
# Every suggested command asks for JSON, alone or within a sentence.
_COMMAND: Final = re.compile(rf"\b{PROGRAM} [^`]*?(?= --json\b)")


def at(outcome: Outcome, address: object) -> Outcome:
    """The outcome with the address in every command it suggests; as it is if `address` is none."""
    if not isinstance(address, str):
        return outcome
    try:
        base_url = calls.origin(address)
    except calls.NotAnAddress:
        return outcome
    told = {name: _with(value, base_url) for name, value in outcome.envelope.items()}
    return replace(outcome, envelope=told)


def _with(told: object, base_url: str) -> object:
    if isinstance(told, dict):
        return {name: _with(value, base_url) for name, value in told.items()}
    if isinstance(told, list):
        return [_with(value, base_url) for value in told]
    if isinstance(told, str):
        return _COMMAND.sub(lambda found: _added(found, base_url), told)
    return told


def _added(told: re.Match[str], base_url: str) -> str:
    command = told[0]
    return command if _OPTION in command else f"{command} {_OPTION} {shlex.quote(base_url)}"
