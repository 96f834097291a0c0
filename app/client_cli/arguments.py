"""Arguments that do not fit, told as envelopes. Of what was typed only names of options are repeated."""

import difflib
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup
from typing_extensions import override

from app import credentials
from app.client_cli import addressed, outcomes, printing
from app.client_cli.outcomes import PROGRAM, Outcome

if TYPE_CHECKING:
    from typer._click import Context, HelpFormatter
    from typer._click.core import Command

Suggest = Callable[[Mapping[str, str]], str]

# Of the contract; the names that `credentials` knows come on top.
CREDENTIAL_FLAGS: Final = frozenset(
    {
        "payment-token",
        "payment-secret",
        "payment-required",
        "payment-signature",
        "payment-response",
        "authorization",
        "bearer-token",
        "wallet-private-key",
        "private-key",
        "mnemonic",
        "seed-phrase",
        "card",
        "card-number",
        "card-token",
        "stripe-secret-key",
        "stripe-webhook-secret",
        "provider-key",
        "provider-receipt",
    }
)
_PAYS: Final = frozenset({"credits quote", "credits buy"})
# More characters than any sentence has.
_SENTENCE: Final = 1000
_PLAIN: Final = re.compile(r"[a-z][a-z-]{0,40}")


class AgentCommand(TyperCommand):
    """A command whose wrong arguments are told as an envelope, and whose help is plain text."""

    @override
    def parse_args(self, ctx: "Context", args: list[str]) -> list[str]:
        """The arguments, or exit code 2."""
        self.rich_markup_mode = None
        label, typed = words(ctx), list(args)
        suggest = self._suggest()
        if (refusal := credential_refusal(label, self, ctx, typed)) is not None:
            stop(addressed.at(refusal, self._given(ctx, typed).get("api_base_url")), typed)
        try:
            return super().parse_args(ctx, args)
        except typer.TyperException as error:
            given = self._given(ctx, typed)
            texts = {name: str(value) for name, value in given.items() if isinstance(value, str | bool)}
            told = self._explained(label, error, given, suggest(texts))
            stop(addressed.at(told, given.get("api_base_url")), typed)

    def _suggest(self) -> Suggest:
        assert self.callback is not None
        found: Suggest = inspect.unwrap(self.callback).suggest
        return found

    def _given(self, ctx: "Context", args: list[str]) -> dict[str, object]:
        """The options and arguments that were given, by name, as far as they can be told.

        A name that is nearly an option's counts as that option: what was ordered stays ordered.
        """
        known = _options(self)
        left = [_corrected(each, known) for each in args]
        parser = self.make_parser(ctx)
        parser.ignore_unknown_options = True
        while left:
            try:
                options, _, _ = parser.parse_args(args=list(left))
            except typer.TyperException:
                # An option without its value stands at the end.
                left.pop()
            else:
                return {name: value for name, value in options.items() if value is not None}
        return {}

    def _explained(
        self, label: str, error: typer.TyperException, given: Mapping[str, object], suggestion: str
    ) -> Outcome:
        missing = [_spelled(each) for each in self.params if each.required and each.name not in given]
        recovery: dict[str, object] = {
            "suggested_command": suggestion,
            "help_command": f"{PROGRAM} {label} --help",
        }
        if missing:
            recovery |= {"required_flag": missing[0], "required_flags": missing}
        return outcomes.invalid(label, _sentence(error, missing, self), recovery=recovery)


class AgentGroup(TyperGroup):
    """A group of commands that tells an unknown one as an envelope."""

    @override
    def parse_args(self, ctx: "Context", args: list[str]) -> list[str]:
        """The arguments, or exit code 2."""
        self.rich_markup_mode = None
        typed = list(args)
        if not typed:
            # Like every other group: its help, and the exit code of a command that is not whole.
            typer.echo(ctx.get_help())
            raise typer.Exit(outcomes.INVALID)
        if typed[:1] and typed[0].startswith("-") and typed[0] != "--help":
            stop(unknown_command(self, ctx, ""), typed)
        return super().parse_args(ctx, args)

    @override
    def resolve_command(
        self, ctx: "Context", args: list[str]
    ) -> tuple[str | None, "Command | None", list[str]]:
        """The command, or exit code 2."""
        if self.get_command(ctx, args[0]) is None:
            stop(unknown_command(self, ctx, args[0]), args)
        return super().resolve_command(ctx, args)

    @override
    def format_commands(self, ctx: "Context", formatter: "HelpFormatter") -> None:
        """The commands, each with its whole first sentence however narrow the terminal is."""
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        rows = [
            (name, each.get_short_help_str(_SENTENCE)) for name, each in found if each and not each.hidden
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


class RootGroup(TyperGroup):
    """`pennyrail` itself: an unknown command is told as an envelope, for agents may know other versions."""

    @override
    def resolve_command(
        self, ctx: "Context", args: list[str]
    ) -> tuple[str | None, "Command | None", list[str]]:
        """The command, or exit code 2."""
        if not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            stop(unknown_command(self, ctx, args[0]), args)
        return super().resolve_command(ctx, args)


def unknown_command(group: TyperGroup, ctx: "Context", word: str) -> Outcome:
    """The refusal of a command that a group has not."""
    label = words(ctx)
    known = group.list_commands(ctx)
    near = difflib.get_close_matches(word, known, n=1)
    named = (
        f" `{word}`" if _PLAIN.fullmatch(word) and not credentials.looks_like_one(word) else " of this name"
    )
    guess = f"; did you mean `{near[0]}`?" if near else ""
    line = f"{PROGRAM} {label}".strip()
    recovery = {
        "suggested_command": f"{line} {near[0]} --help" if near else f"{line} --help",
        "commands": [f"{line} {each}" for each in known],
    }
    message = f"{line} has no command{named}{guess}"
    return outcomes.failure(
        label, "PUBLIC_CLI_COMMAND_NOT_AVAILABLE", message, exit_code=outcomes.INVALID, recovery=recovery
    )


def stop(outcome: Outcome, args: list[str]) -> NoReturn:
    """Tell an outcome and end the process.

    raises: typer.Exit
    """
    printing.show(outcome, pretty="--pretty" in args)
    raise typer.Exit(outcome.exit_code)


def words(ctx: "Context") -> str:
    """The words of a command after the program's own name."""
    found: list[str] = []
    here: Context | None = ctx
    while here is not None and here.parent is not None:
        found.insert(0, here.info_name or "")
        here = here.parent
    return " ".join(found)


def credential_refusal(label: str, command: "Command", ctx: "Context", args: list[str]) -> Outcome | None:
    """The refusal of payment credentials: of options, and of values in quote and buy. None without any."""
    known = {spelling for each in command.get_params(ctx) for spelling in each.opts}
    flag = next((each for each in _flags(args) if each not in known and _is_credential(each)), None)
    slipped = label in _PAYS and any(map(credentials.looks_like_one, _values(args)))
    if flag is None and not slipped:
        return None
    # Only names of the list are repeated: a secret may be glued to any other.
    named = flag if flag is not None and flag.removeprefix("--") in CREDENTIAL_FLAGS else None
    message = (
        f"{named or 'what was given'} is a payment credential:"
        " no command takes one, and it was neither sent nor kept"
    )
    recovery: dict[str, object] = {
        "suggested_command": f"{PROGRAM} credits methods --json",
        "help_command": f"{PROGRAM} {label} --help",
    }
    if named:
        recovery["rejected_flag"] = named
    return outcomes.failure(
        label, "PAYMENT_CREDENTIAL_FLAG_REJECTED", message, exit_code=outcomes.INVALID, recovery=recovery
    )


def _is_credential(flag: str) -> bool:
    name = flag.removeprefix("--")
    return name in CREDENTIAL_FLAGS or credentials.named(name)


def _flags(args: list[str]) -> Iterator[str]:
    for each in args:
        if each.startswith("--") and len(each) > 2:
            yield each.partition("=")[0]


def _values(args: list[str]) -> Iterator[str]:
    """Everything that is no option's name and not the agent's own token."""
    own = False
    for each in args:
        if not own and not each.startswith("--token="):
            yield each.partition("=")[2] if each.startswith("--") else each
        own = each == "--token"


def _spelled(parameter: object) -> str:
    options = [each for each in getattr(parameter, "opts", []) if each.startswith("--")]
    return options[0] if options else str(getattr(parameter, "metavar", "") or getattr(parameter, "name", ""))


def _sentence(error: typer.TyperException, missing: list[str], command: AgentCommand) -> str:
    unknown = getattr(error, "option_name", None)
    parameter = getattr(error, "param", None)
    if missing and parameter is not None and _spelled(parameter) in missing:
        return f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} required"
    if parameter is not None:
        return f"the value of {_spelled(parameter)} does not fit: see --help"
    if isinstance(unknown, str):
        return _unknown_option(unknown, command)
    return "there is an argument too many"


def _unknown_option(name: str, command: AgentCommand) -> str:
    known = _options(command)
    if name in known:
        return f"{name} is not used in this way: see --help"
    near = _near(name, known)
    guess = f"; did you mean {near}?" if near else ""
    return f"there is no option {name}{guess}" if _is_plain(name) else "an option is not known: see --help"


def _options(command: TyperCommand) -> list[str]:
    spellings = (spelling for each in command.params for spelling in (*each.opts, *each.secondary_opts))
    return [spelling for spelling in spellings if spelling.startswith("--")]


def _near(name: str, known: list[str]) -> str | None:
    near = difflib.get_close_matches(name, known, n=1) if _is_plain(name) else []
    return near[0] if near else None


def _corrected(typed: str, known: list[str]) -> str:
    """An option under the name that was meant; everything else as it is."""
    name, equals, value = typed.partition("=")
    if not name.startswith("--") or name in known:
        return typed
    return f"{_near(name, known) or name}{equals}{value}"


def _is_plain(name: str) -> bool:
    return _PLAIN.fullmatch(name.removeprefix("--")) is not None
