"""One run of one command: which service it speaks to, as whom, and the calls it makes."""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

from app.client_cli import calls, config, outcomes, settings
from app.client_cli.config import Saved
from app.client_cli.outcomes import PROGRAM, Fields, Outcome, Refused

DEFAULT_BASE_URL: Final = "http://127.0.0.1:8402"
# What may stand in a header and is no space.
_TOKEN: Final = re.compile(r"[!-~]{1,4096}")


@dataclass(frozen=True, slots=True)
class Shared:
    """The options that every command has."""

    api_base_url: str | None = None
    token: str | None = field(default=None, repr=False)
    token_stdin: bool = False
    pretty: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """A token, and where it was found."""

    token: str = field(repr=False)
    source: str


class Visit:
    """What a command knows of the world outside. Everything is read when it is first asked for."""

    def __init__(self, label: str, shared: Shared) -> None:
        self.label = label
        self.shared = shared
        self.settings = settings.read()

    @cached_property
    def config_path(self) -> Path:
        """Where the config is."""
        try:
            return config.path(self.settings)
        except config.NotWritable as error:
            raise Refused(self.cannot_write(None, str(error))) from None

    @cached_property
    def saved(self) -> Saved | None:
        """The saved config, None if there is none."""
        try:
            return config.read(self.config_path)
        except config.NotReadable as error:
            raise Refused(self._cannot_read(str(error))) from None

    @cached_property
    def base_url(self) -> str:
        """The address of the service: by flag, by environment, as saved, or the sandbox's."""
        given, source = self._address()
        try:
            return calls.origin(given)
        except calls.NotAnAddress as error:
            recovery = {"required_flag": "--api-base-url", "suggested_command": f"{PROGRAM} doctor --json"}
            raise Refused(outcomes.invalid(self.label, f"{source} {error}", recovery=recovery)) from None

    @cached_property
    def shown(self) -> Shown | None:
        """The token to show: from standard input, by flag, by environment, or as saved. None without any.

        A saved token is shown at the address that it was saved for and nowhere else.
        """
        given = self._given()
        if given is not None:
            return Shown(self._wellformed(given.token), given.source)
        if self.saved is None:
            return None
        self._refuse_elsewhere(self.saved)
        return Shown(self._wellformed(self.saved.token), "saved_config")

    def drain(self) -> None:
        """Read a token that was offered on standard input to a command that needs none, and drop it."""
        if self.shared.token_stdin and not sys.stdin.isatty():
            sys.stdin.read()

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Outcome:
        """The outcome of a GET as the agent."""
        return self.call("GET", path, token=self.required_token(), query=query)

    def post(self, path: str, body: Fields, *, same_again: str | None = None) -> Outcome:
        """The outcome of a POST as the agent. `same_again` is its command if that is safe to repeat."""
        return self.call("POST", path, token=self.required_token(), body=body, same_again=same_again)

    def call(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        query: Mapping[str, str] | None = None,
        body: Fields | None = None,
        same_again: str | None = None,
    ) -> Outcome:
        """The outcome of one call, whatever becomes of it."""
        with calls.opened(self.base_url) as client:
            try:
                response = calls.send(client, method, path, token=token, query=query, body=body)
            except calls.Unreachable as error:
                return calls.unreachable(self.label, self.base_url, error, same_again=same_again)
            return calls.meaning(self.label, response)

    def required_token(self, *, after_auth: str | None = None) -> str:
        """The token. `after_auth` is the command to come back to.

        raises: Refused
        """
        if self.shown is None:
            raise Refused(self.no_token(after_auth))
        return self.shown.token

    def no_token(self, after_auth: str | None = None) -> Outcome:
        """The refusal of somebody without a token."""
        back = {} if after_auth is None else {"after_auth": after_auth}
        return outcomes.failure(
            self.label,
            "AUTH_REQUIRED",
            f"an agent token is required: sign up, or give one by --token-stdin or PENNYRAIL_TOKEN;"
            f" none is saved in {self.config_path}",
            exit_code=outcomes.AUTH,
            recovery={
                "suggested_command": outcomes.SIGNUP,
                "optional_flags": ["--token-stdin", "--token"],
                **back,
            },
        )

    def cannot_write(self, file: Path | None, reason: str) -> Outcome:
        """The refusal of a command that cannot save what it has to save."""
        what = "the config cannot be written" if file is None else f"{file} cannot be written"
        return outcomes.failure(
            self.label,
            "PUBLIC_CLI_CONFIG_WRITE_FAILED",
            f"{what}: {reason}",
            exit_code=outcomes.STORAGE,
            recovery={
                "config_path_env": settings.variable("config_path"),
                "suggested_config_path": "$PWD/.pennyrail-agent/config.json",
                "suggested_command": 'PENNYRAIL_CONFIG_PATH="$PWD/.pennyrail-agent/config.json" '
                + outcomes.SIGNUP,
                "fallback_command": outcomes.SIGNUP.replace(" --json", " --show-token --no-save --json"),
                "fallback_auth_method": "PENNYRAIL_TOKEN",
            },
        )

    def _address(self) -> tuple[str, str]:
        if self.shared.api_base_url is not None:
            return self.shared.api_base_url, "--api-base-url"
        if self.settings.api_base_url:
            return self.settings.api_base_url, "PENNYRAIL_API_BASE_URL"
        if self.saved is not None:
            return self.saved.api_base_url, f"api_base_url in {self.config_path}"
        return DEFAULT_BASE_URL, "the default address"

    def _given(self) -> Shown | None:
        if self.shared.token_stdin:
            return Shown(self._from_stdin(), "stdin")
        if self.shared.token is not None:
            return Shown(self.shared.token.strip(), "flag")
        if self.settings.token:
            return Shown(self.settings.token, "environment")
        return None

    def _from_stdin(self) -> str:
        told = "" if sys.stdin.isatty() else sys.stdin.read(8192).strip()
        if not told:
            raise Refused(self._bad_token("--token-stdin needs the token on standard input, by a pipe"))
        return told

    def _wellformed(self, token: str) -> str:
        if not _TOKEN.fullmatch(token):
            raise Refused(
                self._bad_token("what was given as the token cannot be one: it is empty or has spaces")
            )
        return token

    def _bad_token(self, message: str) -> Outcome:
        recovery = {
            "required_flag": "--token-stdin",
            "suggested_command": f"{PROGRAM} auth status --json",
        }
        return outcomes.invalid(self.label, message, recovery=recovery)

    def _refuse_elsewhere(self, saved: Saved) -> None:
        try:
            its_own = calls.origin(saved.api_base_url)
        except calls.NotAnAddress as error:
            raise Refused(self._cannot_read(f"api_base_url {error}")) from None
        if its_own == self.base_url:
            return
        message = (
            f"the saved token belongs to {its_own} and is not sent to {self.base_url}: leave out the other"
            " address, or give a token of that service by --token-stdin or PENNYRAIL_TOKEN, or sign up there"
            " under a PENNYRAIL_CONFIG_PATH of its own"
        )
        recovery = {
            "saved_api_base_url": its_own,
            "requested_api_base_url": self.base_url,
            "config_path_env": settings.variable("config_path"),
            "suggested_command": f"{PROGRAM} auth status --api-base-url {its_own} --json",
        }
        raise Refused(
            outcomes.failure(self.label, "AUTH_REQUIRED", message, exit_code=outcomes.AUTH, recovery=recovery)
        )

    def _cannot_read(self, reason: str) -> Outcome:
        return outcomes.failure(
            self.label,
            "PUBLIC_CLI_CONFIG_READ_FAILED",
            f"{self.config_path} is there and cannot be used: {reason}",
            exit_code=outcomes.STORAGE,
            recovery={
                "config_path_env": settings.variable("config_path"),
                "suggested_command": f"{PROGRAM} auth logout --json",
            },
        )
