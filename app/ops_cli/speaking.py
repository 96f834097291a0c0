"""One call to the console, as JSON; what it refuses is said in one line."""

import sys
from collections.abc import Mapping
from typing import Any, NoReturn

import httpx
import typer

from app.client_cli import calls
from app.ops_cli.session import NotSignedIn, Saved, current
from app.ops_cli.settings import OpsSettings

_JSON = {"accept": "application/json"}


def get(path: str, query: Mapping[str, Any]) -> Any:
    """What a page shows."""
    return _ask("GET", path, params={name: value for name, value in query.items() if value not in (None, "")})


def post(path: str, fields: Mapping[str, Any], *, code: str = "") -> Any:
    """Do what a form does. A code is asked for on the terminal if it is needed and none was given."""
    told = {name: value for name, value in fields.items() if value is not None}
    answer = _send("POST", path, data={**told, "code": code})
    if _code_of(answer) == "CODE_NEEDED" and not code and sys.stdin.isatty():
        answer = _send("POST", path, data={**told, "code": typer.prompt("Code from your app")})
    return _read(answer)


def sign_in(url: str, *, email: str, password: str, code: str) -> Saved:
    """A session at a service."""
    base = calls.origin(url)
    with calls.opened(base) as client:
        try:
            fields = {"email": email, "password": password, "code": code}
            answer = client.post("/console/sign-in", data=fields, headers=_JSON)
        except httpx.HTTPError as error:
            _end(f"{base} does not answer: {type(error).__name__}")
    return Saved(base, str(_read(answer)["token"]))


def download(path: str, to: Any) -> int:
    """Write what a page serves as a file; how many bytes it was."""
    _check_ours(path)
    saved, written = _session(), 0
    with calls.opened(saved.url, read_seconds=600) as client:
        headers = {"authorization": f"Bearer {saved.token}"}
        with client.stream("GET", path, headers=headers) as answer:
            if answer.status_code != 200:
                answer.read()
                _read(answer)
            for part in answer.iter_bytes():
                written += to.write(part)
    return written


def _ask(method: str, path: str, **what: Any) -> Any:
    return _read(_send(method, path, **what))


def _send(method: str, path: str, **what: Any) -> httpx.Response:
    _check_ours(path)
    saved = _session()
    with calls.opened(saved.url) as client:
        headers = {**_JSON, "authorization": f"Bearer {saved.token}"}
        try:
            return client.request(method, path, headers=headers, **what)
        except httpx.ConnectError:
            _end(f"{saved.url} does not answer: is it up?")
        except httpx.HTTPError as error:
            doubt = "; it may have been done: look before you repeat it" if method == "POST" else ""
            _end(f"no whole answer came from {saved.url} ({type(error).__name__}){doubt}")


def _check_ours(path: str) -> None:
    # Anything else could name another host, which would be shown the token.
    if not path.startswith("/console/"):
        _end(f"{path} is no page of the console: its pages begin with /console/")


def _session() -> Saved:
    try:
        return current(OpsSettings())
    except (NotSignedIn, calls.NotAnAddress) as error:
        _end(str(error))


def _read(answer: httpx.Response) -> Any:
    if answer.status_code == 404 and "json" not in answer.headers.get("content-type", ""):
        _end("this service has no console: PENNYRAIL_CONSOLE_KEYS is not set there")
    if answer.status_code >= 300:
        code = _code_of(answer)
        message = answer.json()["error"]["message"] if code else f"HTTP {answer.status_code}"
        hint = {"SIGN_IN_NEEDED": ": pennyrail ops login --url https://…", "CODE_NEEDED": ": add --code"}.get(
            code or "", ""
        )
        _end(f"{message}{hint}", exit_code={"SIGN_IN_NEEDED": 3, "FORBIDDEN": 4}.get(code or "", 1))
    return answer.json()


def _code_of(answer: httpx.Response) -> str | None:
    try:
        return str(answer.json()["error"]["code"])
    except (ValueError, KeyError, TypeError):
        return None


def _end(message: str, *, exit_code: int = 1) -> NoReturn:
    typer.echo(f"pennyrail: {message}", err=True)
    raise typer.Exit(exit_code)
