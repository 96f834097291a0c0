"""How a function becomes a command of agents: the options they all have, and what it tells in the end."""

import inspect
from collections.abc import Callable
from typing import Annotated, Final

import typer

from app.client_cli import outcomes, printing
from app.client_cli.arguments import AgentCommand, Suggest
from app.client_cli.outcomes import PROGRAM, SUGGESTED, Outcome, Refused
from app.client_cli.visit import Shared, Visit

Act = Callable[..., Outcome]


def _shared(
    api_base_url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="the service; else PENNYRAIL_API_BASE_URL, else as saved, else the sandbox at"
            " http://127.0.0.1:8402",
        ),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(metavar="TOKEN", help="the agent's token; others on this machine can see it here"),
    ] = None,
    token_stdin: Annotated[bool, typer.Option("--token-stdin", help="read the token from a pipe")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="the envelope as JSON; this is the default")
    ] = False,
    pretty: Annotated[bool, typer.Option("--pretty", help="sentences and tables for people")] = False,
) -> None:
    """The options that every command has."""


SHARED: Final = tuple(
    each.replace(kind=inspect.Parameter.KEYWORD_ONLY)
    for each in inspect.signature(_shared).parameters.values()
)


class Run:
    """A function of a visit as typer calls it: with its own options and the shared ones."""

    def __init__(self, label: str, act: Act, *, example: str, suggest: Suggest | None) -> None:
        self.label = label
        self.act = act
        self.suggest: Suggest = suggest or (lambda _given: example)
        own = [
            each.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            for each in list(inspect.signature(act).parameters.values())[1:]
        ]
        self.__doc__ = act.__doc__
        self.__name__ = act.__name__
        self.__signature__ = inspect.Signature([*own, *SHARED])
        self.__annotations__ = {each.name: each.annotation for each in (*own, *SHARED)}

    def __call__(self, **given: object) -> None:
        """Carry it out, tell what became of it, and end the process."""
        shared = {each.name: given.pop(each.name) for each in SHARED}
        pretty = shared["pretty"] is True
        address, token = shared["api_base_url"], shared["token"]
        visit = Visit(
            self.label,
            Shared(
                api_base_url=address if isinstance(address, str) else None,
                token=token if isinstance(token, str) else None,
                token_stdin=shared["token_stdin"] is True,
                pretty=pretty,
            ),
        )
        outcome = self._outcome(visit, given)
        printing.show(outcome, pretty=pretty)
        raise typer.Exit(outcome.exit_code)

    def _outcome(self, visit: Visit, given: dict[str, object]) -> Outcome:
        try:
            return self.act(visit, **given)
        except Refused as refused:
            return refused.outcome
        except KeyboardInterrupt:
            return outcomes.failure(
                self.label,
                "INTERRUPTED",
                "interrupted; what the service has begun goes on there",
                exit_code=outcomes.INTERRUPTED,
                recovery={
                    "suggested_command": SUGGESTED.quota(),
                    "suggested_commands": [SUGGESTED.quota(), SUGGESTED.activity()],
                },
            )
        except Exception as error:
            # Its message may hold what was typed; its name cannot.
            return outcomes.failure(
                self.label,
                "PUBLIC_CLI_FAILED",
                f"the command failed here, on this machine: {type(error).__name__}",
                exit_code=1,
                recovery={"suggested_command": f"{PROGRAM} doctor --json"},
            )


def command(
    group: typer.Typer, label: str, *, example: str, suggest: Suggest | None = None
) -> Callable[[Act], Act]:
    """Register a function of a visit as the command `label`.

    `example` stands in its help. `suggest` makes the command that fits out of one that did not; without it
    that is the example.
    """

    def register(act: Act) -> Act:
        epilog = f"Example:\n\n\b\n  {example}"
        run = Run(label, act, example=example, suggest=suggest)
        group.command(label.rpartition(" ")[2], cls=AgentCommand, epilog=epilog)(run)
        return act

    return register
