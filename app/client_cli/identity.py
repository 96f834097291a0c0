"""Who an agent is: `signup`, `claim request`, `whoami`, `auth`, and what it has left: `usage quota`."""

import shlex
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from app.client_cli import config, outcomes
from app.client_cli.arguments import AgentGroup
from app.client_cli.command import command
from app.client_cli.config import Saved
from app.client_cli.outcomes import PROGRAM, SUGGESTED, Fields, Outcome, Refused
from app.client_cli.visit import Visit

auth = typer.Typer(help="The token on this machine.", cls=AgentGroup, no_args_is_help=True)
claim = typer.Typer(help="A person behind the agent.", cls=AgentGroup, no_args_is_help=True)

_QUOTA: Final = SUGGESTED.quota()
# The service says this of a token that is shown; one that was saved was not shown.
_SHOWN_ONCE: Final = "hosted restricted token is returned once"
_CLAIM: Final = f"{PROGRAM} claim request --contact CONTACT --json"


def register(cli: typer.Typer) -> None:
    """Add the commands that stand in no group."""
    command(cli, "signup", example=outcomes.SIGNUP, suggest=_signup_that_fits)(signup)
    command(cli, "whoami", example=f"{PROGRAM} whoami --json")(whoami)
    command(cli, "usage", example=_QUOTA)(usage)
    command(cli, "quota", example=f"{PROGRAM} quota --json")(quota)


def _signup_that_fits(given: Mapping[str, str]) -> str:
    named = {"agent_name": "my-agent", "runtime": "shell", **given}
    contact = f" --agent-contact {shlex.quote(given['agent_contact'])}" if "agent_contact" in given else ""
    name, runtime = shlex.quote(named["agent_name"]), shlex.quote(named["runtime"])
    return f"{PROGRAM} signup --agent{contact} --agent-name {name} --runtime {runtime} --json"


def signup(
    visit: Visit,
    agent: Annotated[bool, typer.Option("--agent", help="required: the one who signs up is an agent")],
    agent_name: Annotated[str, typer.Option(metavar="NAME", help="what the agent is called")],
    runtime: Annotated[str, typer.Option(metavar="RUNTIME", help="where it runs, such as codex or shell")],
    agent_contact: Annotated[
        str | None,
        typer.Option(
            metavar="EMAIL", help="an inbox: signing up with it again is the same agent, with a new token"
        ),
    ] = None,
    human_email: Annotated[
        str | None, typer.Option(metavar="EMAIL", help="an older name of --agent-contact")
    ] = None,
    discovery_source: Annotated[
        str | None, typer.Option(metavar="SLUG", help="where this agent heard of the service")
    ] = None,
    show_token: Annotated[
        bool, typer.Option("--show-token", "--return-token", help="show the token, this once")
    ] = False,
    save: Annotated[bool, typer.Option("--save/--no-save", help="save the token for later commands")] = True,
) -> Outcome:
    """Become an agent, or come back as the same one with a fresh token. The token is saved, not shown."""
    assert agent
    visit.drain()
    if save:
        _probe(visit)
    body = {
        "agent_contact": _inbox(agent_contact),
        "human_email": _inbox(human_email),
        "agent_name": agent_name,
        "runtime": runtime,
        "discovery_source": discovery_source or visit.settings.discovery_source or None,
    }
    asked = {name: value for name, value in body.items() if value is not None}
    outcome = visit.call("POST", "/v1/agent-signups", body={**asked, "return_token": save or show_token})
    return _signed_up(visit, outcome, save=save, show=show_token) if outcome.ok else outcome


def _signed_up(visit: Visit, outcome: Outcome, *, save: bool, show: bool) -> Outcome:
    token = outcomes.text(outcome.data.get("token"))
    if token is None and (save or show):
        raise Refused(_no_token_came(visit))
    storage = _stored(visit, outcome, token) if save and token else _not_stored()
    shown = token if show else None
    told = outcome.envelope.get("warnings")
    warnings = [
        each
        for each in (told if isinstance(told, list) else [])
        if shown or not (isinstance(each, str) and each.startswith(_SHOWN_ONCE))
    ]
    data = {
        **{name: value for name, value in outcome.data.items() if name != "human_email"},
        "token": shown,
        "token_presented": shown is not None,
        "storage": {**outcomes.mapping(outcome.data.get("storage")), **storage},
        "auth_handoff": _handoff(visit, saved=save, shown=show),
    }
    if "previous_config_path" in storage:
        warnings.append(
            "the token that was saved here before is kept beside, at storage.previous_config_path"
        )
    label = {"command": f"{PROGRAM} {visit.label}", "data": data, "warnings": warnings}
    return Outcome(outcome.envelope | label, outcome.exit_code)


def _stored(visit: Visit, outcome: Outcome, token: str) -> Fields:
    actor = outcome.data.get("actor") or outcome.envelope.get("actor")
    fresh = Saved(visit.base_url, token, _now(), outcomes.mapping(actor) or None)
    kept = {}
    try:
        previous = _previous(visit, fresh)
        if previous is not None:
            kept = {"previous_config_path": str(config.keep_previous(visit.config_path, previous))}
        config.write(visit.config_path, fresh)
    except config.NotWritable as error:
        raise Refused(visit.cannot_write(visit.config_path, str(error))) from None
    return {"saved": True, "config_path": str(visit.config_path), "reason": None, **kept}


def _previous(visit: Visit, fresh: Saved) -> Saved | None:
    """The saved token that somebody may still need, None if there is none.

    The same agent's is refused from now on. Of a token that was saved by hand nobody knows whose it is.
    """
    try:
        before = config.read(visit.config_path)
    except config.NotReadable:
        return None
    if before is None or before.token == fresh.token:
        return None
    known = before.actor is not None and before.actor == fresh.actor
    return None if known and before.api_base_url == fresh.api_base_url else before


def _not_stored() -> Fields:
    return {"saved": False, "config_path": None, "reason": "--no-save was given"}


def _handoff(visit: Visit, *, saved: bool, shown: bool) -> Fields:
    presented = "token_presented" if shown else "no_token"
    return {
        "status": "saved_config_ready" if saved else presented,
        "next_command": _QUOTA if saved else None,
        "with_env": f'PENNYRAIL_TOKEN="$TOKEN" {_QUOTA}',
        "with_stdin": f'printf %s "$TOKEN" | {_QUOTA.replace(" --json", " --token-stdin --json")}',
        "api_base_url": visit.base_url,
    }


def _no_token_came(visit: Visit) -> Outcome:
    return outcomes.failure(
        visit.label,
        "AUTH_REQUIRED",
        "the service has signed the agent up and returned no token, so nothing could be saved",
        exit_code=outcomes.AUTH,
        recovery={"suggested_command": outcomes.SIGNUP},
    )


@command(claim, "claim request", example=_CLAIM)
def claim_request(
    visit: Visit,
    contact: Annotated[
        str, typer.Option(metavar="EMAIL", help="the inbox of whoever stands behind the agent")
    ],
) -> Outcome:
    """Attach a contact to this agent. It proves nothing and changes no right of the agent."""
    return visit.post("/v1/agent-claims", {"contact": _inbox(contact)})


def whoami(visit: Visit) -> Outcome:
    """Show who the token belongs to."""
    return visit.get("/v1/whoami")


def quota(visit: Visit) -> Outcome:
    """Show the balance; the same as `usage quota`."""
    return visit.get("/v1/quota")


def usage(
    visit: Visit, what: Annotated[str, typer.Argument(metavar="[quota]", help="the balance")] = "quota"
) -> Outcome:
    """Show what this agent may spend, which purchases are on their way, and how to get more."""
    if what != "quota":
        message = "usage knows only `quota`"
        raise Refused(outcomes.invalid(visit.label, message, recovery={"suggested_command": _QUOTA}))
    return visit.get("/v1/quota")


@command(auth, "auth status", example=f"{PROGRAM} auth status --json")
def auth_status(visit: Visit) -> Outcome:
    """Tell whether there is a token, where it was found, and whose it is. Without one it exits 0, too."""
    if visit.shown is None:
        nobody: Fields = {
            "authenticated": False,
            "auth_source": None,
            "api_base_url": visit.base_url,
            "config_path": str(visit.config_path),
            "suggested_command": outcomes.SIGNUP,
        }
        return outcomes.success(visit.label, nobody)
    outcome = visit.get("/v1/whoami")
    if not outcome.ok:
        return outcome
    data = {**outcome.data, "auth_source": visit.shown.source, "api_base_url": visit.base_url}
    return Outcome(
        outcome.envelope | {"command": f"{PROGRAM} {visit.label}", "data": data}, outcome.exit_code
    )


@command(
    auth,
    "auth save",
    example=f'printf %s "$TOKEN" | {PROGRAM} auth save --token-stdin --json',
)
def auth_save(visit: Visit) -> Outcome:
    """Save a token from --token-stdin, --token or PENNYRAIL_TOKEN, with the address that it is for."""
    shown = visit.shown
    if shown is None or shown.source == "saved_config":
        recovery = {
            "required_flag": "--token-stdin",
            "suggested_command": f'printf %s "$TOKEN" | {PROGRAM} auth save --token-stdin --json',
        }
        raise Refused(outcomes.invalid(visit.label, "give the token to save by a pipe", recovery=recovery))
    fresh = Saved(visit.base_url, shown.token, _now(), None)
    try:
        previous = _previous(visit, fresh)
        kept = config.keep_previous(visit.config_path, previous) if previous else None
        config.write(visit.config_path, fresh)
    except config.NotWritable as error:
        raise Refused(visit.cannot_write(visit.config_path, str(error))) from None
    data = {
        "saved": True,
        "config_path": str(visit.config_path),
        "previous_config_path": None if kept is None else str(kept),
        "api_base_url": visit.base_url,
        "auth_source": shown.source,
        "next_command": f"{PROGRAM} auth status --json",
    }
    return outcomes.success(visit.label, data)


@command(auth, "auth logout", example=f"{PROGRAM} auth logout --json")
def auth_logout(visit: Visit) -> Outcome:
    """Delete the saved token. It is stored nowhere else: without a contact the agent is lost with it."""
    visit.drain()
    file: Path = visit.config_path
    try:
        removed = config.remove(file)
    except config.NotWritable as error:
        raise Refused(visit.cannot_write(file, str(error))) from None
    return outcomes.success(visit.label, {"logged_out": True, "removed": removed, "config_path": str(file)})


def _probe(visit: Visit) -> None:
    """Only a token that can be saved is asked for: the service shows it once."""
    try:
        config.probe(visit.config_path)
    except config.NotWritable as error:
        raise Refused(visit.cannot_write(visit.config_path, str(error))) from None


def _inbox(given: str | None) -> str | None:
    return given.strip().lower() if given is not None else None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
